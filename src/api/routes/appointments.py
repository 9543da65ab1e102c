"""Operations on appointments."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from access.challenges import ChallengeRequired, judging
from api.answers import answer
from api.authentication import Caller
from api.dependencies import AttemptName, ExpectedVersion, Permitted, RefuseNew, SentBy, ServicesOf, refuse_dry_run
from api.idempotency import RepeatableRoute
from api.openapi_responses import Responses, merge, refusals, success
from api.parameters import AppointmentPath, Timezone
from api.schemas.amendments import AMENDED_EXAMPLE, AmendAppointment, AmendedAnswer, amended_answer
from api.schemas.appointment_requests import (
    AppointmentsQuery,
    BookAppointment,
    CancelAppointment,
    MissAppointment,
    RescheduleAppointment,
)
from api.schemas.appointments import (
    APPOINTMENT_EXAMPLE,
    BOOKED_EXAMPLE,
    CANCELLED_EXAMPLE,
    RESCHEDULED_EXAMPLE,
    AppointmentAnswer,
    AppointmentsAnswer,
    BookedAnswer,
    RepeatedAnswer,
    RescheduledAnswer,
    appointment_answer,
    booked_answer,
    rescheduled_answer,
)
from availability.model import NotOffered
from availability.rules.search_budget import TooComplex
from availability.search_thread import SearchThreadBusy
from bookings.contact_proof import VerificationRequired
from bookings.model import Appointment, CutoffPassed, InvalidTransition, LimitReached
from bootstrap.services import Services
from catalogue.model.quotas import QuotaExceeded
from holds.model import HoldBusy, HoldExpired, HoldLimitReached, HoldNotFound, HoldsUnavailable, SlotHeld, SlotTaken
from kernel.errors import NotFound, VersionConflict
from kernel.ids import AppointmentId
from kernel.operation import Operation

router = APIRouter(tags=["Appointments"], route_class=RepeatableRoute, dependencies=[Depends(refuse_dry_run)])


def _appointment(example: object = APPOINTMENT_EXAMPLE) -> Responses:
    return success(200, AppointmentAnswer, "The current appointment; its version is the ETag.", example)


@router.post(
    "/v1/appointments",
    operation_id="bookAppointment",
    summary="Book an appointment in one step",
    status_code=201,
    responses=merge(
        success(201, BookedAnswer, "The new appointment, with the token for its customer.", BOOKED_EXAMPLE),
        success(200, RepeatedAnswer, "The appointment made by an earlier request.", BOOKED_EXAMPLE),
        refusals(
            NotFound,
            NotOffered,
            TooComplex,
            SearchThreadBusy,
            SlotTaken,
            SlotHeld,
            LimitReached,
            QuotaExceeded,
            VerificationRequired,
            HoldBusy,
            HoldExpired,
            HoldNotFound,
            HoldLimitReached,
            ChallengeRequired,
        ),
    ),
)
async def book_appointment(
    services: ServicesOf,
    caller: Permitted,
    visitor: SentBy,
    body: BookAppointment,
    *,
    attempt: AttemptName,
    refuse_new: RefuseNew,
) -> Response:
    """Hold a start and confirm it at once. A time held by someone else is refused, unless a back end overrides that.

    With `override` a back end books where the rules offer nothing: a walk-in, say. It needs a secret key.
    """
    if body.override:
        caller.require_business()
    request, details = body.place_request(by_visitor=caller.operation.is_by_customer), body.details()
    if refuse_new is not None:
        booked = await services.bookings.booked(caller.operation, request, details, attempt) or refuse_new()
    else:
        async with judging(services.challenge, visitor, body.challenge) as judged:
            booked = await services.bookings.book(
                caller.operation, request, details, idempotency_key=attempt, visitor=judged
            )
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=booked.appointment.names)
    return answer(
        booked_answer(booked, catalogue), status=201 if booked.created else 200, version=booked.appointment.version
    )


@router.get(
    "/v1/appointments",
    operation_id="listAppointments",
    summary="List appointments",
    responses=merge(
        success(
            200, AppointmentsAnswer, "A page of appointments.", {"data": [APPOINTMENT_EXAMPLE], "next_cursor": None}
        ),
        refusals(NotFound),
    ),
)
async def list_appointments(
    services: ServicesOf, caller: Permitted, query: Annotated[AppointmentsQuery, Query()]
) -> Response:
    """List the appointments that match all parameters, in order of their starts."""
    catalogue = live = await services.snapshots.catalogue(caller.operation.tenant_id)
    if not query.names_live_objects(catalogue):
        # Archived ones have appointments too.
        catalogue = await services.objects.named(caller.operation, query.names)
    appointments, next_cursor = await services.appointments.find(
        caller.operation, query.filter(catalogue, live), after=query.cursor, limit=query.limit
    )
    names = frozenset[str]().union(*(appointment.names for appointment in appointments))
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=names)
    page = [appointment_answer(appointment, catalogue, query.timezone) for appointment in appointments]
    return answer({"data": page, "next_cursor": next_cursor})


@router.get(
    "/v1/appointments/{appointment_id}",
    operation_id="getAppointment",
    summary="Read an appointment",
    responses=merge(_appointment(), refusals(NotFound)),
)
async def get_appointment(
    services: ServicesOf, caller: Permitted, appointment_id: AppointmentPath, timezone: Timezone = None
) -> Response:
    """Return the appointment, whatever its status."""
    appointment = await services.appointments.get(caller.operation, appointment_id)
    return await _answer(services, caller, appointment, timezone)


@router.patch(
    "/v1/appointments/{appointment_id}",
    operation_id="annotateAppointment",
    summary="Change what is booked, customer details, notes and metadata",
    responses=merge(
        success(200, AmendedAnswer, "The current appointment; its version is the ETag.", AMENDED_EXAMPLE),
        refusals(
            NotFound, NotOffered, TooComplex, SearchThreadBusy, SlotTaken, SlotHeld, InvalidTransition, CutoffPassed,
            LimitReached, VersionConflict, HoldsUnavailable,
        ),
    ),
)  # fmt: skip
async def annotate_appointment(
    services: ServicesOf,
    caller: Permitted,
    appointment_id: AppointmentPath,
    body: AmendAppointment,
    expected: ExpectedVersion,
) -> Response:
    """Replace members in one step. Members not sent stay, and so does the start.

    Another party, service or length needs room like a booking of it; whoever serves now is asked first. The price is
    worked out anew. A customer may change party and contact details, until the policy in force at booking lets them
    move it no more; the rest requires a secret key.
    """
    if body.is_for_business:
        caller.require_business()
    amendment = body.amendment()
    if amendment.is_annotation:
        changed = await services.appointments.annotate(
            caller.operation,
            appointment_id,
            notes=amendment.notes,
            metadata=amendment.metadata,
            expected_version=expected,
        )
        return await _answer(services, caller, changed)
    amended = await services.amendments.amend(caller.operation, appointment_id, amendment, expected_version=expected)
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=amended.names)
    return answer(
        amended_answer(amended, catalogue, with_changes=amendment.is_of_visit), version=amended.appointment.version
    )


@router.post(
    "/v1/appointments/{appointment_id}/reschedule",
    operation_id="rescheduleAppointment",
    summary="Reschedule an appointment",
    responses=merge(
        success(200, RescheduledAnswer, "The current appointment; its version is the ETag.", RESCHEDULED_EXAMPLE),
        refusals(
            NotFound, NotOffered, TooComplex, SearchThreadBusy, SlotTaken, SlotHeld, InvalidTransition, CutoffPassed,
            LimitReached, VersionConflict, HoldNotFound, HoldExpired, HoldBusy, HoldsUnavailable,
        ),
    ),
)  # fmt: skip
async def reschedule_appointment(
    services: ServicesOf,
    caller: Permitted,
    appointment_id: AppointmentPath,
    body: RescheduleAppointment,
    expected: ExpectedVersion,
) -> Response:
    """Move the appointment in one step: the old time becomes free exactly when the new one is booked.

    Unless you name a `resource`, all who serve now are asked first, and only those who are not free are replaced.
    `changed_resources` tells who. Where the business has several locations, the answer names that of the new time:
    send the `location` of the slot, or the visit may change that too.

    The policy in force at booking limits how late and how often customers may do this; it does not bind a secret key.
    It also says whether the price is that of the new visit. `previous` has the old time, resources and price. With
    `dry_run` the answer is what the move would come to, and nothing changes. `override` needs a secret key.
    """
    if body.override:
        caller.require_business()
    rescheduled = await services.appointments.reschedule(
        caller.operation,
        appointment_id,
        start=body.start,
        resource=body.resource,
        location=body.location,
        hold_id=body.hold_id,
        expected_version=expected,
        overrides=body.overrides,
        dry_run=body.dry_run,
    )
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=rescheduled.names)
    return answer(rescheduled_answer(rescheduled, catalogue), version=rescheduled.appointment.version)


@router.post(
    "/v1/appointments/{appointment_id}/cancel",
    operation_id="cancelAppointment",
    summary="Cancel an appointment",
    responses=merge(
        _appointment(CANCELLED_EXAMPLE), refusals(NotFound, InvalidTransition, CutoffPassed, VersionConflict)
    ),
)
async def cancel_appointment(
    services: ServicesOf,
    caller: Permitted,
    appointment_id: AppointmentPath,
    expected: ExpectedVersion,
    body: CancelAppointment | None = None,
) -> Response:
    """Free the time of the appointment.

    With a secret key it costs nothing; an appointment that is still pending costs what was kept from before a move, if
    anything. Otherwise `fee` and `refund` follow from the policy in force at booking.
    """
    if body is not None and body.waive_fee:
        caller.require_business()
    cancelled = await services.appointments.cancel(
        caller.operation,
        appointment_id,
        reason=body.reason if body is not None else None,
        expected_version=expected,
    )
    return await _answer(services, caller, cancelled)


@router.post(
    "/v1/appointments/{appointment_id}/no-show",
    operation_id="missAppointment",
    summary="Mark an appointment as a no-show",
    responses=merge(_appointment(), refusals(NotFound, InvalidTransition, VersionConflict)),
)
async def miss_appointment(
    services: ServicesOf,
    caller: Permitted,
    appointment_id: AppointmentPath,
    expected: ExpectedVersion,
    body: MissAppointment | None = None,
) -> Response:
    """Mark a confirmed appointment as a no-show, from its start on: the customer did not come.

    What is left of its time is free at once. `fee` follows from the policy in force at booking, unless it is waived.
    """
    missed = await services.appointments.no_show(
        caller.operation, appointment_id, expected_version=expected, waives_fee=body is not None and body.waive_fee
    )
    return await _answer(services, caller, missed)


@router.post(
    "/v1/appointments/{appointment_id}/reopen",
    operation_id="reopenAppointment",
    summary="Undo a completion or a no-show",
    responses=merge(
        _appointment(), refusals(NotFound, InvalidTransition, VersionConflict, SlotTaken, SlotHeld, HoldsUnavailable)
    ),
)
async def reopen_appointment(
    services: ServicesOf, caller: Permitted, appointment_id: AppointmentPath, expected: ExpectedVersion
) -> Response:
    """Make the appointment confirmed again, for 24 hours after it was completed or marked as a no-show.

    A fee is dropped. Time that became free and is not over is taken back; if it belongs to others by now, nothing
    changes.
    """
    reopened = await services.appointments.reopen(caller.operation, appointment_id, expected_version=expected)
    return await _answer(services, caller, reopened)


class _UseCase(Protocol):
    def __call__(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Awaitable[Appointment]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An operation of the business that only changes the status of an appointment."""

    path: str
    operation_id: str
    summary: str
    description: str
    use_case: Callable[[Services], _UseCase]


_STATUS_CHANGES: Final = (
    StatusChange(
        path="complete",
        operation_id="completeAppointment",
        summary="Complete an appointment",
        description="Mark a confirmed appointment as completed, from its start on: the visit took place. What is left "
        "of its time is free at once; the buffers after it begin now.",
        use_case=lambda services: services.appointments.complete,
    ),
    StatusChange(
        path="waive-fee",
        operation_id="waiveFee",
        summary="Waive the fee of a cancellation or a no-show",
        description="Set `fee` to nothing, and `refund` to the price.",
        use_case=lambda services: services.appointments.waive_fee,
    ),
    StatusChange(
        path="approve",
        operation_id="approveAppointment",
        summary="Approve a pending appointment",
        description="Confirm a pending appointment, until its `approve_by`. Its time has been kept since booking.",
        use_case=lambda services: services.appointments.approve,
    ),
    StatusChange(
        path="decline",
        operation_id="declineAppointment",
        summary="Decline a pending appointment",
        description="Cancel a pending appointment free of charge, and free its time.",
        use_case=lambda services: services.appointments.decline,
    ),
)


def _add_status_change(change: StatusChange) -> None:
    @router.post(
        f"/v1/appointments/{{appointment_id}}/{change.path}",
        operation_id=change.operation_id,
        summary=change.summary,
        description=change.description,
        responses=merge(_appointment(), refusals(NotFound, InvalidTransition, VersionConflict)),
    )
    async def change_status(
        services: ServicesOf, caller: Permitted, appointment_id: AppointmentPath, expected: ExpectedVersion
    ) -> Response:
        use_case = change.use_case(services)
        changed = await use_case(caller.operation, appointment_id, expected_version=expected)
        return await _answer(services, caller, changed)


for _status_change in _STATUS_CHANGES:
    _add_status_change(_status_change)


async def _answer(
    services: Services,
    caller: Caller,
    appointment: Appointment,
    timezone: str | None = None,
) -> Response:
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=appointment.names)
    return answer(appointment_answer(appointment, catalogue, timezone), version=appointment.version)
