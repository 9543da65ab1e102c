"""Changes of what is booked, in requests and answers."""

from typing import Annotated, Final, NotRequired, Self

from pydantic import ConfigDict, Field, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.appointment_requests import AnnotateAppointment, PhoneNumber
from api.schemas.appointments import (
    APPOINTMENT_EXAMPLE,
    AppointmentAnswer,
    ChangedResourceAnswer,
    appointment_answer,
    changed_resources_answer,
)
from api.schemas.choices import AddOns
from api.schemas.fields import MoneyAnswer, Party, Reference, RequestModel, money_answer
from bookings.amendment import Amended, Amendment
from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import EmailAddress, Title, Zone
from catalogue.model.documents import FaultsError
from catalogue.model.rules.rule import UNSET
from kernel.errors import FieldError


def refuse_null(model: RequestModel, *names: str) -> None:
    """Raise FaultsError for members that were sent as null and cannot be removed."""
    sent = [name for name in names if name in model.model_fields_set and getattr(model, name) is None]
    if sent:
        raise FaultsError([FieldError(name, "cannot be removed") for name in sent])


class AmendCustomer(RequestModel):
    """New contact details of the customer. Members not sent stay; null removes any but the name."""

    name: Title | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        refuse_null(self, "name")
        return self


class AmendAppointment(AnnotateAppointment):
    """New values of an appointment. Members not sent stay; null removes the notes, and contact details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"notes": "Prefers scissors", "metadata": {"crm": "81"}},
                {"customer": {"phone": "+972 3 123 4567"}, "party": 2},
            ]
        }
    )

    customer: AmendCustomer | None = None
    party: Party | None = None
    service: Annotated[Reference, Field(description="Id or key. Requires a secret key.")] | None = None

    duration_minutes: (
        Annotated[
            int,
            Field(
                ge=1,
                le=MAX_STAY_BLOCKED_MINUTES,
                description="New length, without add-ons. Requires a secret key.",
            ),
        ]
        | None
    ) = None

    add_ons: (
        Annotated[AddOns, Field(description="All add-ons that it is to have, by key. Requires a secret key.")] | None
    ) = None

    @model_validator(mode="after")
    def _removes_nothing_needed(self) -> Self:
        refuse_null(self, "customer", "party", "service", "duration_minutes", "add_ons")
        return self

    @property
    def is_for_business(self) -> bool:
        """True if it has what customers may not change."""
        return not self.model_fields_set or bool(self.model_fields_set - {"customer", "party"})

    def amendment(self) -> Amendment:
        """The changes as the engine's value."""
        customer = self.customer
        return Amendment(
            customer={} if customer is None else {name: getattr(customer, name) for name in customer.model_fields_set},
            party=UNSET if self.party is None else self.party,
            service=UNSET if self.service is None else self.service,
            duration_minutes=UNSET if self.duration_minutes is None else self.duration_minutes,
            add_ons=UNSET if self.add_ons is None else tuple(self.add_ons),
            notes=self.new_notes,
            metadata=self.new_metadata,
        )


AMENDED_EXAMPLE: Final[JsonDict] = {
    **APPOINTMENT_EXAMPLE,
    "party": 2,
    "price": {"amount_minor": 18000, "currency": "ILS"},
    "version": 2,
    "previous_price": {"amount_minor": 9000, "currency": "ILS"},
    "changed_resources": [],
}


class _Changes(TypedDict):
    previous_price: NotRequired[Annotated[MoneyAnswer, Field(description="The price before, where it is another now.")]]
    changed_resources: NotRequired[
        Annotated[
            list[ChangedResourceAnswer],
            Field(description="The resources that were replaced, after a change of the visit."),
        ]
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [AMENDED_EXAMPLE]}))
class AmendedAnswer(AppointmentAnswer, _Changes):
    """An appointment that was changed."""


def amended_answer(amended: Amended, catalogue: Catalogue, *, with_changes: bool) -> AmendedAnswer:
    """The answer to a change of party, service, length or customer details."""
    changes: _Changes = {}
    if amended.previous_price != amended.appointment.price:
        changes["previous_price"] = money_answer(amended.previous_price)
    if with_changes:
        changes["changed_resources"] = changed_resources_answer(amended.changed_resources, catalogue)
    return {**appointment_answer(amended.appointment, catalogue), **changes}
