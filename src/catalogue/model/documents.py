"""Base of the documents that clients send."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from kernel.errors import FieldError

JsonObject = dict[str, object]


class Document(BaseModel):
    """Part of a document: exactly the fields it names, without conversion from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FaultsError(ValueError):
    """Faults of a part of a document that has several fields; pointers are relative to the part."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in self.errors))


def refuse_if(*faults: tuple[bool, str, str]) -> None:
    """Raise FaultsError for each (is it at fault?, pointer, detail) that is at fault."""
    errors = [FieldError(pointer, detail) for is_fault, pointer, detail in faults if is_fault]
    if errors:
        raise FaultsError(errors)


def present(**members: object) -> JsonObject:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
