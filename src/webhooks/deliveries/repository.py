"""Rows of deliveries, mostly written many at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from events.model import StoredEvent, data_of
from kernel.errors import NotFound
from kernel.ids import EventId, TenantId, WebhookDeliveryId, WebhookEndpointId, new_event_id
from persistence.tables import webhook_deliveries
from webhooks.deliveries.body_seal import BodySeal
from webhooks.model import (
    PING_TYPE,
    Delivery,
    DeliveryAnswer,
    DeliveryAttempt,
    DeliveryStatus,
    Endpoint,
    FormerSettings,
    ReadyDelivery,
)
from webhooks.schedule import IN_ORDER_UNTIL

KEPT_DAYS: Final = 30
"""Days for which a delivery, and what was answered to it, is kept."""
# Ids sort by time, and those of one statement by the events they are for.
_TIME: Final = "'whd_' || lpad(to_hex(CAST(extract(epoch FROM CAST({at} AS timestamptz)) * 1000 AS bigint)), 12, '0')"
_NEW_ID: Final = (
    _TIME.format(at=":now") + " || lpad(to_hex(row_number() OVER (ORDER BY seq)), 5, '0')"
    " || left(replace(CAST(gen_random_uuid() AS text), '-', ''), 9)"
)
# Events by their types, as the endpoint names them; nothing tells an endpoint that it was disabled itself.
_EVENTS: Final = """
    FROM events WHERE tenant_id = :tenant_id AND type LIKE ANY (CAST(:patterns AS text[]))
        AND NOT (type = 'webhook_endpoint.disabled' AND subject = :endpoint_id)
"""
_ADD: Final = text(
    f"""
    INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, event_id, seq, type, subject, status, due_at, revision)
    SELECT tenant_id, {_NEW_ID}, :endpoint_id, id, seq, type, subject, :status, CAST(:now AS timestamptz), :revision
    {_EVENTS} AND seq > :after AND seq <= :until
    ON CONFLICT (tenant_id, endpoint_id, event_id) DO NOTHING
    """
)
_PING: Final = text(
    f"""
    INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, event_id, type, subject, status, due_at, revision)
    SELECT :tenant_id, {_NEW_ID}, :endpoint_id, :event_id, :type, :endpoint_id, 'pending', CAST(:now AS timestamptz),
        :revision
    FROM (SELECT 0 AS seq) AS one RETURNING id
    """  # noqa: S608 - all of it is ours
)
# The last event of the next stretch of the feed, whatever its type; NULL at its end.
_UNTIL: Final = text(
    "SELECT max(seq) FROM (SELECT seq FROM events WHERE tenant_id = :tenant_id AND seq > :after"
    " AND (CAST(:last AS bigint) IS NULL OR seq <= :last) ORDER BY seq LIMIT :most) AS following"
)
# By the time of the events, for so a stretch goes on: one that was committed late has a later place than its time says.
# With all of the last instant, however many: the next stretch begins after it.
_REPLAY: Final = text(
    f"""
    WITH stretch AS (
        SELECT tenant_id, id, seq, type, subject {_EVENTS}
            AND occurred_at >= :since AND occurred_at < :until
            ORDER BY occurred_at FETCH FIRST (CAST(:most AS bigint)) ROWS WITH TIES
    )
    INSERT INTO webhook_deliveries AS kept
        (tenant_id, id, endpoint_id, event_id, seq, type, subject, status, due_at, revision)
    SELECT tenant_id, {_NEW_ID}, :endpoint_id, id, seq, type, subject, 'pending', CAST(:now AS timestamptz), :revision
    FROM stretch ORDER BY seq
    ON CONFLICT (tenant_id, endpoint_id, event_id)
        DO UPDATE SET status = 'pending', attempt = 0, due_at = excluded.due_at, revision = excluded.revision
        WHERE NOT (:undelivered_only AND kept.status = 'delivered')
    RETURNING seq
    """  # noqa: S608 - all of it is ours
)
_AFTER_STRETCH: Final = text(
    f"""
    SELECT min(occurred_at) {_EVENTS} AND occurred_at < :until AND occurred_at > (
        SELECT max(occurred_at) FROM (
            SELECT occurred_at {_EVENTS}
                AND occurred_at >= :since AND occurred_at < :until ORDER BY occurred_at LIMIT :most
        ) AS stretch
    )
    """  # noqa: S608 - all of it is ours
)
# An event waits while another one of its subject is to be tried again within minutes, and for no longer. The subjects
# are gathered first, into a hash: the time grows with what is pending, and not with its square.
_DUE: Final = text(
    """
    WITH due AS MATERIALIZED (
        SELECT id, tenant_id, event_id, seq, type, subject, attempt, due_at FROM webhook_deliveries
        WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id AND status = 'pending' AND due_at <= :now
            AND (:is_enabled OR type = :ping)
            AND subject NOT IN (
                SELECT subject FROM webhook_deliveries
                WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id AND status = 'pending' AND due_at > :now
                    AND attempt > 0 AND attempt < :in_order_until
            )
        ORDER BY seq NULLS FIRST LIMIT :most
    )
    SELECT due.*, event.version, event.data, event.occurred_at
    FROM due LEFT JOIN events AS event ON event.tenant_id = due.tenant_id AND event.seq = due.seq
    ORDER BY due.seq NULLS FIRST
    """
)
# What is due by now and yet not among the above waits for one that is due later.
_NEXT: Final = text(
    """
    SELECT
        (SELECT min(due_at) FROM webhook_deliveries WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id
            AND status = 'pending' AND due_at > :now AND (:is_enabled OR type = :ping)) AS due_at,
        (SELECT id FROM webhook_deliveries WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id
            ORDER BY id LIMIT 1) AS oldest
    """
)
# One that was asked for again meanwhile has another time, and stays due; so does one that another worker has written
# down, after the lease of this one had run out.
_RECORD: Final = text(
    """
    UPDATE webhook_deliveries AS kept
    SET status = CASE WHEN kept.status = 'held' AND done.status = 'pending' THEN 'held' ELSE done.status END,
        attempt = done.attempt, due_at = coalesce(done.due_at, kept.due_at), attempted_at = done.attempted_at,
        duration_ms = done.duration_ms, response_status = done.response_status, response_body = done.response_body,
        error = done.error, error_detail = done.error_detail,
        delivered_at = CASE WHEN done.status = 'delivered' THEN done.attempted_at END
    FROM unnest(
        CAST(:ids AS text[]), CAST(:statuses AS text[]), CAST(:attempts AS int[]), CAST(:dues AS timestamptz[]),
        CAST(:times AS timestamptz[]), CAST(:durations AS int[]), CAST(:codes AS int[]), CAST(:bodies AS text[]),
        CAST(:errors AS text[]), CAST(:details AS text[]), CAST(:was_due AS timestamptz[])
    ) AS done (id, status, attempt, due_at, attempted_at, duration_ms, response_status, response_body, error,
        error_detail, was_due_at)
    WHERE kept.tenant_id = :tenant_id AND kept.id = done.id
        AND (kept.status = 'held' OR kept.status = 'pending' AND kept.due_at = done.was_due_at)
    """
)
# What is under way is due already and keeps its time, by which it is recorded.
_REVISE: Final = text(
    """
    UPDATE webhook_deliveries SET revision = :revision,
        status = CASE WHEN revision < :held_revision THEN 'held' ELSE status END,
        attempt = CASE WHEN revision < :held_revision THEN attempt ELSE 0 END,
        due_at = CASE WHEN revision < :held_revision THEN due_at ELSE least(due_at, CAST(:now AS timestamptz)) END
    WHERE tenant_id = :tenant_id AND id IN (
        SELECT id FROM webhook_deliveries WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id
            AND status = 'pending' AND revision < :revision ORDER BY seq NULLS FIRST LIMIT :most)
    RETURNING id
    """
)
_DELETE_OLD: Final = text(
    f"""
    DELETE FROM webhook_deliveries WHERE tenant_id = :tenant_id AND id IN (
        SELECT id FROM webhook_deliveries WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id
            AND id < {_TIME.format(at=":before")} ORDER BY id LIMIT :most)
    """  # noqa: S608 - all of it is ours
)
_DELETE_SOME: Final = text(
    """
    DELETE FROM webhook_deliveries WHERE tenant_id = :tenant_id AND id IN (
        SELECT id FROM webhook_deliveries WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id LIMIT :most)
    RETURNING id
    """
)


class DeliveryRepository:
    """Deliveries of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add_following(
        self, endpoint: Endpoint, settings: FormerSettings | None, now: datetime, *, most: int
    ) -> int | None:
        """Add deliveries of the next events in the feed, up to so many; the place of the last one, None at the end.

        They are judged by former settings as far as these reach, else by those that the endpoint has; what came while
        it was disabled is held.
        """
        last = None if settings is None else settings.until
        values = {"tenant_id": self._tenant_id, "after": endpoint.place, "last": last, "most": most}
        until = await self._connection.scalar(_UNTIL, values)
        if until is None:
            return None
        types, is_held = (
            (endpoint.types, not endpoint.is_enabled) if settings is None else (settings.types, settings.is_held)
        )
        status = DeliveryStatus.HELD if is_held else DeliveryStatus.PENDING
        await self._connection.execute(
            _ADD,
            {
                **self._of(endpoint, types),
                "now": now,
                "after": endpoint.place,
                "until": until,
                "status": status.value,
                "revision": endpoint.revision,
            },
        )
        return int(until)

    async def revise(self, endpoint: Endpoint, now: datetime, *, most: int) -> int:
        """Hold up to so many pending deliveries of earlier revisions, or let them be due; the number of them."""
        values = {
            "tenant_id": self._tenant_id,
            "endpoint_id": endpoint.id,
            "revision": endpoint.revision,
            "held_revision": endpoint.held_revision,
            "now": now,
            "most": most,
        }
        return len((await self._connection.execute(_REVISE, values)).all())

    async def replay(
        self, endpoint: Endpoint, since: datetime, until: datetime, now: datetime, *, undelivered_only: bool, most: int
    ) -> tuple[int, datetime | None]:
        """Let up to so many events of a stretch of time be sent again, or for the first time.

        The number of them, and where there are more, the time of the next one. All of one instant are taken together.
        """
        values = {**self._of(endpoint, endpoint.types), "since": since, "until": until, "most": most}
        rows = await self._connection.execute(
            _REPLAY, {**values, "now": now, "undelivered_only": undelivered_only, "revision": endpoint.revision}
        )
        return len(rows.all()), await self._connection.scalar(_AFTER_STRETCH, values)

    async def add_ping(self, endpoint: Endpoint, now: datetime) -> Delivery:
        """Add a ping, due at once."""
        values = {
            "tenant_id": self._tenant_id,
            "endpoint_id": endpoint.id,
            "revision": endpoint.revision,
            "event_id": new_event_id(),
            "type": PING_TYPE,
            "now": now,
        }
        ping_id = (await self._connection.execute(_PING, values)).scalar_one()
        return await self.get(ping_id)

    async def find_due(self, endpoint: Endpoint, now: datetime, *, most: int) -> list[ReadyDelivery]:
        """Find deliveries that may be sent now, in the order of their events; to a disabled endpoint, pings alone."""
        rows = await self._connection.execute(
            _DUE,
            {
                **self._when(endpoint, now),
                "most": most,
                "in_order_until": IN_ORDER_UNTIL,
            },
        )
        return [self._due(row) for row in rows]

    async def find_next(self, endpoint: Endpoint, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Find when the next delivery is due after now, and when the oldest is to be deleted."""
        row = (await self._connection.execute(_NEXT, self._when(endpoint, now))).one()
        return row.due_at, None if row.oldest is None else _deleted_at(row.oldest)

    async def record(self, attempts: Sequence[DeliveryAttempt]) -> None:
        """Write down what attempts have come to."""
        bodies = await BodySeal(self._connection, self._tenant_id).seal(attempts)
        await self._connection.execute(
            _RECORD,
            {
                "tenant_id": self._tenant_id,
                "ids": [one.delivery.id for one in attempts],
                "statuses": [one.status.value for one in attempts],
                "attempts": [one.delivery.attempt + 1 for one in attempts],
                "dues": [one.next_at for one in attempts],
                "times": [one.at for one in attempts],
                "durations": [one.duration_ms for one in attempts],
                "codes": [one.answer.status for one in attempts],
                "bodies": bodies,
                "errors": [one.answer.error for one in attempts],
                "details": [one.answer.detail for one in attempts],
                "was_due": [one.delivery.due_at for one in attempts],
            },
        )

    async def delete_old(self, endpoint_id: WebhookEndpointId, now: datetime, *, most: int) -> None:
        """Delete up to so many deliveries that have been kept for long enough."""
        values: dict[str, object] = {
            "endpoint_id": endpoint_id,
            "before": now - timedelta(days=KEPT_DAYS),
            "most": most,
        }
        await self._connection.execute(_DELETE_OLD, {"tenant_id": self._tenant_id, **values})

    async def delete_some(self, endpoint_id: WebhookEndpointId, *, most: int) -> int:
        """Delete up to so many deliveries to an endpoint; the number of them."""
        values = {"tenant_id": self._tenant_id, "endpoint_id": endpoint_id, "most": most}
        return len((await self._connection.execute(_DELETE_SOME, values)).all())

    async def find_page(
        self, endpoint_id: WebhookEndpointId, *, status: DeliveryStatus | None, before: str | None, limit: int
    ) -> list[Delivery]:
        """Find up to `limit` deliveries to an endpoint, the latest first, from before the one of that id."""
        column = webhook_deliveries.c
        statement = select(webhook_deliveries).where(
            column.tenant_id == self._tenant_id, column.endpoint_id == endpoint_id
        )
        if status is not None:
            statement = statement.where(column.status == status.value)
        if before is not None:
            statement = statement.where(column.id < before)
        rows = await self._connection.execute(statement.order_by(column.id.desc()).limit(limit))
        return await BodySeal(self._connection, self._tenant_id).open([_delivery(row) for row in rows])

    async def get(self, delivery_id: str) -> Delivery:
        """Find a delivery that a caller names. Raises NotFound."""
        column = webhook_deliveries.c
        statement = select(webhook_deliveries).where(column.tenant_id == self._tenant_id, column.id == delivery_id)
        return await self._found((await self._connection.execute(statement)).one_or_none(), delivery_id)

    async def send_again(self, delivery_id: WebhookDeliveryId, endpoint: Endpoint, now: datetime) -> Delivery:
        """Let a delivery to the endpoint be due at once, as if it had never been tried. Raises NotFound."""
        column = webhook_deliveries.c
        changed = await self._connection.execute(
            update(webhook_deliveries)
            .where(column.tenant_id == self._tenant_id, column.id == delivery_id)
            .values(status=DeliveryStatus.PENDING.value, attempt=0, due_at=now, revision=endpoint.revision)
            .returning(webhook_deliveries)
        )
        return await self._found(changed.one_or_none(), delivery_id)

    async def _found(self, row: Row[Any] | None, delivery_id: str) -> Delivery:
        if row is None:
            detail = f'There is no webhook delivery "{delivery_id}".'
            raise NotFound(detail)
        (delivery,) = await BodySeal(self._connection, self._tenant_id).open([_delivery(row)])
        return delivery

    def _of(self, endpoint: Endpoint, types: Sequence[str]) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "endpoint_id": endpoint.id,
            "patterns": [_like(pattern) for pattern in types],
        }

    def _when(self, endpoint: Endpoint, now: datetime) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "endpoint_id": endpoint.id,
            "now": now,
            "is_enabled": endpoint.is_enabled,
            "ping": PING_TYPE,
        }

    def _due(self, row: Row[Any]) -> ReadyDelivery:
        event = None
        if row.occurred_at is not None:
            stored = StoredEvent(
                seq=row.seq,
                tenant_id=self._tenant_id,
                id=EventId(row.event_id),
                type=row.type,
                version=row.version,
                subject=row.subject,
                data=data_of(row.data),
                occurred_at=row.occurred_at,
            )
            event = stored.public()
        return ReadyDelivery(
            id=WebhookDeliveryId(row.id),
            event_id=EventId(row.event_id),
            type=row.type,
            subject=row.subject,
            attempt=row.attempt,
            due_at=row.due_at,
            event=event,
        )


def _deleted_at(delivery_id: str) -> datetime:
    """The first instant that deletes the delivery, by the time in its id."""
    made = datetime.fromtimestamp((int(delivery_id[4:16], 16) + 1) / 1000, UTC)
    return made + timedelta(days=KEPT_DAYS)


def _like(pattern: str) -> str:
    """The pattern as LIKE reads it."""
    return pattern.replace("_", r"\_").replace("*", "%")


def _delivery(row: Row[Any]) -> Delivery:
    answer = DeliveryAnswer(
        status=row.response_status, body=row.response_body, error=row.error, detail=row.error_detail
    )
    return Delivery(
        id=WebhookDeliveryId(row.id),
        endpoint_id=WebhookEndpointId(row.endpoint_id),
        event_id=EventId(row.event_id),
        type=row.type,
        subject=row.subject,
        status=DeliveryStatus(row.status),
        attempt=row.attempt,
        due_at=row.due_at,
        attempted_at=row.attempted_at,
        duration_ms=row.duration_ms,
        answer=None if row.attempted_at is None else answer,
        delivered_at=row.delivered_at,
        created_at=row.created_at,
    )
