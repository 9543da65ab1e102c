"""Access of the operator, who runs the engine for all businesses."""

from secrets import compare_digest
from typing import Annotated, Final

from fastapi import Depends, Request

from api.engine import engine_of
from kernel.errors import NotFound, Unauthorized

_WRONG: Final = "This is not the operator key of this engine."
_MISSING: Final = "Send the operator key in the header Authorization: Bearer …"


async def _require_key_if_set(request: Request) -> None:
    """Raise Unauthorized or RateLimited if HOLDFAST_OPERATOR_KEY is set and the request does not have it."""
    keys = engine_of(request).context.settings.operator_keys
    if keys:
        _check(request, keys)


async def _require_key(request: Request) -> None:
    """Raise NotFound if no key is set, so that nothing is ever open, and Unauthorized if the request lacks the key."""
    _check(request, operator_keys(request))


def operator_keys(request: Request) -> tuple[str, ...]:
    """The operator keys of this engine, any of which opens. Raises NotFound if none is set."""
    keys = engine_of(request).context.settings.operator_keys
    if not keys:
        raise NotFound("The operations page is disabled. Set HOLDFAST_OPERATOR_KEY and restart the engine.")
    return keys


def admit_operator(request: Request) -> None:
    """Admit a request with an operator key. Raises NotFound if none is set, Unauthorized, RateLimited."""
    engine = engine_of(request)
    keys = engine.context.settings.operator_keys
    if not keys:
        raise NotFound("The operator's API is disabled. Set HOLDFAST_OPERATOR_KEY and restart the engine.")
    _check(request, keys)
    engine.rate_limiting.admit_operator(request.scope)


def _check(request: Request, keys: tuple[str, ...]) -> None:
    sent = request.headers.get("Authorization")
    if sent is None:
        raise Unauthorized(_MISSING)
    engine = engine_of(request)
    address = engine.visitors.sender(request.scope)
    engine.key_guesses.check(address)
    if not _is_one_of(sent, keys):
        engine.key_guesses.note_wrong(address)
        raise Unauthorized(_WRONG)
    engine.key_guesses.note_right(address)


def _is_one_of(sent: str, keys: tuple[str, ...]) -> bool:
    scheme, _, credential = sent.partition(" ")
    # The framework decodes header bytes as Latin-1, and strips blanks at their end.
    guess = credential.strip().encode("latin-1")
    # Compared with all of them, so that the time tells nothing of which one it is.
    matches = sum(compare_digest(guess, key.encode()) for key in keys)
    return scheme.lower() == "bearer" and matches > 0


Operator = Annotated[None, Depends(_require_key_if_set)]
"""Anyone with an operator key; without a key in the settings, anyone who reaches the port."""
KeyedOperator = Annotated[None, Depends(_require_key)]
"""Anyone with an operator key: for pages that name businesses."""
