"""The root of every refusal, and the refusals that belong to no single package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

MAX_POINTER_CHARACTERS: Final = 200
"""The part of a place that is repeated: names in it may be whatever was sent."""
MAX_FAULT_CHARACTERS: Final = 500
"""The part of a fault that is repeated, for the same reason."""


class DomainError(Exception):
    """A refusal that the caller can understand and act on.

    `code` is part of the public contract; `detail` says in one sentence what happened and what to do; `facts` are
    machine-readable members. It knows nothing of HTTP: api.problems maps codes to statuses.
    """

    code: ClassVar[str]

    def __init__(self, detail: str, /, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, object] = facts


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with what was sent, and where."""

    pointer: str
    """Where: a path such as `services[2].requires[0].any_of[1]`, or the name of a parameter."""
    detail: str


class ValidationFailed(DomainError):
    """The request is not valid; `errors` names each fault with its place."""

    code = "validation"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(
            "; ".join(f"{error.pointer}: {error.detail}" for error in errors),
            errors=[
                {"pointer": error.pointer[:MAX_POINTER_CHARACTERS], "detail": error.detail[:MAX_FAULT_CHARACTERS]}
                for error in errors
            ],
        )
        self.errors = tuple(errors)

    @classmethod
    def of(cls, pointer: str, detail: str) -> "ValidationFailed":
        """A refusal of one field."""
        return cls([FieldError(pointer, detail)])


class NotFound(DomainError):
    """No object of that name in this business."""

    code = "not_found"


class VersionConflict(DomainError):
    """The object changed since the caller read it."""

    code = "version_conflict"


class Unauthorized(DomainError):
    """No credential, or one that opens nothing."""

    code = "unauthorized"


class Forbidden(DomainError):
    """The credential is good, and this is not among the things it may do."""

    code = "forbidden"


class StoreUnavailable(DomainError):
    """Postgres does not answer; nothing was written."""

    code = "store_unavailable"
