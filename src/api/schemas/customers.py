"""Customers in requests and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.amendments import refuse_null
from api.schemas.appointment_requests import PhoneNumber
from api.schemas.appointments import APPOINTMENT_EXAMPLE, AppointmentAnswer, appointment_answer
from api.schemas.fields import Reference, RequestModel
from bookings.model import Appointment
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import EmailAddress, Title, Zone
from catalogue.model.rules.rule import UNSET
from customers.model import Consent, CustomerChange, CustomerRecord, PersonalExport
from kernel.ids import KEY_PATTERN, CustomerId

CONSENT_EXAMPLE: Final[JsonDict] = {
    "purpose": "reminders",
    "granted": True,
    "source": "booking-page",
    "at": "2026-11-30T15:01:12Z",
}
CUSTOMER_EXAMPLE: Final[JsonDict] = {
    "id": "cus_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "name": "Dana Levi",
    "email": "dana@example.com",
    "phone": "+972 50 123 4567",
    "timezone": None,
    "consents": [CONSENT_EXAMPLE],
    "version": 2,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
    "erased_at": None,
}
EXPORT_EXAMPLE: Final[JsonDict] = {
    "customer": CUSTOMER_EXAMPLE,
    "merged": [],
    "consents": [CONSENT_EXAMPLE],
    "appointments": [APPOINTMENT_EXAMPLE],
}


class ChangeCustomer(RequestModel):
    """New contact details of a customer. Members not sent stay; null removes any but the name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "dana.levi@example.com"}]})

    name: Title | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        refuse_null(self, "name")
        return self

    def change(self) -> CustomerChange:
        """The change as the engine's value."""
        sent = self.model_fields_set
        return CustomerChange(
            name=UNSET if self.name is None else self.name,
            email=self.email if "email" in sent else UNSET,
            phone=self.phone if "phone" in sent else UNSET,
            timezone=self.timezone if "timezone" in sent else UNSET,
        )


class SetConsent(RequestModel):
    """A customer's word on a purpose."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"granted": True, "source": "booking-page"}]})

    granted: Annotated[bool, Field(description="False: it is refused, or withdrawn.")]
    source: Annotated[
        str,
        StringConstraints(pattern=KEY_PATTERN),
        Field(description="Where it was said, by a name of yours such as `booking-page`. It must name nobody."),
    ]


class MergeCustomer(RequestModel):
    """The customer who the same person is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"into": "cus_01kbc9x3v4h5m6n7p8q9r0s1t3"}]})

    into: Annotated[Reference, Field(description="The customer who stays.")]

    @property
    def into_id(self) -> CustomerId:
        """The id of the customer who stays."""
        return CustomerId(self.into)


@with_config(ConfigDict(json_schema_extra={"examples": [CONSENT_EXAMPLE]}))
class ConsentAnswer(TypedDict):
    """A customer's word on a purpose, as it was given."""

    purpose: str
    granted: bool
    source: str
    at: datetime


@with_config(ConfigDict(json_schema_extra={"examples": [CUSTOMER_EXAMPLE]}))
class StoredCustomerAnswer(TypedDict):
    """A customer. Of one who was erased nothing is left but the id and the name `Erased`."""

    id: str
    name: str
    email: str | None
    phone: str | None
    timezone: str | None
    consents: Annotated[list[ConsentAnswer], Field(description="Those in force, by purpose.")]
    version: int
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None


class CustomersAnswer(TypedDict):
    """A page of customers, those who were added last first."""

    data: list[StoredCustomerAnswer]
    next_cursor: Annotated[
        str | None,
        Field(description="To be sent as `cursor` for the next page, also after an empty one; null at the end."),
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [EXPORT_EXAMPLE]}))
class PersonalExportAnswer(TypedDict):
    """Everything that is stored about one person."""

    customer: StoredCustomerAnswer
    merged: Annotated[
        list[StoredCustomerAnswer], Field(description="The same person, as stored under other addresses.")
    ]
    consents: Annotated[list[ConsentAnswer], Field(description="Everything that they said, the earliest first.")]
    appointments: Annotated[list[AppointmentAnswer], Field(description="All of theirs, in order of their starts.")]


def customer_answer(customer: CustomerRecord) -> StoredCustomerAnswer:
    """The answer that describes the customer."""
    return {
        "id": customer.id,
        "name": customer.details.name,
        "email": customer.details.email,
        "phone": customer.details.phone,
        "timezone": customer.details.timezone,
        "consents": [_consent_answer(consent) for consent in customer.consents],
        "version": customer.version,
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
        "erased_at": customer.erased_at,
    }


def export_answer(
    export: PersonalExport, appointments: Sequence[Appointment], catalogue: Catalogue
) -> PersonalExportAnswer:
    """The answer with everything that is stored about the person."""
    return {
        "customer": customer_answer(export.customer),
        "merged": [customer_answer(one) for one in export.merged],
        "consents": [_consent_answer(one) for one in export.consents],
        "appointments": [appointment_answer(one, catalogue) for one in appointments],
    }


def _consent_answer(consent: Consent) -> ConsentAnswer:
    return {"purpose": consent.purpose, "granted": consent.granted, "source": consent.source, "at": consent.at}
