"""Parts that all rules have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, TypeVar

from catalogue.model.documents import JsonObject

_ValueT = TypeVar("_ValueT")


class Unset(StrEnum):
    """Mark of a rule that a level does not set; null, in contrast, sets "no limit"."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCodec:
    """Translation of a rule that is set, between its value and its two other forms."""

    desired: Callable[[Any], Any]
    """The value in a document."""
    document: Callable[[Any], object]
    """The value as a document."""
    stored: Callable[[Any], Any]
    """The value in a stored record, of this version or of any before."""
    record: Callable[[Any], object]
    """The value as a record, which version 0.1 can read."""


def translated_by(codec: RuleCodec) -> Mapping[str, object]:
    """Mark of a field that the codec translates, as its `metadata`."""
    return {"codec": codec}


def _unchanged(value: object) -> object:
    return value


PLAIN: Final = RuleCodec(desired=_unchanged, document=_unchanged, stored=_unchanged, record=_unchanged)
"""Codec of a rule that is a number, a truth value or null in every form."""


def or_null(codec: RuleCodec) -> RuleCodec:
    """The codec of a rule that may also be null, "no limit", in every form."""
    return RuleCodec(
        desired=_passing_null(codec.desired),
        document=_passing_null(codec.document),
        stored=_passing_null(codec.stored),
        record=_passing_null(codec.record),
    )


def _passing_null(translate: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if value is None else translate(value)


def record_of(value: Any) -> JsonObject:  # noqa: ANN401 - any dataclass
    """The fields of a value that are not None, as a record."""
    members = {member.name: getattr(value, member.name) for member in fields(value)}
    return {name: member for name, member in members.items() if member is not None}


def from_record(value_type: Callable[..., _ValueT], record: Mapping[str, object]) -> _ValueT:
    """The value in a record; a member that only a newer version knows is passed over, so that both can run at once."""
    names = [member.name for member in fields(value_type)]  # type: ignore[arg-type]
    return value_type(**{name: record[name] for name in names if name in record})
