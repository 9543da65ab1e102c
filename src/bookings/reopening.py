"""Use case that takes back the end of a visit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from availability.rules.bitmaps import from_spans, to_spans
from availability.rules.sessions import Session
from availability.state.catalogue_snapshots import unsettled_catalogue
from availability.state.staff_days import OccupiedDays, OwnClaims
from bookings import lifecycle
from bookings.audit_notes import change_note
from bookings.collaborators import Collaborators
from bookings.early_end import StoredClaim, claims_from
from bookings.freed_time import FreedTimeRepository, HeldLanes
from bookings.model import Appointment
from bookings.repository import AppointmentRepository
from kernel.clock import business_now
from kernel.ids import AppointmentId
from kernel.operation import Operation
from kernel.spans import Span, to_minute

# The catalogue may change between its reading and that of the holds; then both are read once more.
_ATTEMPTS: Final = 3


class Reopening:
    """Undoes a completion or a no-show, and takes back the time that it freed."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._staff_days = collaborators.staff_days
        self._cache_sync = collaborators.cache_sync
        self._clock = collaborators.clock

    async def reopen(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Make the appointment confirmed again, without a fee.

        Raises NotFound, VersionConflict; InvalidTransition when it is neither completed nor a no-show, or has been for
        more than a day; SlotTaken or SlotHeld when time that it freed and that is not over belongs to others by now. In
        each case nothing was changed.
        """
        held = await self._held_lanes(operation, appointment_id)
        async with self._unit_of_work.begin(operation) as transaction:
            row = await AppointmentRepository(transaction.connection, operation.tenant_id).find_with_clock(
                appointment_id, own=operation.own, for_update=True
            )
            before, now = self._with_now(row)
            lifecycle.check_version(before, expected_version)
            change = lifecycle.reopen(before, now)
            changed = await FreedTimeRepository(transaction.connection, operation.tenant_id).take_back(
                appointment_id, to_minute(now), held
            )
            await AppointmentRepository(transaction.connection, operation.tenant_id).save(change.appointment)
            await transaction.outbox.add(change.event)
            await transaction.audit.add(change_note(before, change.appointment))
        if changed:
            await self._cache_sync.drop_changed(operation.tenant_id, transaction.commit_id, claims=changed)
        return change.appointment

    async def _held_lanes(self, operation: Operation, appointment_id: AppointmentId) -> HeldLanes:
        """Find what live holds have of time which the visit gave up and which is not over."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            row = await repository.find_with_clock(appointment_id, own=operation.own)
            appointment, now = self._with_now(row)
            freed = await FreedTimeRepository(connection, operation.tenant_id).find(appointment_id)
        coming = claims_from(to_minute(now), freed)
        if not coming:
            return {}
        stretch = Span(min(claim.span.start for claim in coming), max(claim.span.end for claim in coming))
        resource_ids = sorted({claim.resource_id for claim in coming})
        own = OwnClaims(hold_id=appointment.hold_id)
        for _ in range(_ATTEMPTS):
            snapshot = await self._snapshots.current(operation.tenant_id, None, naming=appointment.names)
            occupied = await self._staff_days.load(operation.tenant_id, snapshot, resource_ids, stretch, own)
            if occupied is not None:
                return _held(coming, occupied, Session(appointment.service_id, appointment.span.start))
            self._snapshots.forget(operation.tenant_id, snapshot)
        raise unsettled_catalogue()

    def _with_now(self, row: tuple[Appointment, datetime | None]) -> tuple[Appointment, datetime]:
        appointment, sandbox_now = row
        return appointment, business_now(sandbox_now, self._clock)


def _held(coming: Sequence[StoredClaim], occupied: OccupiedDays, session: Session) -> HeldLanes:
    held = {}
    for resource_id, state in occupied.states.items():
        minutes = from_spans([claim.span for claim in coming if claim.resource_id == resource_id], occupied.window)
        # A session of others takes all lanes of an exclusive resource.
        is_exclusive = any(claim.session for claim in coming if claim.resource_id == resource_id)
        others = [one.minutes for one in state.held_sessions if is_exclusive and one.session != session]
        apart = from_spans(others, occupied.window)
        for number, bits in enumerate(state.held, 1):
            held[resource_id, number] = to_spans((bits | apart) & minutes, occupied.window)
    return held
