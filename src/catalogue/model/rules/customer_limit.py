"""Rule on how many appointments one customer may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_CUSTOMER_APPOINTMENTS
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.rules.rule import RuleCodec, from_record, or_null, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLimit:
    """Most appointments of one customer; None is no limit."""

    active: int | None = None
    """Appointments that are pending or confirmed and have not ended."""
    daily: int | None = None
    """Appointments that begin on one local date and were not cancelled."""
    weekly: int | None = None
    """The same of a week, from Monday to Sunday."""
    monthly: int | None = None
    """The same of a calendar month."""


class CustomerLimitDocument(Document):
    """Most appointments of one customer."""

    active: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that are pending or confirmed and have not ended."
    )
    daily: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that begin on one local date."
    )
    weekly: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that begin in one week, from Monday to Sunday by the local calendar."
    )
    monthly: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that begin in one calendar month."
    )

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if all(most is None for most in (self.active, self.daily, self.weekly, self.monthly)):
            detail = "give one or more of active, daily, weekly and monthly"
            raise ValueError(detail)
        return self


def _desired(entry: CustomerLimitDocument) -> CustomerLimit:
    return CustomerLimit(active=entry.active, daily=entry.daily, weekly=entry.weekly, monthly=entry.monthly)


def _document(limit: CustomerLimit) -> JsonObject:
    return present(active=limit.active, daily=limit.daily, weekly=limit.weekly, monthly=limit.monthly)


def _stored(record: Mapping[str, object]) -> CustomerLimit:
    return from_record(CustomerLimit, record)


CUSTOMER_LIMIT: Final = or_null(RuleCodec(desired=_desired, document=_document, stored=_stored, record=record_of))
