"""Faults of values in our own words, by the types of Pydantic's errors, whose words are about Python."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

_UNKNOWN: Final = "no such field"
_OBJECT: Final = "must be an object"
_LIST: Final = "must be a list"
_INTEGER: Final = "must be a whole number"
_NUMBER: Final = "must be a number"
_DATE: Final = "must be a date such as 2026-12-01"
_INSTANT: Final = "must be an instant such as 2026-12-01T09:00:00+02:00"
_TIME: Final = "must be a time of day such as 09:00"
_WORDS: Final[Mapping[str, str]] = {
    "missing": "required",
    "extra_forbidden": _UNKNOWN,
    "none_required": "must be null",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_sub_type": "must be text",
    "string_unicode": "must be text in UTF-8",
    "string_pattern_mismatch": "must have the form {pattern}",
    "finite_number": _NUMBER,
    "multiple_of": "must be a multiple of {multiple_of}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "timezone_naive": "must have no offset",
    "timezone_aware": "must have an offset such as +02:00 or Z",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _INTEGER),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), _OBJECT),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        _DATE,
    ),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"),
        _INSTANT,
    ),
    **dict.fromkeys(("time_type", "time_parsing"), _TIME),
}
_COUNTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "string_too_short": ("must have at least", "min_length", "character"),
    "string_too_long": ("must have at most", "max_length", "character"),
    "too_short": ("must have at least", "min_length", "item"),
    "too_long": ("must have at most", "max_length", "item"),
}
_ELSE: Final = "is not valid here"
_LONGEST_FIELD: Final = 63
"""The part of an no such field's name that is compared with those of known ones."""
_LIKENESS: Final = 0.75
"""The least likeness, of 1, of names that are taken for one: `buffer_after_minutes` and `offset_minutes` are not."""


def fault_detail(kind: str, context: Mapping[str, Any]) -> str:
    """One sentence about a fault of this type of Pydantic's, with the limits that its context has.

    A check of ours speaks for itself. A type that no field of ours can have gets a sentence that says little, and none
    of Pydantic's.
    """
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind in _COUNTS:
        bound, name, noun = _COUNTS[kind]
        return f"{bound} {_counted(context[name], noun)}"
    return _WORDS.get(kind, _ELSE).format_map({name: f"{value}" for name, value in context.items()})


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def unknown_field(name: str, known: Iterable[str]) -> str:
    """The fault of a field that none of the known ones is, with the one that was probably meant."""
    close = get_close_matches(name[:_LONGEST_FIELD], list(known), n=1, cutoff=_LIKENESS)
    return f'{_UNKNOWN}; did you mean "{close[0]}"?' if close else _UNKNOWN
