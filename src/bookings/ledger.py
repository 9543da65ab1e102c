"""Writing appointments into Postgres: those of one business that come at the same time share a transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from bookings.insertion import Entry, InsertionRepository
from bookings.limits import Limit
from bookings.model import Appointment
from bookings.repository import AppointmentRepository
from holds.model import Hold, SlotTaken
from holds.service import HoldService
from kernel.errors import StoreUnavailable
from kernel.ids import HoldId, TenantId
from persistence.errors import is_contended
from persistence.unit_of_work import Transaction, UnitOfWork, too_slow
from telemetry import logs, tracing

# So many claims share a transaction, and a script that settles them: by then most of what a booking costs is its own.
MOST: Final = 64
# While one transaction of a business waits for Postgres, the process prepares the next. More would only be smaller.
AT_ONCE: Final = 2
# How many of those that a lock was in the way of find out alone at the same time: the connections are everybody's.
ALONE_AT_ONCE: Final = 4
_log = structlog.get_logger(__name__)


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
_Written = Appointment | StoreUnavailable | None
"""None: it does not go in, or shares the wait for somebody else's lock, and is to find out alone what becomes of it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A booking that waits for a transaction."""

    booking: Booking
    outcome: _Outcome
    start_before: float
    """Half of its time: the other half is for the transaction. By time.monotonic()."""
    place: "tracing.Place | None" = field(default_factory=tracing.here)
    """Where it comes from, as far as traces are concerned."""


@dataclass(slots=True)
class _Line:
    """Bookings of one business that wait, and how many transactions run."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    running: int = 0
    alone: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ALONE_AT_ONCE))


class Ledger:
    """Commits bookings, each wholly or not at all, and settles their holds."""

    def __init__(self, *, unit_of_work: UnitOfWork, holds: HoldService) -> None:
        self._unit_of_work = unit_of_work
        self._holds = holds
        self._lines: dict[TenantId, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, booking: Booking) -> Appointment:
        """The appointment, committed with its claims and its event, and told to Redis.

        Raises AlreadyBooked; SlotTaken when the constraint refuses a claim; LimitReached when a limit is used up; and
        StoreUnavailable. In each case nothing was written, except that StoreUnavailable may hide a success.
        """
        if booking.limits:
            return await self._write_alone(booking)
        line = self._lines.setdefault(booking.entry.operation.tenant_id, _Line())
        written = await self._write_in_line(line, booking)
        if written is not None:
            return written
        async with line.alone:
            return await self._write_alone(booking)

    async def _write_in_line(self, line: _Line, booking: Booking) -> Appointment | None:
        """The appointment; None when the booking is to find out alone what becomes of it."""
        loop = asyncio.get_running_loop()
        if not line.waiting:
            # Whoever else comes in this turn of the loop comes along.
            loop.call_soon(self._start, booking.entry.operation.tenant_id, line)
        now = time.monotonic()
        waiting = _Waiting(booking, loop.create_future(), now + (booking.commit_before - now) / 2)
        line.waiting.append(waiting)
        return await waiting.outcome

    def _start(self, tenant_id: TenantId, line: _Line) -> None:
        while line.running < AT_ONCE and (group := _next_group(line.waiting)):
            line.running += 1
            task = asyncio.create_task(self._run(tenant_id, line, group), name="bookings")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not line.waiting and not line.running and self._lines.get(tenant_id) is line:
            del self._lines[tenant_id]

    async def _run(self, tenant_id: TenantId, line: _Line, group: Sequence[_Waiting]) -> None:
        # What is logged here is of no single request.
        logs.begin_request(business=tenant_id)
        try:
            with tracing.shared("write bookings", [waiting.place for waiting in group]):
                written = await self._write_together(tenant_id, [waiting.booking for waiting in group])
        except Exception as error:  # noqa: BLE001 - whatever it was, it is raised where the outcome is awaited
            for waiting in group:
                if not waiting.outcome.done():
                    waiting.outcome.set_exception(error)
        else:
            for waiting, one in zip(group, written, strict=True):
                if waiting.outcome.done():
                    continue
                if isinstance(one, StoreUnavailable):
                    waiting.outcome.set_exception(one)
                else:
                    waiting.outcome.set_result(one)
        finally:
            for waiting in group:
                waiting.outcome.cancel()
            line.running -= 1
            self._start(tenant_id, line)

    async def _write_together(self, tenant_id: TenantId, group: Sequence[Booking]) -> Sequence[_Written]:
        """What became of each."""
        try:
            # Entered by any of the operations: each event carries its own.
            async with self._unit_of_work.begin(
                group[0].entry.operation, commit_before=min(booking.commit_before for booking in group)
            ) as transaction:
                appointments = await _insert_all(transaction, group)
        except StoreUnavailable as error:
            return [None if len(group) > 1 and is_contended(error) else error] * len(group)
        except Exception as error:  # noqa: BLE001 - what is wrong with one must not befall the others
            if not isinstance(error, _OneRefused):
                _log.warning("bookings.not_written_together", error=type(error).__name__)
            if len(group) == 1:
                return [None]
            # Whoever it is, is in one of the halves.
            middle = len(group) // 2
            first = await self._write_together(tenant_id, group[:middle])
            return [*first, *await self._write_together(tenant_id, group[middle:])]
        # They stand whatever happens next.
        await self._holds.settle(
            tenant_id,
            [(booking.hold, one.id) for booking, one in zip(group, appointments, strict=True)],
            commit_id=transaction.commit_id,
        )
        return appointments

    async def _write_alone(self, booking: Booking) -> Appointment:
        operation = booking.entry.operation
        async with self._unit_of_work.begin(operation, commit_before=booking.commit_before) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            insertion = InsertionRepository(transaction.connection, operation.tenant_id)
            (entry,) = await insertion.with_customers([booking.entry])
            await _check_limits(repository, booking, entry.appointment)
            inserted = await insertion.add([entry])
            if not inserted.appointments:
                existing = await repository.find_by_hold(booking.hold.id)
                assert existing is not None, "the hold's appointment is there, for it was in the way"
                raise AlreadyBooked(existing)
            if not inserted.is_all_of([entry]):
                raise SlotTaken
        (appointment,) = inserted.appointments
        # It stands whatever happens next.
        await self._holds.settle(operation.tenant_id, [(booking.hold, appointment.id)], commit_id=transaction.commit_id)
        return appointment


def _next_group(line: deque[_Waiting]) -> list[_Waiting]:
    """Those who are next, out of the line, with MOST claims at most; whoever alone has more is a group.

    Who has gone away meanwhile is not booked, and who has waited too long is told so now: when more come than can be
    served, those who are served must still have the time. Of a hold that is confirmed twice at once, the second finds
    out alone.
    """
    group: list[_Waiting] = []
    holds: set[HoldId] = set()
    claims = 0
    while line and (not group or claims + len(line[0].booking.entry.lanes) <= MOST):
        waiting = line.popleft()
        if waiting.outcome.done():
            continue
        if time.monotonic() > waiting.start_before:
            waiting.outcome.set_exception(too_slow())
        elif waiting.booking.hold.id in holds:
            waiting.outcome.set_result(None)
        else:
            group.append(waiting)
            holds.add(waiting.booking.hold.id)
            claims += len(waiting.booking.entry.lanes)
    return group


async def _insert_all(transaction: Transaction, group: Sequence[Booking]) -> Sequence[Appointment]:
    """Raises _OneRefused."""
    entries = [booking.entry for booking in group]
    inserted = await InsertionRepository(transaction.connection, transaction.tenant_id).add(entries)
    if not inserted.is_all_of(entries):
        raise _OneRefused
    return inserted.appointments


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
