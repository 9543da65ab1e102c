"""Customers as a business knows them, beside what each appointment says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bookings.model import CustomerDetails
from catalogue.model.rules.rule import UNSET, Unset
from kernel.errors import DomainError, ValidationFailed
from kernel.ids import CustomerId

MOST_PURPOSES: Final = 50
"""Of consents of one customer: more than anybody can be asked about."""
MOST_CHANGES: Final = 100
"""Of one consent: older ones are deleted, since they prove nothing of now."""


class CustomerExists(DomainError):
    """Another customer has that address, so the two are to be merged instead."""

    code = "customer_exists"

    def __init__(self, customer_id: CustomerId | None) -> None:
        """Name the other customer, unless whoever asks may not see them: None."""
        facts = {} if customer_id is None else {"customer": customer_id}
        super().__init__(
            "Another customer of the business has this address. If both are the same person, merge them.", **facts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A customer's word on one purpose, the last one or one before."""

    purpose: str
    granted: bool
    source: str
    """The place where it was said, by a name of the business's own."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A customer as the business has stored them."""

    id: CustomerId
    details: CustomerDetails
    version: int
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None
    merged_into: CustomerId | None
    consents: Sequence[Consent] = ()
    """Consents in force, by their purposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerChange:
    """New contact details; what is unset stays."""

    name: str | Unset = UNSET
    email: str | None | Unset = UNSET
    phone: str | None | Unset = UNSET
    timezone: str | None | Unset = UNSET

    def changed(self, details: CustomerDetails) -> tuple[CustomerDetails, tuple[str, ...]]:
        """The details after the change, and the names of those that differ."""
        given: Mapping[str, Any] = {
            name: value
            for name in ("name", "email", "phone", "timezone")
            if not isinstance(value := getattr(self, name), Unset)
        }
        fields = tuple(name for name, value in given.items() if getattr(details, name) != value)
        return replace(details, **given), fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerQuery:
    """Which customers are looked for: all conditions that are given are met."""

    email: str | None = None
    phone: str | None = None
    name_part: str | None = None
    """Part of the name, folded (`folded`)."""

    @property
    def has_address(self) -> bool:
        """True if one look-up finds the customer."""
        return self.email is not None or self.phone is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalExport:
    """Everything that the business has stored about one person, apart from the appointments."""

    customer: CustomerRecord
    merged: Sequence[CustomerRecord] = field(default=())
    """The same person, as stored under other addresses."""
    consents: Sequence[Consent] = ()
    """Each change of each of them, the earliest first."""


def refuse_merge_into_itself() -> ValidationFailed:
    """The refusal of a merge of a customer with itself."""
    return ValidationFailed.of("into", "must be another customer, and neither may have been merged into the other")
