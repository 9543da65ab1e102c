"""Requests about appointments."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from api.schemas.answers import Answers
from api.schemas.fields import LIST_BY_DEFAULT, OBJECT_BY_DEFAULT, Reference, RequestModel
from api.schemas.holds import VisitStart
from api.schemas.overrides import Overrides
from api.schemas.starts_query import StartsQuery
from availability.model import Override
from availability.rules.overrides import overrides_of, rules_waived
from bookings.model import AppointmentFilter, CustomerDetails, Details, Status
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import EmailAddress, ExactInstant, Instant, Title, Zone
from catalogue.model.documents import FaultsError
from catalogue.model.rules.rule import UNSET, Unset
from kernel import text
from kernel.errors import FieldError
from kernel.ids import CustomerId, HoldId

MAX_NOTES_CHARACTERS: Final = 2000
"""A page of remarks."""
MAX_METADATA_ENTRIES: Final = 50
"""Enough for references into other systems; it is no data store."""
MAX_METADATA_KEY_CHARACTERS: Final = 40
MAX_METADATA_CHARACTERS: Final = 500
MAX_REASON_CHARACTERS: Final = 500
"""A sentence or two."""
# Address books put marks around a number that keep it in order amid Hebrew or Arabic; they are copied along with it.
_MARKS: Final = r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]*"
# At least one digit: customers are identified by the digits.
_PHONE: Final = re.compile(rf"{_MARKS}(?=.*[0-9])(\+?[0-9 ()./-]{{3,40}}){_MARKS}")


def _phone(typed: str) -> str:
    found = _PHONE.fullmatch(typed)
    if found is None:
        detail = "must be a telephone number"
        raise ValueError(detail)
    return found[1]


# The length is checked before the folding, which takes time, and after it.
Notes = Annotated[
    str,
    StringConstraints(max_length=MAX_NOTES_CHARACTERS),
    AfterValidator(text.remarks),
    AfterValidator(text.within(MAX_NOTES_CHARACTERS)),
]
CancelReason = Annotated[
    str,
    StringConstraints(max_length=MAX_REASON_CHARACTERS),
    AfterValidator(text.remarks),
    AfterValidator(text.within(MAX_REASON_CHARACTERS)),
]
Metadata = Annotated[
    dict[
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=MAX_METADATA_KEY_CHARACTERS),
            AfterValidator(text.reference),
        ],
        Annotated[str, StringConstraints(max_length=MAX_METADATA_CHARACTERS), AfterValidator(text.opaque)],
    ],
    Field(max_length=MAX_METADATA_ENTRIES, description="Your own references."),
]


PhoneNumber = Annotated[
    str,
    StringConstraints(max_length=41),
    AfterValidator(_phone),
    Field(json_schema_extra={"pattern": f"^{_PHONE.pattern}$"}),
]


class Customer(RequestModel):
    """The customer of the appointment, identified by e-mail address, otherwise by telephone number."""

    name: Title
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    timezone: Zone | None = None


class _WithDetails(RequestModel):
    customer: Customer
    notes: Notes | None = None
    metadata: Metadata = Field(default_factory=dict, json_schema_extra=OBJECT_BY_DEFAULT)
    answers: Answers = Field(default_factory=dict, json_schema_extra=OBJECT_BY_DEFAULT)

    def details(self) -> Details:
        """The details as the engine's value."""
        return Details(
            customer=CustomerDetails(
                name=self.customer.name,
                email=self.customer.email,
                phone=self.customer.phone,
                timezone=self.customer.timezone,
            ),
            notes=self.notes,
            metadata=self.metadata,
            answers=self.answers,
        )


_CUSTOMER_EXAMPLE: Final[JsonDict] = {"name": "Dana Levi", "email": "dana@example.com", "phone": "+972 50 123 4567"}


class ConfirmHold(_WithDetails):
    """Details of the appointment that a hold becomes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"customer": _CUSTOMER_EXAMPLE, "notes": "First visit"}]})

    if_free: bool = Field(default=False, description="Book the time even after the hold expired, if it is still free.")


class BookAppointment(_WithDetails, VisitStart):
    """A start to book in one step, with the details of the appointment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"service": "haircut", "start": "2026-12-01T09:00:00+02:00", "customer": _CUSTOMER_EXAMPLE}]
        }
    )


class RescheduleAppointment(RequestModel):
    """The new time of an appointment, or a hold on it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "2026-12-02T10:00:00+02:00"}]})

    start: Instant | None = None
    resource: (
        Annotated[Reference, Field(description="Id or key. If absent, those who serve now are asked first.")] | None
    ) = None
    location: Annotated[Reference, Field(description="Id or key. Any location if absent.")] | None = None
    hold: Annotated[Reference, Field(description="Your hold on the new time. Rescheduling consumes it.")] | None = None
    override: Overrides = Field(default_factory=list, json_schema_extra=LIST_BY_DEFAULT)
    dry_run: bool = Field(
        default=False, description="Tell what the move would come to, its price among it, and change nothing."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.start is None and self.hold is None:
            detail = "requires start or hold"
            raise ValueError(detail)
        if self.hold is not None and rules_waived(self.overrides):
            raise FaultsError([FieldError("override", "belongs to the hold: place it with this override")])
        return self

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The overrides as the engine's value."""
        return overrides_of(self.override)

    @property
    def hold_id(self) -> HoldId | None:
        """The hold on the new time."""
        return None if self.hold is None else HoldId(self.hold)


class CancelAppointment(RequestModel):
    """The reason for a cancellation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Fell ill"}]})

    reason: CancelReason | None = None
    waive_fee: bool = Field(
        default=False, description="Requires a secret key, whose cancellations cost nothing with or without it."
    )


class MissAppointment(RequestModel):
    """The terms of a no-show."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"waive_fee": True}]})

    waive_fee: bool = Field(default=False, description="True: the no-show costs nothing.")


class AnnotateAppointment(RequestModel):
    """New notes and metadata. Members not sent stay; null removes the notes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"notes": "Prefers scissors", "metadata": {"crm": "81"}}]}
    )

    notes: Notes | None = None
    metadata: Metadata = Field(default_factory=dict, json_schema_extra=OBJECT_BY_DEFAULT)

    @property
    def new_notes(self) -> str | None | Unset:
        """The notes to store; UNSET if they stay."""
        return self.notes if "notes" in self.model_fields_set else UNSET

    @property
    def new_metadata(self) -> dict[str, str] | Unset:
        """The metadata to store; UNSET if it stays."""
        return self.metadata if "metadata" in self.model_fields_set else UNSET


class AppointmentsQuery(StartsQuery):
    """Filters of a list of appointments."""

    status: Status | None = None
    customer: Reference | None = Field(default=None, description="Id of a customer: `cus_…`.")
    created_since: ExactInstant | None = Field(default=None, description="Those booked at this instant or later.")
    updated_since: ExactInstant | None = Field(
        default=None,
        description="Those booked or changed at this instant or later, in whatever way. Who wants every change follows "
        "`GET /v1/events`.",
    )
    overlapping: bool = Field(
        default=False,
        description="True: visits that share a minute with the time from `from` to `to`, also those that began "
        "before it or end after it. So one date has everybody who is there on it.",
    )

    def filter(self, catalogue: Catalogue, live: Catalogue) -> AppointmentFilter:
        """The filters as the engine's value. Raises NotFound for an unknown name."""
        earliest = self.earliest_start(catalogue)
        return AppointmentFilter(
            starts_from=None if self.overlapping else earliest,
            ends_after=earliest if self.overlapping else None,
            starts_before=self.starts_before(catalogue),
            resource_id=self.resource_id(catalogue, live),
            service_id=self.service_id(catalogue, live),
            location_id=self.location_id(catalogue, live),
            status=self.status,
            created_since=self.created_since,
            updated_since=self.updated_since,
            customer_id=None if self.customer is None else CustomerId(self.customer),
        )
