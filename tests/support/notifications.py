"""Notifications of one business as a test drives them: what is due by its clock is done when the test says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bootstrap.context import Context
from bootstrap.notifications import build_notification_handlers
from bootstrap.services import build_services
from catalogue.model.notifications.rules import DEFAULT_RULES, NotificationRules
from events.service import Relay
from kernel.ids import AppointmentId, TenantId, new_notification_id
from kernel.operation import by_system
from messages.content.model import Audience, MessageKind
from messages.model import Channel, ChannelName, Mail
from notifications.events import SUBSCRIBER
from notifications.model import Notification, NotificationStatus
from notifications.planning.recipients import Recipient, RecipientKind
from notifications.repository import NotificationRepository
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork
from tasks.model import Task
from tests.support.codes import Telephones
from tests.support.door import Door, act
from tests.support.engine import MovingClock
from tests.support.users import Mailbox

_DUE = """
    SELECT * FROM tasks WHERE tenant_id = $1 AND kind LIKE 'notifications.%' AND kind <> 'notifications.retain'
        AND due_at <= $2 ORDER BY due_at, id LIMIT 1
"""


@dataclass(eq=False)
class Notices:
    """The notifications of one business."""

    door: Door
    outside: "asyncpg.Connection[Any]"
    clock: MovingClock = field(default_factory=lambda: MovingClock(datetime.now(UTC)))
    mailbox: Mailbox = field(default_factory=Mailbox)
    telephones: Telephones = field(default_factory=Telephones)
    rules: NotificationRules = DEFAULT_RULES
    mails: Channel[Mail] | None = None

    def __post_init__(self) -> None:
        context = self.door.context
        handlers = build_notification_handlers(
            context,
            build_services(context).snapshots,
            mails=self.mails or self.mailbox,
            text_messages=self.telephones,
            find_rules=self._find_rules,
            clock=self.clock,
        )
        self.handlers = {handler.kind.name: handler for handler in handlers}
        self.relay = Relay(engine=context.engine, subscribers=(SUBSCRIBER,), metrics=context.metrics)

    async def _find_rules(self, _tenant_id: TenantId) -> NotificationRules:
        return self.rules

    async def free_starts(self, days: int = 5) -> list[str]:
        """Starts of haircuts with Noa on an open day that is so many days away, or the next one."""
        for more in range(days, days + 7):
            day = (datetime.now(UTC) + timedelta(days=more)).date().isoformat()
            if slots := await self.door.slots("haircut", day, resource="noa"):
                return list(slots)
        raise AssertionError

    async def book(self, start: str, **customer: Any) -> Any:
        """Book a haircut with Noa, as the business does."""
        person = {"name": "Dana Levi", "email": "dana@example.com", **customer}
        body = {"service": "haircut", "resource": "noa", "start": start, "customer": person}
        return await self.door.send("POST", "/v1/appointments", json=body, status=201)

    async def cancel(self, booked: Any) -> None:
        """Cancel, as the business does."""
        await act(self.door, booked, "cancel", json={})

    async def move(self, booked: Any, start: str) -> None:
        """Move, as the business does."""
        await act(self.door, booked, "reschedule", json={"start": start})

    async def plan(self) -> None:
        """Relay what has happened, and plan."""
        await self._relay()
        await self._do("notifications.plan")

    async def run(self) -> None:
        """Do all that is due by the clock."""
        await self._relay()
        await self._do("notifications.%")

    async def _relay(self) -> None:
        while await self.relay.run_once():
            pass

    async def _do(self, kinds: str) -> None:
        # Tasks that follow from events are due by the time of the database, which may be a moment ahead.
        due = self.clock.now() + timedelta(seconds=2)
        statement = _DUE.replace("ORDER BY", "AND kind LIKE $3 ORDER BY")
        while row := await self.outside.fetchrow(statement, self.door.tenant_id, due, kinds):
            again = await self.handlers[row["kind"]].run(_task(row))
            if again is None:
                await self.outside.execute(
                    "DELETE FROM tasks WHERE id = $1 AND revision = $2", row["id"], row["revision"]
                )
            else:
                await self.outside.execute("UPDATE tasks SET due_at = $2 WHERE id = $1", row["id"], again.due_at)

    async def rows(self, booked: Any | None = None) -> list[Any]:
        """The notifications, of one visit or of all, the oldest first."""
        return await self.outside.fetch(
            "SELECT * FROM notifications WHERE tenant_id = $1 AND ($2::text IS NULL OR appointment_id = $2)"
            " ORDER BY created_at, due_at, id",
            self.door.tenant_id,
            None if booked is None else booked["id"],
        )

    async def statuses(self, booked: Any | None = None) -> list[tuple[str, str]]:
        """Each notification's kind, or rule, with its status."""
        return [(row["rule"] or row["kind"], row["status"]) for row in await self.rows(booked)]

    def pass_time(self, **time: float) -> None:
        """Let time pass."""
        self.clock.instant += timedelta(**time)


def _task(row: Any) -> Task:
    return Task(
        id=row["id"],
        tenant_id=TenantId(row["tenant_id"]),
        kind=row["kind"],
        subject=row["subject"],
        key=row["key"],
        due_at=row["due_at"],
        attempt=1,
        leased_until=row["due_at"],
        revision=row["revision"],
        created_at=row["created_at"],
    )


async def add_sent(context: Context, tenant_id: TenantId, appointment: Mapping[str, Any]) -> str:
    """Write a notification that was sent to the customer of an appointment; its id."""
    now = datetime.now(UTC)
    notification = Notification(
        id=new_notification_id(),
        kind=MessageKind.CONFIRMED,
        recipient=Recipient(
            audience=Audience.CUSTOMER, kind=RecipientKind.CUSTOMER, id=str(appointment["customer"]["id"])
        ),
        channel=ChannelName.EMAIL,
        appointment_id=AppointmentId(str(appointment["id"])),
        appointment_version=1,
        visit_start=datetime.fromisoformat(str(appointment["start"])),
        event_id=None,
        event_seq=None,
        rule=None,
        dedupe=new_notification_id(),
        due_at=now,
        status=NotificationStatus.SENT,
        created_at=now,
    )
    async with UnitOfWork(context.engine).begin(by_system(tenant_id, "test", "planNotifications")) as tx:
        await NotificationRepository(tx.connection, tenant_id).add_again(notification)
        await tx.audit.add(AuditNote(subject=notification.id))
    return notification.id
