"""Rows of notifications."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import NotFound
from kernel.ids import AppointmentId, NotificationId, TenantId
from messages.content.model import Audience, MessageKind
from messages.model import ChannelName
from notifications.model import Notification, NotificationStatus, Outcome
from notifications.planning.recipients import Recipient, RecipientKind
from persistence.tables import notifications

KEPT_DAYS: Final = 90
"""Days for which a notification is kept."""
MOST_OF_VISIT: Final = 1000
"""Notifications of one visit that are looked at together: more than its moves and receivers make in their time."""
_COLUMNS: Final = (
    "id, kind, audience, recipient_kind, recipient_id, channel, appointment_id, appointment_version, visit_start,"
    " event_id, event_seq, rule, dedupe, due_at, status"
)
# A reminder that was withdrawn is there again if its visit is moved back to where it was.
_ADD: Final = text(
    f"""
    INSERT INTO notifications AS kept (tenant_id, {_COLUMNS})
    SELECT :tenant_id, {_COLUMNS} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (
        id text, kind text, audience text, recipient_kind text, recipient_id text, channel text, appointment_id text,
        appointment_version integer, visit_start timestamptz, event_id text, event_seq bigint, rule text, dedupe text,
        due_at timestamptz, status text
    )
    ON CONFLICT (tenant_id, dedupe) DO UPDATE SET status = 'planned', reason = NULL, due_at = excluded.due_at,
        appointment_version = excluded.appointment_version, updated_at = now()
        WHERE kept.status = 'withdrawn'
    RETURNING id, due_at
    """  # noqa: S608 - all of it is ours
)
_DELETE_OLD: Final = text(
    """
    WITH old AS (
        DELETE FROM notifications WHERE tenant_id = :tenant_id AND id IN (
            SELECT id FROM notifications
            WHERE tenant_id = :tenant_id AND created_at < :before AND status NOT IN ('planned', 'sending')
            ORDER BY id LIMIT :most
        ) RETURNING id
    )
    SELECT count(*) FROM old
    """
)
_CONSENT: Final = text(
    """
    SELECT DISTINCT ON (purpose) purpose, granted FROM consents
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND purpose = ANY (CAST(:purposes AS text[]))
    ORDER BY purpose, number DESC
    """
)
_table: Final = notifications


class NotificationRepository:
    """Notifications of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_of_visit(self, appointment_id: AppointmentId) -> list[Notification]:
        """The notifications about a visit, the newest first, locked until the transaction ends."""
        statement = (
            select(_table)
            .where(_table.c.tenant_id == self._tenant_id, _table.c.appointment_id == appointment_id)
            .order_by(_table.c.id.desc())
            .limit(MOST_OF_VISIT)
            .with_for_update()
        )
        return [_notification(row) for row in await self._connection.execute(statement)]

    async def add(self, added: Sequence[Notification]) -> list[tuple[NotificationId, datetime]]:
        """Add notifications of which there is none yet; the ids and times of those that are to be sent."""
        if not added:
            return []
        rows = orjson.dumps([_record(one) for one in added]).decode()
        found = await self._connection.execute(_ADD, {"tenant_id": self._tenant_id, "rows": rows})
        return [(NotificationId(row.id), row.due_at) for row in found]

    async def withdraw(self, ids: Sequence[NotificationId], reason: str) -> None:
        """Let planned notifications not be sent."""
        await self._update(ids, status=NotificationStatus.WITHDRAWN.value, reason=reason)

    async def let_tell(
        self, ids: Sequence[NotificationId], *, version: int, visit_start: datetime, event_seq: int | None
    ) -> None:
        """Let planned notices tell of a later state of their visit."""
        told = _table.c.event_seq if event_seq is None else event_seq
        await self._update(ids, appointment_version=version, visit_start=visit_start, event_seq=told)

    async def let_be_due(self, notification_id: NotificationId, due_at: datetime) -> None:
        """Change the time of a planned notification."""
        await self._update([notification_id], due_at=due_at)

    async def take(self, notification_id: NotificationId) -> Notification | None:
        """Lock a notification that may still be sent until the transaction ends; None: it may not."""
        statement = (
            select(_table)
            .where(_table.c.tenant_id == self._tenant_id, _table.c.id == notification_id)
            .with_for_update()
        )
        row = (await self._connection.execute(statement)).one_or_none()
        found = None if row is None else _notification(row)
        return found if found is not None and found.is_open else None

    async def find_user(self, notification_id: NotificationId) -> str | None:
        """Find the user who receives a notification; None where it is none."""
        statement = select(_table.c.recipient_id).where(
            _table.c.tenant_id == self._tenant_id,
            _table.c.id == notification_id,
            _table.c.recipient_kind == RecipientKind.USER.value,
        )
        found: str | None = await self._connection.scalar(statement)
        return found

    async def begin(self, notification_id: NotificationId) -> None:
        """Note that an attempt begins."""
        await self._connection.execute(
            update(_table)
            .where(_table.c.tenant_id == self._tenant_id, _table.c.id == notification_id)
            .values(status=NotificationStatus.SENDING.value, attempt=_table.c.attempt + 1, updated_at=func.now())
        )

    async def record(self, notification_id: NotificationId, outcome: Outcome) -> None:
        """Write down what came of a notification."""
        values: dict[str, object] = {"status": outcome.status.value, "reason": outcome.reason}
        if outcome.reference is not None:
            values["reference"] = outcome.reference
        if outcome.due_at is not None:
            values["due_at"] = outcome.due_at
        if outcome.status is NotificationStatus.SENT:
            values["sent_at"] = func.now()
        await self._update([notification_id], is_open_only=False, **values)

    async def has_refused(self, customer_id: str, purposes: Sequence[str]) -> bool:
        """True if the customer has said no to one of these purposes."""
        rows = await self._connection.execute(
            _CONSENT, {"tenant_id": self._tenant_id, "customer_id": customer_id, "purposes": list(purposes)}
        )
        return any(not row.granted for row in rows)

    async def count_sent(self, recipient_id: str, kinds: Sequence[MessageKind], since: datetime) -> int:
        """The number of messages of some kinds to one receiver that were begun since then."""
        statement = select(func.count()).where(
            _table.c.tenant_id == self._tenant_id,
            _table.c.recipient_id == recipient_id,
            _table.c.created_at >= since,
            _table.c.kind.in_([kind.value for kind in kinds]),
            _table.c.status.in_([NotificationStatus.SENT.value, NotificationStatus.SENDING.value]),
        )
        return int(await self._connection.scalar(statement) or 0)

    async def find(self, notification_id: str) -> Notification:
        """Find a notification that a caller names. Raises NotFound."""
        statement = select(_table).where(_table.c.tenant_id == self._tenant_id, _table.c.id == notification_id)
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            detail = f'There is no notification "{notification_id}".'
            raise NotFound(detail)
        return _notification(row)

    async def find_page(
        self, *, appointment_id: str | None, status: NotificationStatus | None, before: str | None, limit: int
    ) -> list[Notification]:
        """The next notifications, the newest first."""
        statement = select(_table).where(_table.c.tenant_id == self._tenant_id)
        if appointment_id is not None:
            statement = statement.where(_table.c.appointment_id == appointment_id)
        if status is not None:
            statement = statement.where(_table.c.status == status.value)
        if before is not None:
            statement = statement.where(_table.c.id < before)
        rows = await self._connection.execute(statement.order_by(_table.c.id.desc()).limit(limit))
        return [_notification(row) for row in rows]

    async def add_again(self, notification: Notification) -> None:
        """Add a notification that sends another one again."""
        await self._connection.execute(
            insert(_table).values(
                tenant_id=self._tenant_id,
                **{**_record(notification), "visit_start": notification.visit_start, "due_at": notification.due_at},
                resent_of=notification.resent_of,
            )
        )

    async def delete_old(self, before: datetime, *, most: int) -> int:
        """Delete up to so many that are older, and say how many."""
        values = {"tenant_id": self._tenant_id, "before": before, "most": most}
        return int(await self._connection.scalar(_DELETE_OLD, values) or 0)

    async def has_any(self) -> bool:
        """True if there is one."""
        statement = select(_table.c.id).where(_table.c.tenant_id == self._tenant_id).limit(1)
        return await self._connection.scalar(statement) is not None

    async def _update(self, ids: Sequence[NotificationId], *, is_open_only: bool = True, **values: object) -> None:
        if not ids:
            return
        statement = update(_table).where(_table.c.tenant_id == self._tenant_id, _table.c.id.in_(ids))
        if is_open_only:
            statement = statement.where(_table.c.status == NotificationStatus.PLANNED.value)
        await self._connection.execute(statement.values(**values, updated_at=func.now()))


def _record(one: Notification) -> Mapping[str, object]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "audience": one.recipient.audience.value,
        "recipient_kind": one.recipient.kind.value,
        "recipient_id": one.recipient.id,
        "channel": one.channel.value,
        "appointment_id": one.appointment_id,
        "appointment_version": one.appointment_version,
        "visit_start": one.visit_start,
        "event_id": one.event_id,
        "event_seq": one.event_seq,
        "rule": one.rule,
        "dedupe": one.dedupe,
        "due_at": one.due_at,
        "status": one.status.value,
    }


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=NotificationId(row.id),
        kind=MessageKind(row.kind),
        recipient=Recipient(
            audience=Audience(row.audience), kind=RecipientKind(row.recipient_kind), id=row.recipient_id
        ),
        channel=ChannelName(row.channel),
        appointment_id=None if row.appointment_id is None else AppointmentId(row.appointment_id),
        appointment_version=row.appointment_version,
        visit_start=row.visit_start,
        event_id=row.event_id,
        event_seq=row.event_seq,
        rule=row.rule,
        dedupe=row.dedupe,
        due_at=row.due_at,
        status=NotificationStatus(row.status),
        reason=row.reason,
        attempt=row.attempt,
        reference=row.reference,
        resent_of=None if row.resent_of is None else NotificationId(row.resent_of),
        created_at=row.created_at,
        sent_at=row.sent_at,
    )
