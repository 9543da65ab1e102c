"""Data as it was sent, turned into a document or refused with everything that is wrong with it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from catalogue import document as documents
from catalogue.document import (
    CURRENCY_PATTERN,
    BusinessDocument,
    Document,
    FaultsError,
    LocationDocument,
    ResourceDocument,
    ServiceDocument,
)
from catalogue.model import Catalogue
from catalogue.references import Names, faults_in_references, faults_in_resource, faults_in_service, within
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import KEY_PATTERN

_DocumentT = TypeVar("_DocumentT", bound=Document)

_FIELDS: Final = sorted(
    {
        field.alias or name
        for model in vars(documents).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    }
)
_LONGEST_FIELD: Final = max(map(len, _FIELDS))
_PATTERNS: Final = {
    KEY_PATTERN: "must be lower-case letters, digits and hyphens, at most 63 of them, and not begin with a hyphen",
    CURRENCY_PATTERN: "must be an ISO 4217 code such as EUR",
}
# A client that sends thousands of faults has one fault: it reads the first of them.
_MAX_ERRORS: Final = 100
_MAX_FAULT_CHARACTERS: Final = 300


def read_business(data: Mapping[str, object], stored: Catalogue) -> BusinessDocument:
    """A whole document whose names lead to its own objects, by key or by the ids those are stored under.

    Raises ValidationFailed with every fault.
    """
    return read_document(BusinessDocument, data, faults_in_references(data, Names.within(data, stored)))


def read_location(data: Mapping[str, object]) -> LocationDocument:
    """A location. Raises ValidationFailed with every fault."""
    return read_document(LocationDocument, data)


def read_resource(data: Mapping[str, object], stored: Catalogue) -> ResourceDocument:
    """A resource at one of the live locations. Raises ValidationFailed with every fault."""
    return read_document(ResourceDocument, data, faults_in_resource(data, Names.of(stored)))


def read_service(data: Mapping[str, object], stored: Catalogue) -> ServiceDocument:
    """A service met by the live resources. Raises ValidationFailed with every fault."""
    return read_document(ServiceDocument, data, faults_in_service(data, Names.of(stored)))


def read_document(
    model: type[_DocumentT], data: Mapping[str, object], more_errors: Iterable[FieldError] = ()
) -> _DocumentT:
    """The data as a document of that form, unless it, or somebody else, finds fault with it.

    Raises ValidationFailed with every fault.
    """
    found: _DocumentT | None = None
    errors: list[FieldError] = []
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        errors.extend(islice(_field_errors(error), _MAX_ERRORS))
    errors.extend(islice(more_errors, _MAX_ERRORS - len(errors)))
    if found is None or errors:
        raise ValidationFailed([FieldError(_quotable(error.pointer), _quotable(error.detail)) for error in errors])
    return found


def _quotable(text: str) -> str:
    """What a fault says of the data, without what no answer could carry: half a surrogate pair, or a megabyte."""
    return text[:_MAX_FAULT_CHARACTERS].encode(errors="replace").decode()


def _field_errors(error: ValidationError) -> Iterator[FieldError]:
    for details in error.errors(include_url=False):
        pointer = _pointer(details["loc"])
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, FaultsError):
            yield from within(pointer, cause.errors)
        else:
            yield FieldError(pointer, _detail(details))


def _pointer(location: tuple[int | str, ...]) -> str:
    """Spell a place as `services[2].requires[0].any_of[1]`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")


def _detail(details: ErrorDetails) -> str:
    """Say what is wrong in our words where Pydantic's are about Python."""
    match details["type"]:
        case "missing":
            return "required"
        case "extra_forbidden":
            return _no_such_field(str(details["loc"][-1]))
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "string_pattern_mismatch" if details["ctx"]["pattern"] in _PATTERNS:
            return _PATTERNS[details["ctx"]["pattern"]]
        case _:
            return re.sub(r"^(Input|List|String|Dictionary|Value) should", "must", details["msg"])


def _no_such_field(name: str) -> str:
    close = get_close_matches(name[:_LONGEST_FIELD], _FIELDS, n=1)
    return f'no such field; did you mean "{close[0]}"?' if close else "no such field"
