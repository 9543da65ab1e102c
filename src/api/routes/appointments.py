"""Operations on appointments."""

from collections.abc import Awaitable
from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.authentication import Caller
from api.dependencies import (
    AppointmentPath,
    ExpectedVersion,
    Holder,
    IdempotencyKey,
    Secret,
    ServicesOf,
    Timezone,
    Widget,
)
from api.documentation import Responses, also, granted, refused
from api.idempotency import RepeatableRoute
from api.schemas.appointments import (
    APPOINTMENT_EXAMPLE,
    BOOKED_EXAMPLE,
    CANCELLED_EXAMPLE,
    AnnotateAppointment,
    AppointmentAnswer,
    AppointmentsAnswer,
    AppointmentsQuery,
    BookAppointment,
    BookedAnswer,
    CancelAppointment,
    RescheduleAppointment,
    appointment_answer,
    booked_answer,
)
from availability.model import NotOffered
from bookings.model import Appointment, CutoffPassed, InvalidTransition, LimitReached
from bootstrap.services import Services
from holds.model import HoldBusy, HoldExpired, HoldNotFound, HoldsUnavailable, SlotHeld, SlotTaken
from kernel.errors import NotFound, VersionConflict
from kernel.ids import AppointmentId
from kernel.operation import Operation

router = APIRouter(tags=["Appointments"], route_class=RepeatableRoute)


def _as_changed(example: object = APPOINTMENT_EXAMPLE) -> Responses:
    return granted(200, AppointmentAnswer, "The appointment as it is now; its version is the ETag.", example)


@router.post(
    "/v1/appointments",
    operation_id="bookAppointment",
    summary="Book a start in one step",
    status_code=201,
    responses=also(
        granted(201, BookedAnswer, "The appointment, and the token for its customer.", BOOKED_EXAMPLE),
        granted(200, BookedAnswer, "The same appointment, again.", BOOKED_EXAMPLE),
        refused(NotFound, NotOffered, SlotTaken, SlotHeld, LimitReached),
    ),
)
async def book_appointment(
    services: ServicesOf, caller: Widget, body: BookAppointment, idempotency_key: IdempotencyKey
) -> Response:
    """Hold and confirm at once; other people's holds are honoured."""
    booked = await services.bookings.book(
        caller.operation, body.place_request(), body.details(), idempotency_key=idempotency_key
    )
    catalogue = await services.snapshots.catalogue(caller.tenant_id, naming=booked.appointment.names)
    return answer(
        booked_answer(booked, catalogue), status=201 if booked.created else 200, version=booked.appointment.version
    )


@router.get(
    "/v1/appointments",
    operation_id="listAppointments",
    summary="List appointments",
    responses=also(
        granted(200, AppointmentsAnswer, "A page.", {"data": [APPOINTMENT_EXAMPLE], "next_cursor": None}),
        refused(NotFound),
    ),
)
async def list_appointments(
    services: ServicesOf, caller: Secret, query: Annotated[AppointmentsQuery, Query()]
) -> Response:
    """In order of their starts, those that match everything asked for."""
    catalogue = await services.snapshots.catalogue(caller.tenant_id)
    found, next_cursor = await services.appointments.find(
        caller.operation, query.filter(catalogue), after=query.cursor, limit=query.limit
    )
    named = frozenset[str]().union(*(appointment.names for appointment in found))
    catalogue = await services.snapshots.catalogue(caller.tenant_id, naming=named)
    page = [appointment_answer(appointment, catalogue, query.timezone) for appointment in found]
    return answer({"data": page, "next_cursor": next_cursor})


@router.get(
    "/v1/appointments/{appointment_id}",
    operation_id="getAppointment",
    summary="Read an appointment",
    responses=also(_as_changed(), refused(NotFound)),
)
async def get_appointment(
    services: ServicesOf, caller: Holder, appointment_id: AppointmentPath, timezone: Timezone = None
) -> Response:
    """Read it, whatever became of it."""
    found = await services.appointments.get(caller.operation, appointment_id)
    return await _answer(services, caller, found, timezone)


@router.patch(
    "/v1/appointments/{appointment_id}",
    operation_id="annotateAppointment",
    summary="Change the notes and metadata of an appointment",
    responses=also(_as_changed(), refused(NotFound, VersionConflict)),
)
async def annotate_appointment(
    services: ServicesOf,
    caller: Secret,
    appointment_id: AppointmentPath,
    body: AnnotateAppointment,
    expected: ExpectedVersion,
) -> Response:
    """Replace what is sent; what is absent stays."""
    changed = await services.appointments.annotate(
        caller.operation,
        appointment_id,
        notes=body.new_notes,
        metadata=body.new_metadata,
        expected_version=expected,
    )
    return await _answer(services, caller, changed)


@router.post(
    "/v1/appointments/{appointment_id}/reschedule",
    operation_id="rescheduleAppointment",
    summary="Move an appointment",
    responses=also(
        _as_changed(),
        refused(
            NotFound, NotOffered, SlotTaken, SlotHeld, InvalidTransition, CutoffPassed, LimitReached, VersionConflict,
            HoldNotFound, HoldExpired, HoldBusy, HoldsUnavailable,
        ),
    ),
)  # fmt: skip
async def reschedule_appointment(
    services: ServicesOf,
    caller: Holder,
    appointment_id: AppointmentPath,
    body: RescheduleAppointment,
    expected: ExpectedVersion,
) -> Response:
    """The old time is free exactly when the new one is taken; the policy it was booked under says until when."""
    moved = await services.appointments.reschedule(
        caller.operation,
        appointment_id,
        start=body.start,
        resource=body.resource,
        hold_id=body.hold_id,
        expected_version=expected,
    )
    return await _answer(services, caller, moved)


@router.post(
    "/v1/appointments/{appointment_id}/cancel",
    operation_id="cancelAppointment",
    summary="Cancel an appointment",
    responses=also(_as_changed(CANCELLED_EXAMPLE), refused(NotFound, InvalidTransition, CutoffPassed, VersionConflict)),
)
async def cancel_appointment(
    services: ServicesOf,
    caller: Holder,
    appointment_id: AppointmentPath,
    expected: ExpectedVersion,
    body: CancelAppointment | None = None,
) -> Response:
    """Free its time; `fee` and `refund` follow from the policy in force when it was booked."""
    cancelled = await services.appointments.cancel(
        caller.operation,
        appointment_id,
        reason=body.reason if body is not None else None,
        expected_version=expected,
    )
    return await _answer(services, caller, cancelled)


_FINISHED = also(_as_changed(), refused(NotFound, InvalidTransition, VersionConflict))


@router.post(
    "/v1/appointments/{appointment_id}/complete",
    operation_id="completeAppointment",
    summary="Say that the visit took place",
    responses=_FINISHED,
)
async def complete_appointment(
    services: ServicesOf, caller: Secret, appointment_id: AppointmentPath, expected: ExpectedVersion
) -> Response:
    """A confirmed appointment becomes completed."""
    return await _change(services, caller, appointment_id, expected, services.appointments.complete)


@router.post(
    "/v1/appointments/{appointment_id}/no-show",
    operation_id="missAppointment",
    summary="Say that nobody came",
    responses=_FINISHED,
)
async def miss_appointment(
    services: ServicesOf, caller: Secret, appointment_id: AppointmentPath, expected: ExpectedVersion
) -> Response:
    """A confirmed appointment becomes a no-show; `fee` follows from the policy in force when it was booked."""
    return await _change(services, caller, appointment_id, expected, services.appointments.no_show)


@router.post(
    "/v1/appointments/{appointment_id}/approve",
    operation_id="approveAppointment",
    summary="Accept a pending appointment",
    responses=_FINISHED,
)
async def approve_appointment(
    services: ServicesOf, caller: Secret, appointment_id: AppointmentPath, expected: ExpectedVersion
) -> Response:
    """A pending appointment becomes confirmed, unless its `approve_by` is past; its time was kept all along."""
    return await _change(services, caller, appointment_id, expected, services.appointments.approve)


@router.post(
    "/v1/appointments/{appointment_id}/decline",
    operation_id="declineAppointment",
    summary="Turn a pending appointment down",
    responses=_FINISHED,
)
async def decline_appointment(
    services: ServicesOf, caller: Secret, appointment_id: AppointmentPath, expected: ExpectedVersion
) -> Response:
    """A pending appointment becomes cancelled, free of charge, and its time is free."""
    return await _change(services, caller, appointment_id, expected, services.appointments.decline)


class _Change(Protocol):
    def __call__(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Awaitable[Appointment]: ...


async def _change(
    services: Services, caller: Caller, appointment_id: AppointmentId, expected: int | None, change: _Change
) -> Response:
    changed = await change(caller.operation, appointment_id, expected_version=expected)
    return await _answer(services, caller, changed)


async def _answer(
    services: Services, caller: Caller, appointment: Appointment, timezone: str | None = None
) -> Response:
    catalogue = await services.snapshots.catalogue(caller.tenant_id, naming=appointment.names)
    return answer(appointment_answer(appointment, catalogue, timezone), version=appointment.version)
