"""Rule on the contact details without which nobody books."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from catalogue.model.rules.rule import RuleCodec


class ContactDetail(StrEnum):
    """Ways to reach a customer."""

    EMAIL = "email"
    PHONE = "phone"


def _each_once(required: "list[ContactDetail]") -> "list[ContactDetail]":
    if len(set(required)) < len(required):
        detail = "must name each contact detail once"
        raise ValueError(detail)
    return required


RequireRule = Annotated[
    list[Annotated[ContactDetail, Field(strict=False)]],
    AfterValidator(_each_once),
    Field(description="Contact details of the customer that every booking has to have: `email`, `phone`, or both."),
]


def _values(names: Iterable[str]) -> tuple[ContactDetail, ...]:
    return tuple(ContactDetail(name) for name in names)


def _names(required: Iterable[ContactDetail]) -> list[str]:
    return [detail.value for detail in required]


REQUIRE: Final = RuleCodec(desired=_values, document=_names, stored=_values, record=_names)
