"""Planning of what is told about a visit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bookings.model import Appointment, Status
from bookings.repository import AppointmentRepository
from events.model import StoredEvent
from events.repository import EventRepository
from kernel.clock import Clock, business_now
from kernel.errors import NotFound
from kernel.ids import AppointmentId, TenantId
from kernel.operation import by_system
from kernel.spans import to_datetime
from messages.content.model import Audience
from notifications.events import RETAIN, SEND
from notifications.model import FindRules, People
from notifications.planning.notices import Happening
from notifications.planning.quiet_hours import zone_of
from notifications.planning.recipients import Colleague, Recipient, RecipientKind, staff_to_tell
from notifications.planning.visit_plan import Visit, VisitPlan, plan_visit
from notifications.repository import NotificationRepository
from persistence.unit_of_work import Transaction, UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

MOST_EVENTS: Final = 500
"""Events of one visit that are looked at together; whoever moves a visit more often is told of the rest later."""
_RETAIN_AFTER: Final = timedelta(days=1)


class PlanService:
    """Use case of the plan of one visit, for the task that follows its events."""

    def __init__(self, *, unit_of_work: UnitOfWork, people: People, find_rules: FindRules, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._people = people
        self._find_rules = find_rules
        self._clock = clock

    async def plan(self, tenant_id: TenantId, appointment_id: AppointmentId) -> int:
        """Make the notifications of a visit what they ought to be, and say how many were added.

        Raises StoreUnavailable, SecretUnreadable.
        """
        rules = await self._find_rules(tenant_id)
        colleagues = await self._people.find_colleagues(tenant_id)
        async with self._unit_of_work.begin(by_system(tenant_id, "notifications", "planNotifications")) as tx:
            try:
                appointment, sandbox_now = await AppointmentRepository(tx.connection, tenant_id).find_with_clock(
                    appointment_id, own=None
                )
            except NotFound:
                return 0
            repository = NotificationRepository(tx.connection, tenant_id)
            stored = await repository.find_of_visit(appointment_id)
            seen = max((one.event_seq or 0 for one in stored), default=0)
            events = await EventRepository(tx.connection, tenant_id).find_after(
                seen, subject=appointment_id, limit=MOST_EVENTS
            )
            now = business_now(sandbox_now, self._clock)
            visit = visit_of(appointment, colleagues)
            plan = plan_visit(
                visit,
                rules,
                stored=stored,
                happenings=[_happening(event, sandbox_now) for event in events],
                now=now,
            )
            known = events[-1].seq if events else None
            await repository.let_tell(
                plan.telling, version=appointment.version, visit_start=visit.start, event_seq=known
            )
            # Tasks go by the real time, and the clock of a sandbox stands still elsewhere.
            return await self._apply(tx, plan, ahead=self._clock.now() - now)

    async def _apply(self, tx: Transaction, plan: VisitPlan, *, ahead: timedelta) -> int:
        """Write the plan, and the tasks by the real time, which is so much ahead of that of the business."""
        repository, tasks = NotificationRepository(tx.connection, tx.tenant_id), TaskRepository(tx.connection)
        for reason in set(plan.withdrawn.values()):
            await repository.withdraw([one for one, why in plan.withdrawn.items() if why is reason], reason.value)
        for notification_id, due_at in plan.due.items():
            await repository.let_be_due(notification_id, due_at)
        added = await repository.add(plan.added)
        if plan.withdrawn:
            await tasks.remove(tx.tenant_id, SEND, sorted(plan.withdrawn))
        if due := [*added, *plan.due.items()]:
            await tasks.plan([send_task(tx.tenant_id, one, due_at + ahead) for one, due_at in due])
            await tasks.plan([self._retain_task(tx.tenant_id)])
        return len(added)

    def _retain_task(self, tenant_id: TenantId) -> PlannedTask:
        return PlannedTask(
            tenant_id=tenant_id,
            kind=RETAIN,
            subject="retention",
            key="retention",
            due_at=self._clock.now() + _RETAIN_AFTER,
            keeps_sooner=True,
        )


def send_task(tenant_id: TenantId, notification_id: str, due_at: datetime) -> PlannedTask:
    """The task that sends a notification."""
    return PlannedTask(tenant_id=tenant_id, kind=SEND, subject=notification_id, key=notification_id, due_at=due_at)


def visit_of(appointment: Appointment, colleagues: Sequence[Colleague]) -> Visit:
    """The visit as notifications see it."""
    resource_ids = {part.resource_id for part in appointment.parts}
    return Visit(
        appointment_id=appointment.id,
        version=appointment.version,
        is_confirmed=appointment.status is Status.CONFIRMED,
        is_erased=appointment.is_erased,
        start=to_datetime(appointment.span.start),
        zone=zone_of(appointment.customer.timezone, appointment.timezone),
        customer=Recipient(audience=Audience.CUSTOMER, kind=RecipientKind.CUSTOMER, id=appointment.customer_id),
        staff=staff_to_tell(colleagues, resource_ids),
    )


def _happening(event: StoredEvent, sandbox_now: datetime | None) -> Happening:
    return Happening(
        seq=event.seq,
        event_id=event.id,
        type=event.type,
        status=str(event.data.get("status")),
        # A sandbox's own clock stands still: what has happened by it happened now.
        occurred_at=event.occurred_at if sandbox_now is None else sandbox_now,
    )
