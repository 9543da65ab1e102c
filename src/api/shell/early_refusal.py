"""Refusals of requests that were not read to their end."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.problems import TABLE

_STATE: Final = "early_refusal"


class EarlyRefusal(HTTPException):
    """A refusal that is known before the whole request is: by the server, or while the body is read.

    FastAPI lets it through while it reads a body, and answers everything else with 400.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(TABLE[code].status, detail)
        self.code = code


def refuse(scope: Scope, refusal: EarlyRefusal) -> None:
    """Let the shell refuse this request, now or where it next waits for the body."""
    scope["state"][_STATE] = refusal


def refusal_in(scope: Scope) -> EarlyRefusal | None:
    """The refusal of a request that the server did not read to its end; None for all others."""
    refusal = scope["state"].get(_STATE)
    return refusal if isinstance(refusal, EarlyRefusal) else None
