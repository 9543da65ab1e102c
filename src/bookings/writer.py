"""Writer of new appointments: those of one business that come at the same time share a transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

import structlog

from bookings.customers import CustomerRepository
from bookings.fates import Fate, fates_of
from bookings.limits import Limit
from bookings.model import Appointment
from bookings.new_appointments import InsertResult, NewAppointment, NewAppointmentRepository
from bookings.quotas import find_daily_refusal
from bookings.repository import AppointmentRepository
from holds.model import Hold, SlotTaken
from kernel.errors import DomainError, StoreUnavailable
from kernel.ids import AppointmentId, CommitId, CustomerId, HoldId, TenantId
from persistence.business_keys import ensure_key
from persistence.errors import is_contended
from persistence.unit_of_work import Transaction, UnitOfWork, too_slow
from telemetry import logs, tracing

MOST_CLAIMS: Final = 64
"""So many claims share a transaction, and a script that settles them: with more, each costs as much as alone."""
GROUPS_AT_ONCE: Final = 2
"""While one transaction of a business waits for Postgres, the process prepares the next. More would be smaller ones."""
ALONE_AT_ONCE: Final = 4
"""Bookings of one business that are written alone at the same time: all businesses share the connections."""
ROUNDS: Final = 3
"""Transactions that a group may take: one finds the lost bookings, one writes the rest, one allows for a race."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingAttempt:
    """A pinned hold on its way to become an appointment."""

    hold: Hold
    new: NewAppointment
    limits: Sequence[Limit]
    """Limits that the appointment must keep; a booking under limits is written alone."""
    commit_before: float
    """By time.monotonic()."""
    has_quota: bool = False
    """True: the operator grants the business so many appointments a day; it is written alone, too."""


@dataclass(frozen=True, slots=True)
class BookingResult:
    """The appointment that a hold has become."""

    appointment: Appointment
    created: bool
    """False: an earlier attempt made it, and this one wrote nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommit:
    """Holds that one transaction has made appointments of."""

    tenant_id: TenantId
    commit_id: CommitId
    booked: Sequence[tuple[Hold, AppointmentId]]


OnCommit: TypeAlias = Callable[[GroupCommit], Awaitable[None]]


@dataclass(slots=True)
class _Waiting:
    """A booking that waits for a transaction, and the future of its outcome."""

    attempt: BookingAttempt
    start_before: float
    """Half of its time: the other half is for the transaction. By time.monotonic()."""
    outcome: asyncio.Future[BookingResult | None]
    """None: the booking has to be written alone."""
    origin: "tracing.TraceContext | None" = field(default_factory=tracing.here)
    """The request that it belongs to in a trace."""

    def tell(self, outcome: BookingResult | Exception | None) -> None:
        """Set the outcome, unless there is one or the request has gone away."""
        if self.outcome.done():
            return
        if isinstance(outcome, Exception):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


@dataclass(slots=True)
class _Line:
    """Bookings of one business that wait, and the number of transactions that run."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    running: int = 0
    alone: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ALONE_AT_ONCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Result of one transaction of a group."""

    commit_id: CommitId | None
    """None: some of the group were lost, so the transaction was rolled back."""
    fates: Sequence[Fate]
    inserted: Mapping[AppointmentId, InsertResult]
    existing: Mapping[HoldId, Appointment]
    """Appointments that absent ones' holds became before."""


class AppointmentWriter:
    """Writes each booking wholly or not at all, and calls `on_commit` once for each transaction that committed."""

    def __init__(self, *, unit_of_work: UnitOfWork, on_commit: OnCommit) -> None:
        self._unit_of_work = unit_of_work
        self._on_commit = on_commit
        self._lines: dict[TenantId, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, attempt: BookingAttempt) -> BookingResult:
        """Commit the appointment with its claims and its event, or find the one that the hold became before.

        Raises SlotTaken when the constraint refuses a claim; LimitReached when a limit is used up; QuotaExceeded;
        StoreUnavailable. In each case nothing was written, except that StoreUnavailable may hide a success.
        """
        # One with less time than the others of its group would make all of them late.
        if attempt.limits or attempt.has_quota or attempt.hold.pin_shortfall_ms:
            return await self._write_alone(attempt)
        line = self._lines.setdefault(attempt.new.operation.tenant_id, _Line())
        written = await self._write_in_line(line, attempt)
        if written is not None:
            return written
        async with line.alone:
            return await self._write_alone(attempt)

    async def _write_in_line(self, line: _Line, attempt: BookingAttempt) -> BookingResult | None:
        """Write with the next group; None when the booking has to be written alone."""
        loop = asyncio.get_running_loop()
        if not line.waiting:
            # All bookings that come in this turn of the loop share the transaction.
            loop.call_soon(self._start, attempt.new.operation.tenant_id, line)
        now = time.monotonic()
        waiting = _Waiting(attempt, now + (attempt.commit_before - now) / 2, loop.create_future())
        line.waiting.append(waiting)
        return await waiting.outcome

    def _start(self, tenant_id: TenantId, line: _Line) -> None:
        while line.running < GROUPS_AT_ONCE and (group := _next_group(line.waiting)):
            line.running += 1
            task = asyncio.create_task(self._run(tenant_id, line, group), name="bookings")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not line.waiting and not line.running and self._lines.get(tenant_id) is line:
            del self._lines[tenant_id]

    async def _run(self, tenant_id: TenantId, line: _Line, group: Sequence[_Waiting]) -> None:
        # Log lines of a group belong to no single request.
        logs.begin_request(business=tenant_id)
        try:
            with tracing.shared("write bookings", [waiting.origin for waiting in group]):
                await self._write_group(group)
        except Exception as error:  # noqa: BLE001 - it is raised where the outcome is awaited
            for waiting in group:
                waiting.tell(error)
        finally:
            for waiting in group:
                waiting.outcome.cancel()
            line.running -= 1
            self._start(tenant_id, line)

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        """Write the group, telling each booking its outcome; lost ones cost the others one more transaction."""
        remaining: Sequence[_Waiting] = group
        beaten: Sequence[_Waiting] = ()
        for _ in range(ROUNDS):
            result = await self._write_round([waiting.attempt for waiting in remaining])
            if result is None:
                break
            if result.commit_id is not None:
                await self._announce(result.commit_id, remaining, result.inserted)
                for waiting in beaten:
                    waiting.tell(SlotTaken())
                break
            beaten = [w for w, fate in zip(remaining, result.fates, strict=True) if fate is Fate.BEATEN]
            remaining = _tell_lost(remaining, result)
            if not remaining:
                break
        for waiting in group:
            waiting.tell(None)

    async def _write_round(self, attempts: Sequence[BookingAttempt]) -> _Round | None:
        """Insert them in one transaction that commits if none is lost; None when they cannot share one."""
        group = [attempt.new for attempt in attempts]
        commit_id = None
        existing: dict[HoldId, Appointment] = {}
        await ensure_key(self._unit_of_work.engine, group[0].operation.tenant_id)
        try:
            # Begun by any of the operations: each event carries its own.
            async with self._unit_of_work.begin(
                group[0].operation, commit_before=min(attempt.commit_before for attempt in attempts)
            ) as transaction:
                inserted = await NewAppointmentRepository(transaction.connection, transaction.tenant_id).insert(group)
                fates = fates_of(group, inserted)
                if all(fate is Fate.WHOLE for fate in fates):
                    commit_id = transaction.commit_id
                else:
                    absent = [a.hold.id for a, fate in zip(attempts, fates, strict=True) if fate is Fate.ABSENT]
                    existing = await _find_existing(transaction, absent)
                    await transaction.roll_back()
        except StoreUnavailable as error:
            if len(attempts) > 1 and is_contended(error):
                return None
            raise
        except Exception as error:  # noqa: BLE001 - the fault of one must not befall the others
            _log.warning("bookings.not_written_together", error=type(error).__name__)
            return None
        return _Round(commit_id=commit_id, fates=fates, inserted=inserted, existing=existing)

    async def _announce(
        self, commit_id: CommitId, group: Sequence[_Waiting], inserted: Mapping[AppointmentId, InsertResult]
    ) -> None:
        """Tell a committed group, after `on_commit`."""
        attempts = [waiting.attempt for waiting in group]
        await self._on_commit(_committed(commit_id, attempts))
        for waiting in group:
            waiting.tell(_written(waiting.attempt, inserted))

    async def _write_alone(self, attempt: BookingAttempt) -> BookingResult:
        """Write one booking under its limits, where all that can be in its way is committed or waited for."""
        await ensure_key(self._unit_of_work.engine, attempt.new.operation.tenant_id)
        async with self._unit_of_work.begin(attempt.new.operation, commit_before=attempt.commit_before) as transaction:
            # First, here as in the insert, so that no two transactions wait for each other in a circle.
            customer_id = await CustomerRepository(transaction.connection, transaction.tenant_id).find_or_add(
                attempt.new.change.appointment, attempt.new.country
            )
            refusal = await _find_refusal(transaction, attempt, customer_id)
            repository = NewAppointmentRepository(transaction.connection, transaction.tenant_id)
            inserted = await repository.insert([attempt.new]) if refusal is None else {}
            (fate,) = fates_of([attempt.new], inserted)
            if fate is Fate.ABSENT:
                existing = await _find_existing(transaction, [attempt.hold.id])
                # A repetition is no further visit, so it is answered before the limits are.
                if refusal is not None and not existing:
                    raise refusal
                await transaction.roll_back()
                return BookingResult(existing[attempt.hold.id], created=False)
            if fate is not Fate.WHOLE:
                raise SlotTaken
        await self._on_commit(_committed(transaction.commit_id, [attempt]))
        return _written(attempt, inserted)


def _next_group(line: deque[_Waiting]) -> list[_Waiting]:
    """Take the next group out of the line: MOST_CLAIMS claims at most, or one booking with more.

    A booking whose request has gone away is dropped, and one that has waited too long is refused: when more come than
    can be served, the others must still have the time. A hold that is confirmed twice at once is written once here, and
    the second time alone.
    """
    group: list[_Waiting] = []
    holds: set[HoldId] = set()
    claims = 0
    while line and (not group or claims + len(line[0].attempt.new.lanes) <= MOST_CLAIMS):
        waiting = line.popleft()
        if waiting.outcome.done():
            continue
        if time.monotonic() > waiting.start_before:
            waiting.tell(too_slow())
        elif waiting.attempt.hold.id in holds:
            waiting.tell(None)
        else:
            group.append(waiting)
            holds.add(waiting.attempt.hold.id)
            claims += len(waiting.attempt.new.lanes)
    return group


def _tell_lost(group: Sequence[_Waiting], result: _Round) -> list[_Waiting]:
    """Tell the bookings that are lost whatever becomes of the group, and return those to write once more."""
    remaining = []
    for waiting, fate in zip(group, result.fates, strict=True):
        existing = result.existing.get(waiting.attempt.hold.id)
        if fate is Fate.TAKEN:
            waiting.tell(SlotTaken())
        elif existing is not None:
            waiting.tell(BookingResult(existing, created=False))
        elif fate in {Fate.WHOLE, Fate.ABSENT}:
            remaining.append(waiting)
    return remaining


async def _find_existing(transaction: Transaction, hold_ids: Sequence[HoldId]) -> dict[HoldId, Appointment]:
    repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
    found = [await repository.find_by_hold(hold_id, own=None) for hold_id in hold_ids]
    return {appointment.hold_id: appointment for appointment in found if appointment is not None}


async def _find_refusal(
    transaction: Transaction, attempt: BookingAttempt, customer_id: CustomerId
) -> DomainError | None:
    """Find what leaves no room for the booking; None: nothing can be used up before the transaction ends."""
    used_up = await _find_used_up(transaction, attempt, customer_id) if attempt.limits else None
    if used_up is not None:
        return used_up.refusal()
    if not attempt.has_quota:
        return None
    now = datetime.now(UTC)
    return await find_daily_refusal(transaction.connection, transaction.tenant_id, attempt.new.id, now)


async def _find_used_up(transaction: Transaction, attempt: BookingAttempt, customer_id: CustomerId) -> Limit | None:
    limits = [limit.of_customer(customer_id) for limit in attempt.limits]
    repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
    await repository.lock_limits(limits)
    return await repository.find_used_up(limits, attempt.new.change.appointment.created_at)


def _committed(commit_id: CommitId, attempts: Sequence[BookingAttempt]) -> GroupCommit:
    return GroupCommit(
        tenant_id=attempts[0].new.operation.tenant_id,
        commit_id=commit_id,
        booked=[(attempt.hold, attempt.new.id) for attempt in attempts],
    )


def _written(attempt: BookingAttempt, inserted: Mapping[AppointmentId, InsertResult]) -> BookingResult:
    customer_id = inserted[attempt.new.id].customer_id
    return BookingResult(replace(attempt.new.change.appointment, customer_id=customer_id), created=True)
