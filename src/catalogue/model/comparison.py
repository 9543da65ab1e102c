"""Comparison of two values of one type, field by field, in the names of the document."""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from functools import cache
from operator import attrgetter
from typing import Any, Final

# Marks of a field, as its `metadata`. Every field without a mark is compared, so a new one is never forgotten.
NOT_IN_DOCUMENT: Final[Mapping[str, object]] = {"in_document": False}
"""Set by the engine, or derived from another object."""
FIELD_BY_FIELD: Final[Mapping[str, object]] = {"field_by_field": True}
"""A value whose own fields stand in the document, in place of the field that has it."""


def in_document_as(name: str) -> Mapping[str, object]:
    """Mark of a field that has another name in the document."""
    return {"document_name": name}


@cache
def document_field_names(value_type: type) -> tuple[str, ...]:
    """The fields of the document that a value is made of, in the order of the value."""
    return tuple(dict.fromkeys(name for name, _ in _getters(value_type)))


def differing_fields(before: object, after: object) -> tuple[str, ...]:
    """The fields of the document in which two values of one type differ."""
    value_type: type = type(after)
    return tuple(dict.fromkeys(name for name, get in _getters(value_type) if get(before) != get(after)))


@cache
def _getters(value_type: type) -> tuple[tuple[str, Callable[[object], object]], ...]:
    """Each field of the document with a part of the value that it gives; two parts may come from one field."""
    return tuple((name, attrgetter(path)) for field in fields(value_type) for name, path in _paths(field))


def _paths(field: "Field[Any]") -> list[tuple[str, str]]:
    """The (name in the document, attribute path) of each part of a field that is compared."""
    if not field.metadata.get("in_document", True):
        return []
    if field.metadata.get("field_by_field"):
        assert isinstance(field.type, type), "its fields are known"
        return [(name, f"{field.name}.{path}") for part in fields(field.type) for name, path in _paths(part)]
    return [(str(field.metadata.get("document_name", field.name)), field.name)]
