"""The words for faults of values: ours, whichever type of Pydantic's error they come from."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from api.schemas.appointment_requests import BookAppointment
from api.validation_errors import field_errors
from catalogue.document import BusinessDocument
from catalogue.fault_details import fault_detail

_CONTEXT: Final[dict[str, Any]] = {
    "min_length": 1, "max_length": 5, "actual_length": 9, "field_type": "List", "pattern": "^a$",
    "expected": "'a' or 'b'", "gt": 1, "ge": 2, "lt": 3, "le": 4, "multiple_of": 5, "error": "must be what we say",
}  # fmt: skip
_PYTHON: Final = ("Input", "should", "valid", "dictionary", "instance", "Python", "unexpected", "NoneType")
_SPOKEN: Final = "is not valid here"


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_type_of_error_speaks_of_python(kind: str) -> None:
    detail = fault_detail(kind, _CONTEXT)

    assert detail == _SPOKEN or not [word for word in _PYTHON if word in detail]
    assert "{" not in detail


def _sent(kind: Any, value: object) -> str:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    validate: Callable[[Any], object] = partial(adapter.validate_python, strict=True)
    if isinstance(value, bytes):
        validate = adapter.validate_json
    with pytest.raises(ValidationError) as caught:
        validate(value)
    (error,) = caught.value.errors(include_url=False)
    return fault_detail(error["type"], error.get("ctx", {}))


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    number: int


@pytest.mark.parametrize(
    ("kind", "value", "detail"),
    [
        (int, "7", "must be a whole number"),
        (int, b"7.5", "must be a whole number"),
        (Annotated[int, Field(ge=1)], 0, "must be greater than or equal to 1"),
        (Annotated[int, Field(le=9)], 10, "must be less than or equal to 9"),
        (bool, "yes", "must be true or false"),
        (str, 7, "must be text"),
        (Annotated[str, Field(min_length=1)], "", "must have at least 1 character"),
        (Annotated[str, Field(max_length=5)], "abcdef", "must have at most 5 characters"),
        (list[int], {}, "must be a list"),
        (Annotated[list[int], Field(min_length=1)], [], "must have at least 1 item"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "must have at most 2 items"),
        (dict[str, int], [], "must be an object"),
        (_Inner, [], "must be an object"),
        (_Inner, {"number": 1, "other": 2}, "no such field"),
        (_Inner, {}, "required"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (date, b'"tomorrow"', "must be a date such as 2026-12-01"),
        (datetime, b'"noon"', "must be an instant such as 2026-12-01T09:00:00+02:00"),
        (None, 1, "must be null"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_fault_says_what_a_value_must_be(kind: Any, value: object, detail: str) -> None:
    assert _sent(kind, value) == detail


@pytest.mark.parametrize("model", [BusinessDocument, BookAppointment])
def test_every_wrong_type_of_value_has_words_of_its_own(model: type[BaseModel]) -> None:
    wrong: list[object] = [None, True, 7, 7.5, "x", [], {}, [7], [[]], [{}], {"a": 1}]

    details = set()
    for name, value in ((name, value) for name in model.model_fields for value in wrong):
        alias = model.model_fields[name].alias or name
        with pytest.raises(ValidationError) as caught:
            model.model_validate({alias: value})
        for error in caught.value.errors(include_url=False):
            (*_, last) = field_errors({**error, "loc": ("body", *error["loc"])}, model)
            details.add(last.detail)

    assert _SPOKEN not in details
    assert not [detail for detail in details if detail.startswith("Input")]
    assert {"required", "must be an object"} <= details
