"""Who may see how the engine as a whole is: not a business, but whoever runs it."""

from secrets import compare_digest
from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import engine_of
from kernel.errors import NotFound, Unauthorized


async def _check_operator(request: Request) -> None:
    """Raise Unauthorized where HOLDFAST_OPERATOR_KEY is set and not shown."""
    key = engine_of(request).context.settings.operator_key
    if key is not None:
        _check(request, key)


async def _check_known_operator(request: Request) -> None:
    """Raise Unauthorized where the key is not shown, and NotFound where none is set: what it guards is never open."""
    _check(request, operator_key(request))


def operator_key(request: Request) -> str:
    """The key of whoever runs this engine. Raises NotFound where there is none."""
    key = engine_of(request).context.settings.operator_key
    if key is None:
        detail = "The operations page is off: set HOLDFAST_OPERATOR_KEY, and start the engine again."
        raise NotFound(detail)
    return key


def _check(request: Request, key: str) -> None:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    # A header is bytes, which the framework reads as Latin-1; it cannot end in a blank.
    if scheme.lower() != "bearer" or not compare_digest(shown.strip().encode("latin-1"), key.strip().encode()):
        detail = "Send the operator key of this engine as: Authorization: Bearer …"
        raise Unauthorized(detail)


Operator = Annotated[None, Depends(_check_operator)]
"""Whoever runs the engine: by the operator key, or, where there is none, whoever reaches the port."""
KnownOperator = Annotated[None, Depends(_check_known_operator)]
"""The same where names of businesses are told: by the operator key alone."""
