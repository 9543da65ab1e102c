"""Access of the operator, who runs the engine for all businesses."""

from secrets import compare_digest
from typing import Annotated, Final

from fastapi import Depends, Request

from api.engine import engine_of
from kernel.errors import NotFound, Unauthorized

_MISSING: Final = "Send the operator key in the header Authorization: Bearer …"


async def _require_key_if_set(request: Request) -> None:
    """Raise Unauthorized or RateLimited if HOLDFAST_OPERATOR_KEY is set and the request does not have it."""
    key = engine_of(request).context.settings.operator_key
    if key is not None:
        _check(request, key)


async def _require_key(request: Request) -> None:
    """Raise NotFound if no key is set, so that nothing is ever open, and Unauthorized if the request lacks the key."""
    _check(request, operator_key(request))


def operator_key(request: Request) -> str:
    """The operator key of this engine. Raises NotFound if none is set."""
    key = engine_of(request).context.settings.operator_key
    if key is None:
        raise NotFound("The operations page is disabled. Set HOLDFAST_OPERATOR_KEY and restart the engine.")
    return key


def _check(request: Request, key: str) -> None:
    sent = request.headers.get("Authorization")
    if sent is None:
        raise Unauthorized(_MISSING)
    engine = engine_of(request)
    address = engine.visitors.sender(request.scope)
    engine.key_guesses.check(address)
    if not _is_key(sent, key):
        engine.key_guesses.note_wrong(address)
        raise Unauthorized(_MISSING)
    engine.key_guesses.note_right(address)


def _is_key(sent: str, key: str) -> bool:
    scheme, _, credential = sent.partition(" ")
    # The framework decodes header bytes as Latin-1, and strips blanks at their end.
    return scheme.lower() == "bearer" and compare_digest(credential.strip().encode("latin-1"), key.strip().encode())


Operator = Annotated[None, Depends(_require_key_if_set)]
"""Anyone with the operator key; without a key in the settings, anyone who reaches the port."""
KeyedOperator = Annotated[None, Depends(_require_key)]
"""Anyone with the operator key: for pages that name businesses."""
