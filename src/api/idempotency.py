"""Requests that may be sent twice: the same Idempotency-Key gets the same answer."""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import orjson
from fastapi import Request
from starlette.responses import Response

from api.answers import MEDIA_TYPE
from api.authentication import Caller
from api.dependencies import engine_of
from api.direct import DirectRoute
from kernel.errors import DomainError, FieldError, StoreUnavailable, ValidationFailed
from persistence.idempotency import Attempt, IdempotencyService, OtherRequest, RememberedAnswer, StillRunning

HEADER: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255
"""A UUID or two, or a sentence."""
_RAW_HEADER: Final = HEADER.lower().encode()
_REFUSED_FROM: Final = 400

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotencyMismatch(DomainError):
    """The key belongs to another request."""

    code = "idempotency_mismatch"


class IdempotencyInFlight(DomainError):
    """The first request with the key is still running."""

    code = "idempotency_in_flight"


class RepeatableRoute(DirectRoute):
    """A route whose POST requests are remembered by their Idempotency-Key, refusals excepted."""

    needs_memory: ClassVar[bool] = True
    """Whether a request with a key is refused while the database, which remembers, does not answer."""

    def takes(self, method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Requests with a key go FastAPI's way, around which the memory is built."""
        return super().takes(method, headers) and not (_RAW_HEADER in headers and method == "POST")

    def get_route_handler(self) -> Handler:
        """FastAPI's handler of the route, with the memory around it."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return await handle(request)
            if not 1 <= len(key) <= LONGEST_KEY:
                fault = FieldError(f"header.{HEADER}", f"must have 1 to {LONGEST_KEY} characters")
                raise ValidationFailed([fault])
            return await self._once(request, key, handle)

        return handle_once

    async def _once(self, request: Request, key: str, handle: Handler) -> Response:
        engine = engine_of(request)
        caller = await engine.authenticator.caller(request)
        digest = _digest(request, caller, await request.body())
        try:
            begun = await engine.idempotency_keys.begin(caller.operation, key, digest)
        except StoreUnavailable:
            if self.needs_memory:
                raise
            return await handle(request)
        match begun:
            case Attempt():
                return await _remembered(engine.idempotency_keys, caller, begun, lambda: handle(request))
            case RememberedAnswer():
                return _repeated(begun)
            case StillRunning():
                detail = "A request with this Idempotency-Key is still running."
                raise IdempotencyInFlight(detail, retry_after_seconds=1)
            case OtherRequest():
                detail = "This Idempotency-Key belongs to another request; use a fresh one for each operation."
                raise IdempotencyMismatch(detail)


class HoldsRoute(RepeatableRoute):
    """Holds live without the database; placing one for the same client, or confirming it, is repeatable by itself."""

    needs_memory = False


async def _remembered(
    keys: IdempotencyService, caller: Caller, attempt: Attempt, run: Callable[[], Awaitable[Response]]
) -> Response:
    """Run the request and remember its answer, or free its key if it is refused or crashes.

    A cancelled request may have taken effect, so its key stays until it counts as abandoned.
    """
    try:
        response = await run()
    except Exception:
        with suppress(StoreUnavailable):
            await keys.forget(caller.operation, attempt)
        raise
    # Whatever becomes of the memory, the operation took effect: the client gets its answer.
    with suppress(StoreUnavailable):
        if response.status_code >= _REFUSED_FROM:
            await keys.forget(caller.operation, attempt)
        else:
            kept = RememberedAnswer(
                status=response.status_code, body=bytes(response.body), etag=response.headers.get("ETag")
            )
            await keys.remember(caller.operation, attempt, kept)
    return response


def _repeated(answer: RememberedAnswer) -> Response:
    headers = {"Cache-Control": "no-store", "Idempotency-Replayed": "true"}
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    return Response(answer.body, answer.status, headers, MEDIA_TYPE)


def _digest(request: Request, caller: Caller, body: bytes) -> bytes:
    """What makes a request the same: who asks for what with which body, however that is formatted."""
    digest = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.url.path.encode(),
        request.url.query.encode(),
        caller.kind.encode(),
        (caller.appointment_id or "").encode(),
        _canonical(body),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _canonical(body: bytes) -> bytes:
    with suppress(orjson.JSONDecodeError):
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return body
