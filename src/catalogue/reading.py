"""Reading of data into a document, which refuses it with all its faults."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from catalogue.document import BusinessDocument
from catalogue.fault_details import fault_detail, unknown_field
from catalogue.fields import fields_at
from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import DurationOptionDocument
from catalogue.model.document_fields import COUNTRY_PATTERN, CURRENCY_PATTERN, TELEPHONE_PATTERN
from catalogue.model.documents import Document, FaultsError
from catalogue.model.locations import LocationDocument
from catalogue.model.money import MoneyDocument
from catalogue.model.resources import ResourceDocument, SeatsDocument
from catalogue.model.services import ServiceDocument
from catalogue.model.stays import StayDocument
from catalogue.references import Names, faults_in_references, faults_in_resource, faults_in_service, within
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import KEY_PATTERN

_DocumentT = TypeVar("_DocumentT", bound=Document)

_EXAMPLE_CURRENCY: Final = "EUR"
_PATTERNS: Final = {
    KEY_PATTERN: "must be at most 63 lower-case letters, digits and hyphens, and must not begin with a hyphen",
    CURRENCY_PATTERN: "must be an ISO 4217 code such as EUR",
    COUNTRY_PATTERN: "must be two capital letters by ISO 3166, such as IL",
    TELEPHONE_PATTERN: "must be a telephone number such as +972 3 123 4567",
}
# What is written in place of these most often is a number.
_OBJECTS: Final = {
    DurationOptionDocument.__name__: "must be minutes such as 45, or an object such as {minutes: 45, price: …}",
    SeatsDocument.__name__: "must be an object such as {min: 1, max: 4}",
    StayDocument.__name__: "must be an object such as {nights: 3}; a length in minutes is `duration_minutes`",
}
# A client that sends thousands of faults has one fault: it reads the first of them.
_MAX_ERRORS: Final = 100
_MAX_FAULT_CHARACTERS: Final = 300


def read_business(data: Mapping[str, object], stored: Catalogue) -> BusinessDocument:
    """A whole document that names its own objects by their keys, or by the ids under which they are stored.

    Raises ValidationFailed with every fault.
    """
    faults = faults_in_references(data, Names.within(data, stored))
    return read_document(BusinessDocument, data, faults, currency=_currency(data, stored))


def read_location(data: Mapping[str, object]) -> LocationDocument:
    """A location. Raises ValidationFailed with every fault."""
    return read_document(LocationDocument, data)


def read_resource(data: Mapping[str, object], stored: Catalogue) -> ResourceDocument:
    """A resource at a live location. Raises ValidationFailed with every fault."""
    faults = faults_in_resource(data, Names.of(stored))
    return read_document(ResourceDocument, data, faults, currency=stored.business.currency)


def read_service(data: Mapping[str, object], stored: Catalogue) -> ServiceDocument:
    """A service that the live resources can meet. Raises ValidationFailed with every fault."""
    faults = faults_in_service(data, Names.of(stored))
    return read_document(ServiceDocument, data, faults, currency=stored.business.currency)


def read_document(
    model: type[_DocumentT],
    data: Mapping[str, object],
    more_errors: Iterable[FieldError] = (),
    *,
    currency: str = _EXAMPLE_CURRENCY,
) -> _DocumentT:
    """The data as a document of that form, which must have no fault of its own and none of `more_errors`.

    Examples of prices are in the currency. Raises ValidationFailed with every fault.
    """
    document: _DocumentT | None = None
    errors: list[FieldError] = []
    try:
        document = model.model_validate(data)
    except ValidationError as error:
        errors.extend(islice(_field_errors(error, model, currency), _MAX_ERRORS))
    errors.extend(islice(more_errors, _MAX_ERRORS - len(errors)))
    if document is None or errors:
        raise ValidationFailed([FieldError(_quotable(error.pointer), _quotable(error.detail)) for error in errors])
    return document


def _quotable(text: str) -> str:
    """The text without the parts that no answer can carry: half a surrogate pair, or a megabyte."""
    return text[:_MAX_FAULT_CHARACTERS].encode(errors="replace").decode()


def _currency(data: Mapping[str, object], stored: Catalogue) -> str:
    """The currency of a business's document, or the one that the business has."""
    business = data.get("business")
    currency = business.get("currency") if isinstance(business, Mapping) else None
    is_code = isinstance(currency, str) and re.fullmatch(CURRENCY_PATTERN, currency)
    return str(currency) if is_code else stored.business.currency


def _field_errors(error: ValidationError, model: type[Document], currency: str) -> Iterator[FieldError]:
    for details in error.errors(include_url=False):
        location = details["loc"]
        pointer = _pointer(location)
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, FaultsError):
            yield from within(pointer, cause.errors)
        elif details["type"] == "extra_forbidden":
            yield FieldError(pointer, unknown_field(str(location[-1]), fields_at(model, location[:-1])))
        elif details["type"] == "model_type" and details["ctx"]["class_name"] == MoneyDocument.__name__:
            example = f"{{amount_minor: 2500, currency: {currency}}}"
            yield FieldError(pointer, f"must be an object such as {example}, in the smallest unit of the currency")
        else:
            yield FieldError(pointer, _detail(details))


def _pointer(location: tuple[int | str, ...]) -> str:
    """A place as `services[2].requires[0].any_of[1]`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")


def _detail(details: ErrorDetails) -> str:
    """The fault in our words where Pydantic's are about Python."""
    context = details.get("ctx", {})
    if details["type"] == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    if details["type"] == "model_type" and context["class_name"] in _OBJECTS:
        return _OBJECTS[context["class_name"]]
    return fault_detail(details["type"], context)
