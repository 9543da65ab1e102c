"""Pydantic's errors in the words of the API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from catalogue.model.documents import FaultsError
from kernel.errors import FieldError

_SUBJECT: Final = re.compile(r"^(?:Input|List|String|Dictionary|Value) should")


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
    match details["type"]:
        case "missing":
            return "required"
        case "extra_forbidden":
            return "no such field"
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_attributes_type" | "model_type" | "dict_type":
            return "must be a JSON object (with Content-Type: application/json)"
        case _:
            return _SUBJECT.sub("must", str(details["msg"]))
