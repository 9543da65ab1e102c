"""Fields of the objects of a document."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

_Schema = Mapping[str, Any]


def fields_at(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    """The names of the fields that the object at that place of such a model may have, in order of the alphabet."""
    schema = _schema(model)
    parts = _forms(schema, schema)
    for step in location:
        parts = [form for part in parts for inner in _inner(part, step) for form in _forms(schema, inner)]
    return sorted({name for part in parts for name in part.get("properties", ())})


@lru_cache
def _schema(model: type[BaseModel]) -> _Schema:
    return model.model_json_schema()


def _inner(part: _Schema, step: int | str) -> list[_Schema]:
    """The schema of an element of a list, of a field, or of an entry of a map under any key."""
    if isinstance(step, int):
        found = part.get("items")
    else:
        found = part.get("properties", {}).get(step, part.get("additionalProperties"))
    return [found] if isinstance(found, dict) else []


def _forms(schema: _Schema, part: _Schema) -> list[_Schema]:
    """The part, or each of the alternatives it offers, without references."""
    if "$ref" in part:
        return _forms(schema, schema["$defs"][part["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in part:
        return [form for choice in part["anyOf"] for form in _forms(schema, choice)]
    return [part]
