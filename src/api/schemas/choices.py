"""Lengths and add-ons in requests and answers."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.fields import MoneyAnswer, Reference, money_answer
from catalogue.limits import MAX_ADD_ONS
from catalogue.model.choices import AddOn, Choices

AddOns = Annotated[list[Reference], Field(max_length=MAX_ADD_ONS)]
"""Keys of add-ons."""


class AddOnAnswer(TypedDict):
    """An extra of a service or of a visit."""

    key: str
    name: str
    minutes: Annotated[int, Field(description="By which it makes the visit longer.")]
    price: NotRequired[Annotated[MoneyAnswer, Field(description="For one person. Absent: it costs nothing.")]]


class ChoicesAnswer(TypedDict):
    """The choices made for a visit."""

    duration_minutes: NotRequired[
        Annotated[int, Field(description="As chosen, or as the business said, without add-ons. Absent: neither.")]
    ]
    add_ons: NotRequired[Annotated[list[AddOnAnswer], Field(description="The add-ons. Absent: none.")]]


def add_on_answer(add_on: AddOn) -> AddOnAnswer:
    """The answer that describes the add-on."""
    body: AddOnAnswer = {"key": add_on.key, "name": add_on.name, "minutes": add_on.minutes}
    if add_on.price is not None:
        body["price"] = money_answer(add_on.price)
    return body


def chosen_answer(choices: Choices) -> ChoicesAnswer:
    """The choices as members of an answer; nothing where none were made."""
    body: ChoicesAnswer = {}
    if choices.duration is not None:
        body["duration_minutes"] = choices.duration.minutes
    if choices.add_ons:
        body["add_ons"] = [add_on_answer(add_on) for add_on in choices.add_ons]
    return body
