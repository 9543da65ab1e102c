"""Pydantic's errors in the words of the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi.routing import APIRoute
from pydantic import BaseModel

from catalogue.fault_details import fault_detail, unknown_field
from catalogue.fields import fields_at
from catalogue.model.documents import FaultsError
from kernel.errors import FieldError

_OBJECT_TYPES: Final = frozenset({"model_attributes_type", "model_type", "dict_type"})


def field_errors(details: Mapping[str, Any], body: type[BaseModel] | None) -> Iterator[FieldError]:
    """The faults behind one of Pydantic's errors: several where a check of ours found several at once.

    `body`: the model of the body that the route takes.
    """
    if details["type"] == "json_invalid":
        yield FieldError("body", f"is not JSON: {details['ctx']['error']}")
        return
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FaultsError):
        for fault in cause.errors:
            yield FieldError(_pointer([*details["loc"], fault.pointer]), fault.detail)
    elif details["type"] == "extra_forbidden":
        source, *steps, name = details["loc"]
        known = fields_at(body, steps) if body is not None and source == "body" else ()
        yield FieldError(_pointer(details["loc"]), unknown_field(str(name), known))
    else:
        yield FieldError(_pointer(details["loc"]), _detail(details))


def body_of(route: object) -> type[BaseModel] | None:
    """The model of the body that a route takes, if it takes one."""
    field = route.body_field if isinstance(route, APIRoute) else None
    annotation = None if field is None else field.field_info.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _pointer(location: Sequence[int | str]) -> str:
    """A place as clients read it: `customer.name` in the body, `query.from` elsewhere."""
    source, *steps = location
    if source != "body":
        steps = [source, *steps]
    if not steps:
        return "body"
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps if step != "[key]"]
    return "".join(parts).removeprefix(".")


def _detail(details: Mapping[str, Any]) -> str:
    if details["type"] in _OBJECT_TYPES and tuple(details["loc"]) == ("body",):
        return "must be a JSON object (with Content-Type: application/json)"
    return fault_detail(details["type"], details.get("ctx", {}))
