"""Routes that answer a repeated `Idempotency-Key` with the first answer."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.answers import MEDIA_TYPE
from api.authentication import Caller
from api.engine import engine_of
from api.request_digest import digest_of
from kernel.errors import DomainError, StoreUnavailable, ValidationFailed
from persistence.idempotency import Attempt, IdempotencyService, KeyInFlight, KeyMismatch, StoredAnswer

HEADER: Final = "Idempotency-Key"
MAX_KEY_CHARACTERS: Final = 255
"""Room for a UUID or two, or a sentence."""
_REFUSED_FROM: Final = 400

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotencyMismatch(DomainError):
    """The key came with a different request before."""

    code = "idempotency_mismatch"


class IdempotencyInFlight(DomainError):
    """The first request with the key has not finished."""

    code = "idempotency_in_flight"


class RepeatableRoute(APIRoute):
    """A route that remembers answers to POST requests by their Idempotency-Key, except refusals."""

    needs_memory: ClassVar[bool] = True
    """True if a request with a key is refused while the database, which holds the memory, does not answer."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with the memory around it."""
        handle = super().get_route_handler()

        async def handle_with_memory(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return await handle(request)
            if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
                raise ValidationFailed.of(f"header.{HEADER}", f"must have 1 to {MAX_KEY_CHARACTERS} characters")
            return await self._answer_once(request, key, handle)

        return handle_with_memory

    async def _answer_once(self, request: Request, key: str, handle: Handler) -> Response:
        engine = engine_of(request)
        caller = await engine.authenticator.caller(request.scope)
        digest = digest_of(request, caller, await request.body())
        try:
            state = await engine.idempotency_keys.begin(caller.operation, key, digest)
        except StoreUnavailable:
            if self.needs_memory:
                raise
            return await handle(request)
        match state:
            case Attempt():
                return await _run_and_remember(engine.idempotency_keys, caller, state, lambda: handle(request))
            case StoredAnswer():
                return _replay(state)
            case KeyInFlight():
                raise IdempotencyInFlight(
                    "A request with this Idempotency-Key is still running.", retry_after_seconds=1
                )
            case KeyMismatch():
                raise IdempotencyMismatch(
                    "This Idempotency-Key belongs to another request. Use a new key for each operation."
                )


class HoldsRoute(RepeatableRoute):
    """A route on holds: these work without the database, and placing or confirming one is repeatable by itself."""

    needs_memory = False


async def _run_and_remember(
    keys: IdempotencyService, caller: Caller, attempt: Attempt, run: Callable[[], Awaitable[Response]]
) -> Response:
    """Answer the request and remember the answer; free the key if the request is refused or crashes.

    A cancelled request may have taken effect, so its key stays until it counts as abandoned.
    """
    try:
        response = await run()
    except Exception:
        with suppress(StoreUnavailable):
            await keys.forget(caller.operation, attempt)
        raise
    # The operation took effect, so the client gets its answer even if that cannot be remembered.
    with suppress(StoreUnavailable):
        if response.status_code >= _REFUSED_FROM:
            await keys.forget(caller.operation, attempt)
        else:
            remembered = StoredAnswer(
                status=response.status_code, body=bytes(response.body), etag=response.headers.get("ETag")
            )
            await keys.remember(caller.operation, attempt, remembered)
    return response


def _replay(answer: StoredAnswer) -> Response:
    headers = {"Cache-Control": "no-store", "Idempotency-Replayed": "true"}
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    return Response(answer.body, answer.status, headers, MEDIA_TYPE)
