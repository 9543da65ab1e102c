"""What becomes of appointments: reading, moving, cancelling and finishing them."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from availability.cache_sync import CacheSync
from availability.model import NotOffered
from availability.state.catalogue_snapshots import CatalogueSnapshot, CatalogueSnapshots
from availability.state.staff_days import OwnClaims, StaffDays
from bookings import booking, lifecycle, limits, policy
from bookings.grace import Grace
from bookings.model import Appointment, AppointmentFilter, Status
from bookings.repository import AppointmentRepository
from bookings.service import lane_spans
from catalogue.model.rules.rule import Unset
from holds import refusals
from holds.model import Hold, HoldNotFound, HoldStatus, PlaceRequest, SlotHeld, SlotTaken
from holds.service import HoldService, Pinning
from kernel.clock import Clock, business_now
from kernel.errors import DomainError, NotFound, StoreUnavailable, ValidationFailed, VersionConflict
from kernel.ids import AppointmentId, HoldId, ResourceId, is_id, new_hold_id
from kernel.operation import Operation
from kernel.spans import Span, to_datetime, to_rfc3339
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import Transaction, UnitOfWork
from telemetry.measures import (
    BOOKINGS_CANCELLED,
    BOOKINGS_DECLINED,
    BOOKINGS_EXPIRED,
    BOOKINGS_RESCHEDULED,
    RESCHEDULES_LOST,
)
from telemetry.metrics import Metrics

# Wider than any appointment's: far enough from the ends of the calendar for every zone.
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2300

_Found = TypeVar("_Found")
_Change = Callable[[Appointment, datetime], Appointment]


class AppointmentService:
    """Use cases on appointments that exist. Each is one transaction.

    All raise NotFound for an unknown appointment and StoreUnavailable when Postgres does not answer. Those that change
    something raise VersionConflict when `expected_version` is given and is not the appointment's, and InvalidTransition
    when its status does not allow the change.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        snapshots: CatalogueSnapshots,
        cache_sync: CacheSync,
        staff_days: StaffDays,
        holds: HoldService,
        clock: Clock,
        grace: Grace,
        metrics: Metrics,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots
        self._cache_sync = cache_sync
        self._staff_days = staff_days
        self._holds = holds
        self._clock = clock
        self._grace = grace
        self._metrics = metrics

    async def get(self, operation: Operation, appointment_id: AppointmentId) -> Appointment:
        """The appointment as it stands."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            return _present(
                await AppointmentRepository(connection, operation.tenant_id).find(appointment_id), appointment_id
            )

    async def find(
        self, operation: Operation, wanted: AppointmentFilter, *, after: str | None, limit: int
    ) -> tuple[list[Appointment], str | None]:
        """Up to `limit` appointments by start, and the cursor to go on with, None at the end.

        Raises ValidationFailed when `after` is no cursor that this gave.
        """
        position = None if after is None else _position(after)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            found = await repository.find_page(wanted, after=position, limit=limit + 1)
        page = found[:limit]
        return page, _cursor(page[-1]) if len(found) > limit else None

    async def cancel(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        reason: str | None,
        expected_version: int | None,
    ) -> Appointment:
        """Cancel, with the fee of the policy it was booked under; its time is free at once.

        Raises CutoffPassed when its customer wants to and it has begun.
        """

        def change(appointment: Appointment, now: datetime) -> Appointment:
            lifecycle.check_transition(appointment, Status.CANCELLED)
            policy.check_cancellable(appointment, now, by_customer=operation.is_by_customer)
            fee = policy.cancellation_fee(appointment, now)
            return booking.cancelled(appointment, reason=reason, fee=fee, now=now)

        return await self._end(operation, appointment_id, "cancelled", change, expected_version)

    async def decline(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Refuse a pending appointment; its time is free at once, and it costs nothing."""

        def change(appointment: Appointment, now: datetime) -> Appointment:
            lifecycle.check_declinable(appointment)
            return booking.cancelled(appointment, reason="declined", fee=appointment.price.percent(0), now=now)

        return await self._end(operation, appointment_id, "declined", change, expected_version)

    async def approve(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Confirm a pending appointment, unless it has expired. Its time is already its own."""

        def change(appointment: Appointment, now: datetime) -> Appointment:
            lifecycle.check_approvable(appointment, now)
            return booking.with_status(appointment, Status.CONFIRMED, now)

        return await self._change(operation, appointment_id, "approved", change, expected_version)

    async def expire(self, operation: Operation, limit: int) -> int:
        """Cancel up to `limit` appointments that nobody approved in time, and say how many; their time is free at once.

        Several may do so at the same time: each appointment ends once.
        """
        ended: list[Appointment] = []
        freed: list[tuple[ResourceId, Span]] = []
        async with self._unit_of_work.begin(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            for before, sandbox_now in await repository.find_expired(self._clock.now(), limit):
                after = booking.expired(before, business_now(sandbox_now, self._clock))
                freed += await self._save_ended(transaction, "expired", after)
                ended.append(after)
        self._metrics.add(BOOKINGS_EXPIRED, len(ended))
        if ended:
            await self._settle_ended(transaction, ended, freed)
        return len(ended)

    async def complete(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Note that the visit took place."""
        return await self._set_status(operation, appointment_id, Status.COMPLETED, "completed", expected_version)

    async def no_show(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Note that nobody came, with the fee of the policy it was booked under."""

        def change(appointment: Appointment, now: datetime) -> Appointment:
            lifecycle.check_transition(appointment, Status.NO_SHOW)
            fee = policy.no_show_fee(appointment)
            return replace(booking.with_status(appointment, Status.NO_SHOW, now), fee=fee)

        return await self._change(operation, appointment_id, "no_show", change, expected_version)

    async def annotate(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        notes: str | None | Unset,
        metadata: Mapping[str, str] | Unset,
        expected_version: int | None,
    ) -> Appointment:
        """Write notes or metadata; what is unset stays."""

        def change(appointment: Appointment, now: datetime) -> Appointment:
            return replace(
                appointment,
                notes=appointment.notes if isinstance(notes, Unset) else notes,
                metadata=appointment.metadata if isinstance(metadata, Unset) else metadata,
                version=appointment.version + 1,
                updated_at=now,
            )

        return await self._change(operation, appointment_id, "annotated", change, expected_version)

    async def reschedule(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        start: datetime | None,
        resource: str | None,
        hold_id: HoldId | None,
        expected_version: int | None,
    ) -> Appointment:
        """Move to another start, or onto a hold: the old time is free exactly when the new one is taken.

        Without `resource` whoever serves now is asked first, then anybody. Raises CutoffPassed or LimitReached by the
        policy it was booked under; SlotTaken, SlotHeld or NotOffered when the start is not free; HoldNotFound,
        HoldExpired; ValidationFailed. In each case it stays as it was.
        """
        if hold_id is not None and (start is not None or resource is not None):
            raise ValidationFailed.of("hold", "says when and with whom: leave out start and resource")
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            appointment, sandbox_now = _present(await repository.find_with_clock(appointment_id), appointment_id)
        _check_movable(appointment, expected_version, business_now(sandbox_now, self._clock))
        commit_before = self._grace.commit_before()
        if hold_id is not None:
            hold = await self._pinned(operation, appointment, hold_id)
        elif start is not None:
            hold = await self._place(operation, appointment, start, resource)
        else:
            raise ValidationFailed.of("start", "give a start, or a hold to move onto")
        try:
            return await self._move(operation, appointment_id, hold, expected_version, commit_before)
        except StoreUnavailable:
            # Whether it moved is unknown: the hold guards the new time until its grace ends.
            raise
        except DomainError as refusal:
            # The caller's own hold is still good, unless it was its time that is taken.
            if hold_id is None or isinstance(refusal, SlotTaken):
                with suppress(RedisUnavailable):
                    await self._holds.abandon(operation, hold.id)
            else:
                await self._holds.unpin(operation, hold)
            raise

    async def _pinned(self, operation: Operation, appointment: Appointment, hold_id: HoldId) -> Hold:
        """The hold to move onto. It is looked at first: a pin that comes to nothing would only prolong it."""
        found = await self._holds.get(operation, hold_id)
        if found.service_id != appointment.service_id or found.party != appointment.party:
            raise ValidationFailed.of("hold", "must be for the service and the party of the appointment")
        hold = await self._holds.pin(operation, hold_id, self._grace.pin_ms)
        if hold is None or hold.status is HoldStatus.CONFIRMED:
            raise HoldNotFound("There is no such hold: it was released, used, or expired long ago, or never was.")
        if hold.status is not HoldStatus.PINNED:
            raise refusals.hold_expired()
        return hold

    async def _place(
        self, operation: Operation, appointment: Appointment, start: datetime, resource: str | None
    ) -> Hold:
        """A pinned hold of the new time. The appointment itself is not in its way."""
        own = await self._staff_days.own_claims(operation.tenant_id, appointment.id)
        request = PlaceRequest(service=appointment.service_id, start=start, resource=resource, party=appointment.party)
        if resource is not None:
            return await self._placed(operation, request, own)
        try:
            return await self._placed(operation, replace(request, resource=appointment.parts[0].resource_id), own)
        except (SlotTaken, SlotHeld, NotOffered, NotFound):
            return await self._placed(operation, request, own)

    async def _placed(self, operation: Operation, request: PlaceRequest, own: OwnClaims) -> Hold:
        pinning = Pinning(hold_id=new_hold_id(), grace_ms=self._grace.pin_ms, own=own)
        return await self._holds.place_pinned(operation, request, pinning)

    async def _move(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        hold: Hold,
        expected_version: int | None,
        commit_before: float,
    ) -> Appointment:
        snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version)
        lead = snapshot.catalogue.resource_by_id[hold.parts[0].resource_id]
        place = booking.Place(span=hold.span, parts=hold.parts, timezone=lead.schedule.timezone)
        async with self._unit_of_work.begin(operation, commit_before=commit_before) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            found = await repository.find_with_clock(appointment_id, for_update=True)
            before, sandbox_now = _present(found, appointment_id)
            now = business_now(sandbox_now, self._clock)
            _check_movable(before, expected_version, now)
            moved = booking.moved(before, place, now)
            await self._check_limits(repository, snapshot, moved)
            freed = await repository.remove_claims(appointment_id)
            if not await repository.add_claims(appointment_id, lane_spans(snapshot.catalogue, hold.claims)):
                self._metrics.add(RESCHEDULES_LOST)
                raise SlotTaken
            await repository.save(moved)
            await repository.replace_parts(moved)
            await transaction.outbox.add(
                booking.event("rescheduled", moved, moved_from=to_rfc3339(to_datetime(before.span.start)))
            )
        self._metrics.add(BOOKINGS_RESCHEDULED)
        taken = [(claim.resource_id, claim.span) for claim in hold.claims]
        await self._cache_sync.settle(operation.tenant_id, transaction.commit_id, claims=[*freed, *taken])
        with suppress(RedisUnavailable):
            await self._holds.abandon(operation, hold.id)
            # Where its booking was never settled, the hold it came from still keeps the old time from others.
            await self._holds.abandon(operation, before.hold_id)
        return moved

    async def _check_limits(
        self, repository: AppointmentRepository, snapshot: CatalogueSnapshot, moved: Appointment
    ) -> None:
        """Raise LimitReached when the new day has no room; a customer's active appointments are no more than before."""
        service = snapshot.catalogue.service_by_id[moved.service_id]
        found = limits.limits_on(snapshot.index, service, moved)
        on_days = [limit for limit in found if limit.day is not None]
        if on_days:
            await repository.lock_limits(on_days)
            used_up = await repository.find_used_up(on_days, moved.updated_at, excluding=moved.id)
            if used_up is not None:
                raise used_up.refusal()

    async def _set_status(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        status: Status,
        name: str,
        expected_version: int | None,
    ) -> Appointment:
        def change(appointment: Appointment, now: datetime) -> Appointment:
            lifecycle.check_transition(appointment, status)
            return booking.with_status(appointment, status, now)

        return await self._change(operation, appointment_id, name, change, expected_version)

    async def _change(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        name: str,
        change: _Change,
        expected_version: int | None,
    ) -> Appointment:
        """Change the appointment in one transaction; its claims stay."""
        async with self._unit_of_work.begin(operation) as transaction:
            after = await self._changed(transaction, appointment_id, change, expected_version)
            await self._save(transaction, name, after)
        return after

    async def _end(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        name: str,
        change: _Change,
        expected_version: int | None,
    ) -> Appointment:
        """Change the appointment and free its time in one transaction."""
        async with self._unit_of_work.begin(operation) as transaction:
            ended = await self._changed(transaction, appointment_id, change, expected_version)
            freed = await self._save_ended(transaction, name, ended)
        self._metrics.add(BOOKINGS_DECLINED if name == "declined" else BOOKINGS_CANCELLED)
        await self._settle_ended(transaction, [ended], freed)
        return ended

    async def _save_ended(
        self, transaction: Transaction, name: str, ended: Appointment
    ) -> list[tuple[ResourceId, Span]]:
        """Write an appointment that came to its end, and say what that frees."""
        await self._save(transaction, name, ended)
        return await AppointmentRepository(transaction.connection, transaction.tenant_id).remove_claims(ended.id)

    async def _settle_ended(
        self, transaction: Transaction, ended: Sequence[Appointment], freed: Sequence[tuple[ResourceId, Span]]
    ) -> None:
        """Let the cache and the holds hear, after the commit, of appointments that came to their ends."""
        await self._cache_sync.settle(transaction.tenant_id, transaction.commit_id, claims=freed)
        # Where its booking was never settled, the hold it came from still keeps the time from others.
        with suppress(RedisUnavailable):
            for appointment in ended:
                await self._holds.abandon(transaction.operation, appointment.hold_id)

    async def _changed(
        self, transaction: Transaction, appointment_id: AppointmentId, change: _Change, expected_version: int | None
    ) -> Appointment:
        """The appointment, locked, as it is to be written."""
        repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
        found = await repository.find_with_clock(appointment_id, for_update=True)
        before, sandbox_now = _present(found, appointment_id)
        _check_version(before, expected_version)
        return change(before, business_now(sandbox_now, self._clock))

    async def _save(self, transaction: Transaction, name: str, after: Appointment) -> None:
        await AppointmentRepository(transaction.connection, transaction.tenant_id).save(after)
        await transaction.outbox.add(booking.event(name, after))


def _present(found: _Found | None, appointment_id: AppointmentId) -> _Found:
    if found is None:
        raise NotFound(f'There is no appointment "{appointment_id}".')
    return found


def _check_movable(appointment: Appointment, expected_version: int | None, now: datetime) -> None:
    _check_version(appointment, expected_version)
    lifecycle.check_movable(appointment, now)
    policy.check_reschedulable(appointment, now)


def _check_version(appointment: Appointment, expected: int | None) -> None:
    if expected is not None and expected != appointment.version:
        raise VersionConflict(
            "The appointment has changed since you read it. Read it again and decide anew.",
            version=appointment.version,
        )


def _cursor(last: Appointment) -> str:
    position = f"{to_datetime(last.span.start).isoformat()}|{last.id}"
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start, appointment_id = base64.urlsafe_b64decode(padded).decode().split("|")
        position = datetime.fromisoformat(start)
    except (binascii.Error, ValueError):
        raise ValidationFailed.of("cursor", "must be the next_cursor of an earlier answer") from None
    if position.tzinfo is None or not _FIRST_YEAR <= position.year <= _LAST_YEAR or not is_id(appointment_id):
        raise ValidationFailed.of("cursor", "must be the next_cursor of an earlier answer")
    return position, appointment_id
