"""Appointments as clients ask for them and are answered."""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, NotRequired, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
    with_config,
)
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import (
    MoneyAnswer,
    Reference,
    RequestModel,
    Text,
    UsedResource,
    money_answer,
    service_name,
    shown,
    shown_instant,
    used_resources,
)
from api.schemas.holds import PlaceHold
from bookings.model import Appointment, AppointmentFilter, Booked, CustomerDetails, Details, Policy, Status
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import Instant, Title, Zone, read_date, read_instant
from catalogue.model.rules.rule import UNSET, Unset
from kernel.errors import NotFound
from kernel.ids import CustomerId, HoldId, ResourceId, ServiceId
from kernel.zones import zone

MAX_NOTES_CHARACTERS: Final = 2000
"""A page of remarks."""
MAX_METADATA_ENTRIES: Final = 50
"""References into other systems, not a store of its own."""
MAX_METADATA_KEY_CHARACTERS: Final = 40
MAX_METADATA_CHARACTERS: Final = 500
MAX_REASON_CHARACTERS: Final = 500
"""A sentence or two."""
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
# With a digit: customers are told apart by those.
_PHONE: Final = re.compile(r"(?=.*[0-9])\+?[0-9 ()./-]{3,40}")
# A `+` that was not escaped in a query arrives as a space.
_UNESCAPED_OFFSET: Final = re.compile(r" (\d\d:\d\d)$")


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text) is None:
        detail = "must be an e-mail address"
        raise ValueError(detail)
    return text


def _phone(text: str) -> str:
    if _PHONE.fullmatch(text) is None:
        detail = "must be a telephone number"
        raise ValueError(detail)
    return text


def _instant_or_date(value: object) -> datetime | date:
    if isinstance(value, str) and len(value) <= len("2026-12-01"):
        return read_date(value)
    return read_instant(_UNESCAPED_OFFSET.sub(r"+\1", value) if isinstance(value, str) else value)


Notes = Annotated[Text, StringConstraints(max_length=MAX_NOTES_CHARACTERS)]
Metadata = Annotated[
    dict[
        Annotated[Text, StringConstraints(min_length=1, max_length=MAX_METADATA_KEY_CHARACTERS)],
        Annotated[Text, StringConstraints(max_length=MAX_METADATA_CHARACTERS)],
    ],
    Field(max_length=MAX_METADATA_ENTRIES, description="Your own references."),
]
Side = Annotated[
    datetime | date,
    PlainValidator(_instant_or_date),
    WithJsonSchema({"type": "string", "examples": ["2026-12-01", "2026-12-01T00:00:00Z"]}),
]


class Customer(RequestModel):
    """Who the appointment is for. Customers with the same e-mail address, else telephone number, are one."""

    name: Title
    email: Annotated[Text, StringConstraints(max_length=254), AfterValidator(_email)] | None = None
    phone: Annotated[str, StringConstraints(max_length=41), AfterValidator(_phone)] | None = None
    timezone: Zone | None = None


class _WithDetails(RequestModel):
    customer: Customer
    notes: Notes | None = None
    metadata: Metadata = Field(default={})

    def details(self) -> Details:
        """In the engine's terms."""
        return Details(
            customer=CustomerDetails(
                name=self.customer.name,
                email=self.customer.email,
                phone=self.customer.phone,
                timezone=self.customer.timezone,
            ),
            notes=self.notes,
            metadata=self.metadata,
        )


_CUSTOMER_EXAMPLE: Final[JsonDict] = {"name": "Dana Levi", "email": "dana@example.com", "phone": "+972 50 123 4567"}


class ConfirmHold(_WithDetails):
    """What turns a hold into an appointment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"customer": _CUSTOMER_EXAMPLE, "notes": "First visit"}]})

    if_free: bool = Field(default=False, description="Book the time even after the hold expired, if it is still free.")


class BookAppointment(_WithDetails, PlaceHold):
    """A start to book in one step."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"service": "haircut", "start": "2026-12-01T09:00:00+02:00", "customer": _CUSTOMER_EXAMPLE}]
        }
    )


class RescheduleAppointment(RequestModel):
    """Another time, or the hold that keeps it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "2026-12-02T10:00:00+02:00"}]})

    start: Instant | None = None
    resource: Annotated[Reference, Field(description="Id or key; absent: any that can serve.")] | None = None
    hold: Annotated[Reference, Field(description="A hold on the new time; it is used up.")] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.start is None and self.hold is None:
            detail = "give start, or hold"
            raise ValueError(detail)
        return self

    @property
    def hold_id(self) -> HoldId | None:
        """The hold, if there is one."""
        return None if self.hold is None else HoldId(self.hold)


class CancelAppointment(RequestModel):
    """Why it is cancelled."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Fell ill"}]})

    reason: Annotated[Text, StringConstraints(max_length=MAX_REASON_CHARACTERS)] | None = None


class AnnotateAppointment(RequestModel):
    """Notes and references in place of those there are; what is absent stays, null takes the notes away."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"notes": "Prefers scissors", "metadata": {"crm": "81"}}]}
    )

    notes: Notes | None = None
    metadata: Metadata = Field(default={})

    @property
    def new_notes(self) -> str | None | Unset:
        """UNSET where they stay."""
        return self.notes if "notes" in self.model_fields_set else UNSET

    @property
    def new_metadata(self) -> dict[str, str] | Unset:
        """UNSET where it stays."""
        return self.metadata if "metadata" in self.model_fields_set else UNSET


class AppointmentsQuery(RequestModel):
    """Which appointments to list."""

    # Everything in a query is text, and what it does not know is none of its business.
    model_config = ConfigDict(extra="ignore", strict=False, populate_by_name=True)

    starts_from: Side | None = Field(
        default=None, alias="from", description="Starts at or after this instant, or local date of the business."
    )
    starts_to: Side | None = Field(
        default=None, alias="to", description="Starts before this instant, or on or before this local date."
    )
    resource: Reference | None = Field(default=None, description="Id or key.")
    service: Reference | None = Field(default=None, description="Id or key.")
    status: Status | None = None
    customer: Reference | None = Field(default=None, description="Id of a customer: `cus_…`.")
    timezone: Zone | None = Field(default=None, description="IANA zone to show instants in; UTC if absent.")
    limit: int = Field(default=50, ge=1, le=200, description="Most entries of the answer.")
    cursor: Annotated[Text, StringConstraints(max_length=512)] | None = Field(
        default=None, description="`next_cursor` of the page before, to go on after it."
    )

    def filter(self, catalogue: Catalogue) -> AppointmentFilter:
        """In the engine's terms. Raises NotFound for a resource or service that never was."""
        timezone = catalogue.business.timezone
        return AppointmentFilter(
            starts_from=_first_instant(self.starts_from, timezone),
            starts_before=_first_instant(
                self.starts_to + timedelta(days=1)
                if isinstance(self.starts_to, date) and not isinstance(self.starts_to, datetime)
                else self.starts_to,
                timezone,
            ),
            resource_id=None if self.resource is None else _resource_id(self.resource, catalogue),
            service_id=None if self.service is None else _service_id(self.service, catalogue),
            status=self.status,
            customer_id=None if self.customer is None else CustomerId(self.customer),
        )


def _first_instant(side: datetime | date | None, timezone: str) -> datetime | None:
    """The instant, or the one at which the date begins."""
    if side is None or isinstance(side, datetime):
        return side
    return datetime.combine(side, time(), zone(timezone))


def _resource_id(name: str, catalogue: Catalogue) -> ResourceId:
    """Archived ones too: they have appointments."""
    for resource in catalogue.resources:
        if name in (resource.id, resource.key):
            return resource.id
    detail = f'There is no resource "{name}".'
    raise NotFound(detail)


def _service_id(name: str, catalogue: Catalogue) -> ServiceId:
    for service in catalogue.services:
        if name in (service.id, service.key):
            return service.id
    detail = f'There is no service "{name}".'
    raise NotFound(detail)


class CustomerAnswer(TypedDict):
    """Who the appointment is for, as given at booking."""

    id: str
    name: str
    email: str | None
    phone: str | None
    timezone: str | None


class CancellationAnswer(TypedDict):
    """What a late cancellation or a no-show costs, in hundredths of the price."""

    free_until_minutes: int
    fee_percent: int
    no_show_fee_percent: int


class RescheduleAnswer(TypedDict):
    """Until when, and how often, it may be moved, by whomever."""

    until_minutes: int
    max_times: int | None


class PolicyAnswer(TypedDict):
    """The rules in force when it was booked."""

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
        "reschedule": {"until_minutes": 120, "max_times": 3},
    },
    "times_rescheduled": 0,
    "approve_by": None,
    "hold": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "cancelled_at": None,
    "cancel_reason": None,
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
BOOKED_EXAMPLE: Final[JsonDict] = {**APPOINTMENT_EXAMPLE, "token": "hft_0b9f…"}
CANCELLED_EXAMPLE: Final[JsonDict] = {
    **APPOINTMENT_EXAMPLE,
    "status": "cancelled",
    "cancelled_at": "2026-11-30T16:00:00Z",
    "cancel_reason": "Fell ill",
    "version": 2,
    "fee": {"amount_minor": 4500, "currency": "ILS"},
    "refund": {"amount_minor": 4500, "currency": "ILS"},
}


@with_config(ConfigDict(json_schema_extra={"examples": [APPOINTMENT_EXAMPLE]}))
class AppointmentAnswer(TypedDict):
    """A booked visit."""

    id: str
    status: Status
    service: str
    start: datetime
    end: datetime
    timezone: Annotated[str, Field(description="Of the location.")]
    resources: list[UsedResource]
    party: int
    price: MoneyAnswer
    customer: CustomerAnswer
    notes: str | None
    metadata: dict[str, str]
    policy: PolicyAnswer
    times_rescheduled: int
    approve_by: Annotated[
        datetime | None,
        Field(description="A pending one can be approved until then; after that it is cancelled. Else null."),
    ]
    hold: Annotated[str, Field(description="What it was made from.")]
    cancelled_at: datetime | None
    cancel_reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    fee: NotRequired[Annotated[MoneyAnswer, Field(description="What the cancellation or no-show costs.")]]
    refund: NotRequired[Annotated[MoneyAnswer, Field(description="The rest of the price.")]]


@with_config(ConfigDict(json_schema_extra={"examples": [BOOKED_EXAMPLE]}))
class BookedAnswer(AppointmentAnswer):
    """A new appointment, and what lets its customer read, move and cancel it."""

    token: str


class AppointmentsAnswer(TypedDict):
    """A page of appointments in order of their starts."""

    data: list[AppointmentAnswer]
    next_cursor: str | None


def appointment_answer(
    appointment: Appointment, catalogue: Catalogue, timezone: str | None = None
) -> AppointmentAnswer:
    """The appointment as answered."""
    approve_by, cancelled_at = appointment.approve_by, appointment.cancelled_at
    found: AppointmentAnswer = {
        "id": appointment.id,
        "status": appointment.status,
        "service": service_name(appointment.service_id, catalogue),
        "start": shown(appointment.span.start, timezone),
        "end": shown(appointment.span.end, timezone),
        "timezone": appointment.timezone,
        "resources": used_resources(appointment.parts, catalogue),
        "party": appointment.party,
        "price": money_answer(appointment.price),
        "customer": _customer_answer(appointment),
        "notes": appointment.notes,
        "metadata": dict(appointment.metadata),
        "policy": _policy_answer(appointment.policy),
        "times_rescheduled": appointment.times_rescheduled,
        "approve_by": None if approve_by is None else shown_instant(approve_by, timezone),
        "hold": appointment.hold_id,
        "cancelled_at": None if cancelled_at is None else shown_instant(cancelled_at, timezone),
        "cancel_reason": appointment.cancel_reason,
        "version": appointment.version,
        "created_at": shown_instant(appointment.created_at, timezone),
        "updated_at": shown_instant(appointment.updated_at, timezone),
    }
    if appointment.fee is not None:
        found["fee"] = money_answer(appointment.fee)
        found["refund"] = money_answer(appointment.price.minus(appointment.fee))
    return found


def booked_answer(booked: Booked, catalogue: Catalogue) -> BookedAnswer:
    """The booking as answered."""
    return {**appointment_answer(booked.appointment, catalogue), "token": booked.token}


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
    return {
        "cancellation": {
            "free_until_minutes": cancellation.free_until_minutes,
            "fee_percent": cancellation.fee_percent,
            "no_show_fee_percent": cancellation.no_show_fee_percent,
        },
        "reschedule": {"until_minutes": reschedule.until_minutes, "max_times": reschedule.max_times},
    }
