"""Reading of data into a document, which refuses it with all its faults."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from catalogue.document import BusinessDocument
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import CURRENCY_PATTERN
from catalogue.model.documents import Document, FaultsError
from catalogue.model.locations import LocationDocument
from catalogue.model.resources import ResourceDocument
from catalogue.model.services import ServiceDocument
from catalogue.references import Names, faults_in_references, faults_in_resource, faults_in_service, within
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import KEY_PATTERN

_DocumentT = TypeVar("_DocumentT", bound=Document)

_SCHEMA: Final = BusinessDocument.model_json_schema()
_FIELDS: Final = sorted({name for part in (_SCHEMA, *_SCHEMA["$defs"].values()) for name in part.get("properties", ())})
_LONGEST_FIELD: Final = max(map(len, _FIELDS))
_PATTERNS: Final = {
    KEY_PATTERN: "must be at most 63 lower-case letters, digits and hyphens, and must not begin with a hyphen",
    CURRENCY_PATTERN: "must be an ISO 4217 code such as EUR",
}
# A client that sends thousands of faults has one fault: it reads the first of them.
_MAX_ERRORS: Final = 100
_MAX_FAULT_CHARACTERS: Final = 300


def read_business(data: Mapping[str, object], stored: Catalogue) -> BusinessDocument:
    """A whole document that names its own objects by their keys, or by the ids under which they are stored.

    Raises ValidationFailed with every fault.
    """
    return read_document(BusinessDocument, data, faults_in_references(data, Names.within(data, stored)))


def read_location(data: Mapping[str, object]) -> LocationDocument:
    """A location. Raises ValidationFailed with every fault."""
    return read_document(LocationDocument, data)


def read_resource(data: Mapping[str, object], stored: Catalogue) -> ResourceDocument:
    """A resource at a live location. Raises ValidationFailed with every fault."""
    return read_document(ResourceDocument, data, faults_in_resource(data, Names.of(stored)))


def read_service(data: Mapping[str, object], stored: Catalogue) -> ServiceDocument:
    """A service that the live resources can meet. Raises ValidationFailed with every fault."""
    return read_document(ServiceDocument, data, faults_in_service(data, Names.of(stored)))


def read_document(
    model: type[_DocumentT], data: Mapping[str, object], more_errors: Iterable[FieldError] = ()
) -> _DocumentT:
    """The data as a document of that form, which must have no fault of its own and none of `more_errors`.

    Raises ValidationFailed with every fault.
    """
    document: _DocumentT | None = None
    errors: list[FieldError] = []
    try:
        document = model.model_validate(data)
    except ValidationError as error:
        errors.extend(islice(_field_errors(error), _MAX_ERRORS))
    errors.extend(islice(more_errors, _MAX_ERRORS - len(errors)))
    if document is None or errors:
        raise ValidationFailed([FieldError(_quotable(error.pointer), _quotable(error.detail)) for error in errors])
    return document


def _quotable(text: str) -> str:
    """The text without the parts that no answer can carry: half a surrogate pair, or a megabyte."""
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
    """A place as `services[2].requires[0].any_of[1]`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")


def _detail(details: ErrorDetails) -> str:
    """The fault in our words where Pydantic's are about Python."""
    match details["type"]:
        case "missing":
            return "required"
        case "extra_forbidden":
            return _unknown_field(str(details["loc"][-1]))
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "string_pattern_mismatch" if details["ctx"]["pattern"] in _PATTERNS:
            return _PATTERNS[details["ctx"]["pattern"]]
        case _:
            return re.sub(r"^(Input|List|String|Dictionary|Value) should", "must", details["msg"])


def _unknown_field(name: str) -> str:
    close = get_close_matches(name[:_LONGEST_FIELD], _FIELDS, n=1)
    return f'unknown field; did you mean "{close[0]}"?' if close else "unknown field"
