"""Writing appointments into Postgres: those of one business that come at the same time share a transaction."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from availability.model import Reason
from bookings.insertion import Entry, InsertionRepository
from bookings.limits import Limit
from bookings.model import Appointment
from bookings.repository import AppointmentRepository
from holds import rules
from holds.model import Hold
from holds.service import HoldService
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from persistence.errors import is_contended
from persistence.unit_of_work import Transaction, UnitOfWork

# So many share one transaction: by then most of what it costs is what each costs by itself.
MOST: Final = 64
# While one transaction of a business waits for Postgres, the process prepares the next. More would only be smaller.
AT_ONCE: Final = 2


class AlreadyBooked(Exception):
    """The hold became an appointment before."""

    def __init__(self, appointment: Appointment) -> None:
        super().__init__(appointment.id)
        self.appointment = appointment


class _OneRefused(Exception):
    """One of those that share a transaction does not go in: ends the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A hold on its way to become an appointment."""

    hold: Hold
    entry: Entry
    limits: Sequence[Limit]
    """What it must keep; counted for it alone."""
    commit_before: float
    """By time.monotonic()."""


_Outcome = asyncio.Future[Appointment | None]


@dataclass(slots=True)
class _Line:
    """Bookings of one business that wait for a transaction, and how many transactions run."""

    waiting: deque[tuple[Booking, _Outcome]] = field(default_factory=deque)
    running: int = 0


class Ledger:
    """Commits bookings, each wholly or not at all, and settles their holds."""

    def __init__(self, *, unit_of_work: UnitOfWork, holds: HoldService) -> None:
        self._unit_of_work = unit_of_work
        self._holds = holds
        self._lines: dict[TenantId, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, tenant_id: TenantId, booking: Booking) -> Appointment:
        """The appointment, committed with its claims and its event, and told to Redis.

        Raises AlreadyBooked; SlotTaken when the constraint refuses a claim; LimitReached when a limit is used up; and
        StoreUnavailable. In each case nothing was written, except that StoreUnavailable may hide a success.
        """
        written = None if booking.limits else await self._write_in_line(tenant_id, booking)
        return written if written is not None else await self._write_alone(tenant_id, booking)

    async def _write_in_line(self, tenant_id: TenantId, booking: Booking) -> Appointment | None:
        """The appointment; None when the booking is to find out alone what becomes of it."""
        loop = asyncio.get_running_loop()
        outcome: _Outcome = loop.create_future()
        line = self._lines.setdefault(tenant_id, _Line())
        if not line.waiting:
            # Whoever else comes in this turn of the loop comes along.
            loop.call_soon(self._start, tenant_id, line)
        line.waiting.append((booking, outcome))
        return await outcome

    def _start(self, tenant_id: TenantId, line: _Line) -> None:
        while line.waiting and line.running < AT_ONCE:
            group = [line.waiting.popleft() for _ in range(min(MOST, len(line.waiting)))]
            line.running += 1
            task = asyncio.create_task(self._run(tenant_id, line, group), name="bookings")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, tenant_id: TenantId, line: _Line, group: Sequence[tuple[Booking, _Outcome]]) -> None:
        # Whoever went away meanwhile is not booked.
        group = [(booking, outcome) for booking, outcome in group if not outcome.done()]
        try:
            written = await self._write_together(tenant_id, [booking for booking, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it was, it is raised where the outcome is awaited
            for _, outcome in group:
                if not outcome.done():
                    outcome.set_exception(error)
        else:
            for (_, outcome), appointment in zip(group, written, strict=True):
                if not outcome.done():
                    outcome.set_result(appointment)
        finally:
            for _, outcome in group:
                outcome.cancel()
            line.running -= 1
            self._start(tenant_id, line)
            if not line.waiting and not line.running:
                self._lines.pop(tenant_id, None)

    async def _write_together(self, tenant_id: TenantId, group: Sequence[Booking]) -> Sequence[Appointment | None]:
        """The appointments; None for each where one of them would not go in, or there is a lock in the way of one.

        Raises StoreUnavailable.
        """
        if not group:
            return []
        nobody = [None] * len(group)
        try:
            async with self._unit_of_work.begin(
                tenant_id, commit_before=min(booking.commit_before for booking in group)
            ) as transaction:
                entries = await _insert_all(transaction, group)
        except _OneRefused:
            return nobody
        except StoreUnavailable as error:
            if len(group) > 1 and is_contended(error):
                return nobody
            raise
        except Exception:  # noqa: BLE001 - what is wrong with one must not befall the others
            return nobody
        appointments = [entry.appointment for entry in entries]
        # They stand whatever happens next.
        await self._holds.settle(
            tenant_id,
            [(booking.hold, one.id) for booking, one in zip(group, appointments, strict=True)],
            operation_id=transaction.operation_id,
        )
        return appointments

    async def _write_alone(self, tenant_id: TenantId, booking: Booking) -> Appointment:
        async with self._unit_of_work.begin(tenant_id, commit_before=booking.commit_before) as transaction:
            repository = AppointmentRepository(transaction.connection, tenant_id)
            insertion = InsertionRepository(transaction.connection, tenant_id)
            (entry,) = await insertion.with_customers([booking.entry])
            await _check_limits(repository, booking, entry.appointment)
            inserted = await insertion.add([entry])
            if not inserted.appointments:
                existing = await repository.find_by_hold(booking.hold.id)
                assert existing is not None, "the hold's appointment is there, for it was in the way"
                raise AlreadyBooked(existing)
            if not inserted.is_all_of([entry]):
                raise rules.refusal(Reason.FULLY_BOOKED)
        appointment = entry.appointment
        # It stands whatever happens next.
        await self._holds.settle(tenant_id, [(booking.hold, appointment.id)], operation_id=transaction.operation_id)
        return appointment


async def _insert_all(transaction: Transaction, group: Sequence[Booking]) -> Sequence[Entry]:
    """Raises _OneRefused."""
    repository = InsertionRepository(transaction.connection, transaction.tenant_id)
    entries = await repository.with_customers([booking.entry for booking in group])
    inserted = await repository.add(entries)
    if not inserted.is_all_of(entries):
        raise _OneRefused
    return entries


async def _check_limits(repository: AppointmentRepository, booking: Booking, appointment: Appointment) -> None:
    """Raise LimitReached when a limit leaves no room; else none can be used up before the transaction ends."""
    if not booking.limits:
        return
    limits = [limit.of_customer(appointment.customer_id) for limit in booking.limits]
    await repository.lock_limits(limits)
    used_up = await repository.find_used_up(limits, appointment.created_at)
    if used_up is None:
        return
    # A repetition is no further visit: it is answered with the first one.
    existing = await repository.find_by_hold(appointment.hold_id)
    raise AlreadyBooked(existing) if existing is not None else used_up.refusal()
