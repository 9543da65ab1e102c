"""Choices of a visit: the lengths it may have, and what may be added to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from catalogue.model.document_fields import BlockedMinutes, DurationMinutes, Key, Title
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.money import MoneyDocument, desired_money, money_document
from kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationOption:
    """A length that a visit may have, whoever serves."""

    minutes: int
    price: Money | None = None
    """For one person; None: the service's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """An extra that makes a visit longer, dearer or both."""

    key: str
    name: str
    minutes: int = 0
    price: Money | None = None
    """For one person; None: it costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices made for one visit, as they were when it was held or booked."""

    duration: DurationOption | None = None
    """None: the service has one length, or had when it was booked."""
    add_ons: tuple[AddOn, ...] = ()
    """In the order of the service."""

    def __bool__(self) -> bool:
        """True if anything was chosen."""
        return self.duration is not None or bool(self.add_ons)

    @property
    def added_minutes(self) -> int:
        """The minutes of all add-ons."""
        return sum(add_on.minutes for add_on in self.add_ons)


NO_CHOICES = Choices()


class DurationOptionDocument(Document):
    """A length that a visit may have."""

    minutes: DurationMinutes
    price: MoneyDocument | None = None


class AddOnDocument(Document):
    """An extra that makes a visit longer, dearer or both."""

    key: Key
    name: Title
    minutes: BlockedMinutes = 0
    price: MoneyDocument | None = None


def _option(sent: object) -> object:
    """The option, of which a number says the minutes."""
    return {"minutes": sent} if isinstance(sent, int) and not isinstance(sent, bool) else sent


OptionOrMinutes = Annotated[
    DurationOptionDocument, BeforeValidator(_option, json_schema_input_type=DurationMinutes | DurationOptionDocument)
]


def desired_durations(entries: Iterable[DurationOptionDocument]) -> tuple[DurationOption, ...]:
    """The lengths in the document, the shortest first."""
    found = [DurationOption(minutes=entry.minutes, price=desired_money(entry.price)) for entry in entries]
    return tuple(sorted(found, key=lambda option: option.minutes))


def desired_add_ons(entries: Iterable[AddOnDocument]) -> tuple[AddOn, ...]:
    """The add-ons in the document."""
    return tuple(
        AddOn(key=entry.key, name=entry.name, minutes=entry.minutes, price=desired_money(entry.price))
        for entry in entries
    )


def choices_document(durations: Sequence[DurationOption], add_ons: Sequence[AddOn]) -> JsonObject:
    """The members of a service's document; none where there is no choice."""
    options = [
        option.minutes if option.price is None else {"minutes": option.minutes, "price": money_document(option.price)}
        for option in durations
    ]
    extras = [
        {
            "key": add_on.key,
            "name": add_on.name,
            "minutes": add_on.minutes,
            **present(price=money_document(add_on.price)),
        }
        for add_on in add_ons
    ]
    return present(durations=options or None, add_ons=extras or None)


def duration_record(option: DurationOption) -> Mapping[str, object]:
    """The length as it is stored."""
    return present(minutes=option.minutes, price=money_document(option.price))


def add_on_record(add_on: AddOn) -> Mapping[str, object]:
    """The add-on as it is stored."""
    return present(key=add_on.key, name=add_on.name, minutes=add_on.minutes, price=money_document(add_on.price))


def stored_duration(record: Mapping[str, Any]) -> DurationOption:
    """The length in a record."""
    return DurationOption(minutes=record["minutes"], price=_stored_price(record))


def stored_add_on(record: Mapping[str, Any]) -> AddOn:
    """The add-on in a record."""
    return AddOn(key=record["key"], name=record["name"], minutes=record["minutes"], price=_stored_price(record))


def choices_record(choices: Choices) -> Mapping[str, object] | None:
    """The choices as a hold or an appointment keeps them; None: none were made."""
    if not choices:
        return None
    record: dict[str, object] = {}
    if choices.duration is not None:
        record["duration"] = duration_record(choices.duration)
    if choices.add_ons:
        record["add_ons"] = [add_on_record(add_on) for add_on in choices.add_ons]
    return record


def stored_choices(record: Mapping[str, Any] | None) -> Choices:
    """The choices in a record; none in what an older program wrote."""
    if not record:
        return NO_CHOICES
    duration = record.get("duration")
    return Choices(
        duration=None if duration is None else stored_duration(duration),
        add_ons=tuple(map(stored_add_on, record.get("add_ons", ()))),
    )


def _stored_price(record: Mapping[str, Any]) -> Money | None:
    price = record.get("price")
    return None if price is None else Money(amount_minor=price["amount_minor"], currency=price["currency"])
