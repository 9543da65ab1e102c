"""Appointments in answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.cancellation_terms import CancellationTerms, cancellation_terms
from api.schemas.choices import ChoicesAnswer, chosen_answer
from api.schemas.fields import (
    MoneyAnswer,
    UsedResource,
    VisitLocation,
    money_answer,
    used_resources,
    visit_location,
)
from api.schemas.holds import GaveWay
from api.schemas.overrides import WaivedRules
from bookings.model import Appointment, Booked, ChangedResource, Policy, Rescheduled, Status
from catalogue.model.catalogue import Catalogue
from catalogue.model.rules.reschedule import FeeAfterMove, MovePrice
from kernel.ids import HoldId, ResourceId
from kernel.operation import ActorKind
from kernel.spans import to_datetime
from kernel.zones import zone


class CustomerAnswer(TypedDict):
    """The customer, as given at booking."""

    id: str
    name: str
    email: str | None
    phone: str | None
    timezone: str | None


class CancellationAnswer(CancellationTerms):
    """Fees for late cancellations and no-shows."""

    no_show_fee_percent: int


class RescheduleAnswer(TypedDict):
    """Limits on rescheduling: how late and how often; and its effect on the fee of a later cancellation."""

    until_minutes: int
    max_times: int | None
    fee: FeeAfterMove
    price: NotRequired[
        Annotated[MovePrice, Field(description="Absent: new where a move asks for a resource, kept where it does not.")]
    ]


class PolicyAnswer(TypedDict):
    """The policy in force at booking."""

    cancellation: CancellationAnswer
    reschedule: RescheduleAnswer


APPOINTMENT_EXAMPLE: Final[JsonDict] = {
    "id": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "status": "confirmed",
    "service": "haircut",
    "start": "2026-12-01T07:00:00Z",
    "end": "2026-12-01T07:30:00Z",
    "timezone": "Asia/Jerusalem",
    "resources": [{"role": "staff", "resource": "noa"}],
    "party": 1,
    "price": {"amount_minor": 9000, "currency": "ILS"},
    "customer": {
        "id": "cus_01kbc9x3v4h5m6n7p8q9r0s1t2",
        "name": "Dana Levi",
        "email": "dana@example.com",
        "phone": "+972 50 123 4567",
        "timezone": None,
    },
    "notes": "First visit",
    "metadata": {},
    "policy": {
        "cancellation": {"free_until_minutes": 1440, "fee_percent": 50, "no_show_fee_percent": 100},
        "reschedule": {"until_minutes": 120, "max_times": 3, "fee": "keep"},
    },
    "times_rescheduled": 0,
    "approve_by": None,
    "hold": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "cancelled_at": None,
    "cancel_reason": None,
    "cancelled_by": None,
    "finished_at": None,
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
BOOKED_EXAMPLE: Final[JsonDict] = {**APPOINTMENT_EXAMPLE, "token": "hft_0b9f…"}
CONCEALED_EXAMPLE: Final[JsonDict] = {**APPOINTMENT_EXAMPLE, "customer": None, "notes": None, "token": None}
CANCELLED_EXAMPLE: Final[JsonDict] = {
    **APPOINTMENT_EXAMPLE,
    "status": "cancelled",
    "cancelled_at": "2026-11-30T16:00:00Z",
    "cancel_reason": "Fell ill",
    "cancelled_by": "customer",
    "version": 2,
    "fee": {"amount_minor": 4500, "currency": "ILS"},
    "refund": {"amount_minor": 4500, "currency": "ILS"},
}


class _AppointmentFields(ChoicesAnswer):
    id: str
    status: Status
    service: str
    start: datetime
    end: datetime
    timezone: Annotated[str, Field(description="Time zone of the location.")]
    location: NotRequired[VisitLocation]
    resources: list[UsedResource]
    party: int
    price: MoneyAnswer
    notes: str | None
    metadata: dict[str, str]
    policy: PolicyAnswer
    times_rescheduled: Annotated[int, Field(description="Moves by the customer; those by the business do not count.")]
    approve_by: Annotated[
        datetime | None,
        Field(description="While pending: the end of the time for approval, when it is cancelled. Otherwise null."),
    ]
    hold: Annotated[str, Field(description="The hold that became this appointment.")]
    cancelled_at: datetime | None
    cancel_reason: str | None
    cancelled_by: Annotated[
        ActorKind | None,
        Field(description="Who cancelled it; null while it is not, and where an older version of the engine did."),
    ]
    finished_at: Annotated[
        datetime | None,
        Field(description="When it was completed, or marked as a no-show; for 24 hours it can be reopened."),
    ]
    version: int
    created_at: datetime
    updated_at: datetime
    fee: NotRequired[Annotated[MoneyAnswer, Field(description="The fee for the cancellation or no-show.")]]
    refund: NotRequired[
        Annotated[
            MoneyAnswer,
            Field(description="The price minus the fee, or nothing where the fee kept from before a move is more."),
        ]
    ]
    kept_fee: NotRequired[
        Annotated[
            MoneyAnswer,
            Field(
                description="The least that a cancellation by the customer costs, who moved the appointment when one "
                "already cost that. Absent: nothing was kept."
            ),
        ]
    ]
    fee_start: NotRequired[
        Annotated[
            datetime,
            Field(
                description="The start from which the cancellation policy counts back, because the business moved the "
                "appointment to an earlier one. Absent: `start`."
            ),
        ]
    ]
    override: NotRequired[WaivedRules]
    answers: NotRequired[
        Annotated[dict[str, str], Field(description="To the questions of the service, by key. Absent: none was given.")]
    ]
    gave_way: NotRequired[GaveWay]


@with_config(ConfigDict(json_schema_extra={"examples": [APPOINTMENT_EXAMPLE]}))
class AppointmentAnswer(_AppointmentFields):
    """A booked visit."""

    customer: CustomerAnswer


@with_config(ConfigDict(json_schema_extra={"examples": [BOOKED_EXAMPLE]}))
class BookedAnswer(AppointmentAnswer):
    """A new appointment, with the token that lets its customer read, reschedule and cancel it."""

    token: str


@with_config(ConfigDict(json_schema_extra={"examples": [BOOKED_EXAMPLE, CONCEALED_EXAMPLE]}))
class RepeatedAnswer(_AppointmentFields):
    """An appointment that was booked before.

    For 15 minutes the same details get the first answer again, and a secret key always does. To others `customer`,
    `notes`, `cancel_reason` and `token` are null, and `metadata` is empty.
    """

    customer: CustomerAnswer | None
    token: str | None


ChangedResourceAnswer = TypedDict(
    "ChangedResourceAnswer",
    {
        "role": str,
        "from": Annotated[str | None, Field(description="Who served; null where the role has one more now.")],
        "to": Annotated[str | None, Field(description="Who serves now; null where the role has one fewer.")],
    },
)


class PreviousVisit(TypedDict):
    """The visit before it was moved."""

    start: datetime
    end: datetime
    location: NotRequired[VisitLocation]
    resources: list[UsedResource]
    price: MoneyAnswer


RESCHEDULED_EXAMPLE: Final[JsonDict] = {
    **APPOINTMENT_EXAMPLE,
    "times_rescheduled": 1,
    "version": 2,
    "changed_resources": [{"role": "staff", "from": "avi", "to": "noa"}],
    "previous": {
        "start": "2026-11-30T07:00:00Z",
        "end": "2026-11-30T07:30:00Z",
        "resources": [{"role": "staff", "resource": "avi"}],
        "price": {"amount_minor": 9000, "currency": "ILS"},
    },
    "dry_run": False,
}


@with_config(ConfigDict(json_schema_extra={"examples": [RESCHEDULED_EXAMPLE]}))
class RescheduledAnswer(AppointmentAnswer):
    """An appointment that was moved."""

    changed_resources: Annotated[
        list[ChangedResourceAnswer],
        Field(description="The resources that were replaced; empty where the same ones serve as before."),
    ]
    previous: PreviousVisit
    dry_run: Annotated[bool, Field(description="True: nothing has changed; the move would come to this.")]


class AppointmentsAnswer(TypedDict):
    """A page of appointments in order of their starts."""

    data: list[AppointmentAnswer]
    next_cursor: str | None


def appointment_answer(
    appointment: Appointment, catalogue: Catalogue, timezone: str | None = None, gave_way: Sequence[HoldId] = ()
) -> AppointmentAnswer:
    """The answer that describes the appointment."""
    approve_by, cancelled_at, finished_at = appointment.approve_by, appointment.cancelled_at, appointment.finished_at
    service = catalogue.service_by_id.get(appointment.service_id)
    in_zone = UTC if timezone is None else zone(timezone)
    body: AppointmentAnswer = {
        "id": appointment.id,
        "status": appointment.status,
        # Another process may have just created the service; its id serves as its name until this one has it too.
        "service": appointment.service_id if service is None else service.key,
        "start": to_datetime(appointment.span.start).astimezone(in_zone),
        "end": to_datetime(appointment.span.end).astimezone(in_zone),
        "timezone": appointment.timezone,
        "resources": used_resources(appointment.parts, catalogue),
        "party": appointment.party,
        "price": money_answer(appointment.price),
        "customer": _customer_answer(appointment),
        "notes": appointment.notes,
        "metadata": dict(appointment.metadata),
        "policy": _policy_answer(appointment.policy),
        "times_rescheduled": appointment.times_rescheduled,
        "approve_by": None if approve_by is None else approve_by.astimezone(in_zone),
        "hold": appointment.hold_id,
        "cancelled_at": None if cancelled_at is None else cancelled_at.astimezone(in_zone),
        "cancel_reason": appointment.cancel_reason,
        "cancelled_by": appointment.cancelled_by,
        "finished_at": None if finished_at is None else finished_at.astimezone(in_zone),
        "version": appointment.version,
        "created_at": appointment.created_at.astimezone(in_zone),
        "updated_at": appointment.updated_at.astimezone(in_zone),
    }
    location = visit_location(appointment.location_id, appointment.parts, catalogue)
    if location is not None:
        body["location"] = location
    if appointment.fee is not None:
        body["fee"] = money_answer(appointment.fee)
        body["refund"] = money_answer(appointment.price.minus(appointment.fee, at_least=0))
    if appointment.kept_fee is not None:
        body["kept_fee"] = money_answer(appointment.kept_fee)
    if appointment.fee_start is not None:
        body["fee_start"] = to_datetime(appointment.fee_start).astimezone(in_zone)
    if appointment.overrides:
        body["override"] = [override.value for override in appointment.overrides]
    if appointment.choices:
        body.update(chosen_answer(appointment.choices))  # type: ignore[typeddict-item]
    if appointment.answers:
        body["answers"] = dict(appointment.answers)
    if gave_way:
        body["gave_way"] = list(gave_way)
    return body


def rescheduled_answer(rescheduled: Rescheduled, catalogue: Catalogue) -> RescheduledAnswer:
    """The answer to a move."""
    before = rescheduled.previous
    previous: PreviousVisit = {
        "start": to_datetime(before.span.start),
        "end": to_datetime(before.span.end),
        "resources": used_resources(before.parts, catalogue),
        "price": money_answer(before.price),
    }
    location = visit_location(before.location_id, before.parts, catalogue)
    if location is not None:
        previous["location"] = location
    return {
        **appointment_answer(rescheduled.appointment, catalogue, gave_way=rescheduled.gave_way),
        "changed_resources": changed_resources_answer(rescheduled.changed_resources, catalogue),
        "previous": previous,
        "dry_run": rescheduled.is_planned,
    }


def changed_resources_answer(changes: Sequence[ChangedResource], catalogue: Catalogue) -> list[ChangedResourceAnswer]:
    """The resources that were replaced, by their keys."""

    def key(resource_id: ResourceId | None) -> str | None:
        resource = None if resource_id is None else catalogue.resource_by_id.get(resource_id)
        return resource_id if resource is None else resource.key

    return [{"role": change.role, "from": key(change.before), "to": key(change.after)} for change in changes]


def booked_answer(booked: Booked, catalogue: Catalogue) -> BookedAnswer | RepeatedAnswer:
    """The answer to a booking; without a token it shows nothing personal."""
    full = appointment_answer(booked.appointment, catalogue, gave_way=booked.gave_way)
    if booked.token is None:
        full.pop("answers", None)
        return {**full, "customer": None, "notes": None, "metadata": {}, "cancel_reason": None, "token": None}
    return {**full, "token": booked.token}


def _customer_answer(appointment: Appointment) -> CustomerAnswer:
    customer = appointment.customer
    return {
        "id": appointment.customer_id,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "timezone": customer.timezone,
    }


def _policy_answer(policy: Policy) -> PolicyAnswer:
    cancellation, reschedule = policy.cancellation, policy.reschedule
    body: PolicyAnswer = {
        "cancellation": {
            **cancellation_terms(cancellation),
            "no_show_fee_percent": cancellation.no_show_fee_percent,
        },
        "reschedule": {
            "until_minutes": reschedule.until_minutes,
            "max_times": reschedule.max_times,
            "fee": reschedule.fee,
        },
    }
    if reschedule.price is not None:
        body["reschedule"]["price"] = reschedule.price
    return body
