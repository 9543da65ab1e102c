"""Pydantic's errors in the words of the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from catalogue.fault_details import fault_detail
from catalogue.model.documents import FaultsError
from kernel.errors import FieldError

_OBJECT_TYPES: Final = frozenset({"model_attributes_type", "model_type", "dict_type"})


def field_errors(details: Mapping[str, Any]) -> Iterator[FieldError]:
    """The faults behind one of Pydantic's errors: several where a check of ours found several at once."""
    if details["type"] == "json_invalid":
        yield FieldError("body", f"is not JSON: {details['ctx']['error']}")
        return
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FaultsError):
        for fault in cause.errors:
            yield FieldError(_pointer([*details["loc"], fault.pointer]), fault.detail)
    else:
        yield FieldError(_pointer(details["loc"]), _detail(details))


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
