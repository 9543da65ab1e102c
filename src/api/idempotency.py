"""Routes that answer a repeated `Idempotency-Key` with the first answer."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.answers import MEDIA_TYPE
from api.authentication import Caller
from api.dependencies import CallerDependency
from api.engine import engine_of
from api.rate_limiting import take_back
from api.request_digest import digests_of, key_of
from kernel.errors import DomainError, StoreUnavailable, ValidationFailed
from persistence.idempotency import Attempt, IdempotencyService, KeyInFlight, KeyMismatch
from persistence.sealing import SecretPlace, SecretUnreadable
from persistence.stored_answers import AnswerErased, StoredAnswer

HEADER: Final = "Idempotency-Key"
MAX_KEY_CHARACTERS: Final = 255
"""Room for a UUID or two, or a sentence."""
_REFUSED_FROM: Final = 400
_ERASED: Final = (
    "The first request with this Idempotency-Key has succeeded. Its answer was erased since, with the personal data of "
    "the customer whom it was about."
)

Cover = Callable[[bytes], bytes]
"""Treatment of the body of an answer where it is remembered, or taken from there."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotencyMismatch(DomainError):
    """The key came with a different request before."""

    code = "idempotency_mismatch"


class IdempotencyInFlight(DomainError):
    """The first request with the key has not finished."""

    code = "idempotency_in_flight"


class IdempotencyAnswerLost(DomainError):
    """The first request with the key has succeeded, and no key opens its answer any more."""

    code = "idempotency_answer_lost"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(
            detail
            or "The first request with this Idempotency-Key has succeeded. Its answer was sealed by a master key "
            "that the engine no longer has. Read what the request has made, and rotate its secret with a new "
            "Idempotency-Key."
        )


class RepeatableRoute(APIRoute):
    """A route that remembers answers to POST requests by their Idempotency-Key, except refusals.

    It judges the credential before it reads the body: strangers cannot make it wait for one, or keep one in memory.
    """

    needs_memory: ClassVar[bool] = True
    """True if a request with a key is refused while the database, which holds the memory, does not answer."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with the caller judged before it, and the memory around it."""
        handle = super().get_route_handler()
        admit = _caller_dependency(self.endpoint)

        async def handle_with_memory(request: Request) -> Response:
            # Where the caller's dependency is overridden, so is this.
            if not request.app.dependency_overrides:
                await admit(request)
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return await handle(request)
            caller = await admit(request)
            if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
                raise ValidationFailed.of(f"header.{HEADER}", f"must have 1 to {MAX_KEY_CHARACTERS} characters")
            return await self._answer_once(request, caller, key, handle)

        return handle_with_memory

    def cover(self, _request: Request, _caller: Caller, _key: str) -> Cover:
        """The form in which the body of an answer is remembered: as it is."""
        return lambda body: body

    def uncover(self, _request: Request, _caller: Caller, _key: str) -> Cover:
        """The body of an answer from the form in which it is remembered."""
        return lambda body: body

    async def _answer_once(self, request: Request, caller: Caller, key: str, handle: Handler) -> Response:
        engine = engine_of(request)
        keys = engine.idempotency_keys
        digests = digests_of(request, caller, await request.body(), engine.master_keys)
        try:
            state = await keys.begin(caller.operation, key_of(caller, key), digests, former_key=key)
        except SecretUnreadable as error:
            raise IdempotencyAnswerLost from error
        except StoreUnavailable:
            if self.needs_memory:
                raise
            return await handle(request)
        match state:
            case Attempt():
                request.state.attempt = state.name
                return await _run_and_remember(
                    keys, caller, state, lambda: handle(request), self.cover(request, caller, key)
                )
            case StoredAnswer():
                take_back(request.scope)
                return _replay(state, self.uncover(request, caller, key))
            case AnswerErased():
                raise IdempotencyAnswerLost(_ERASED)
            case KeyInFlight():
                raise IdempotencyInFlight(
                    "A request with this Idempotency-Key is still running.", retry_after_seconds=1
                )
            case KeyMismatch():
                raise IdempotencyMismatch(
                    "This Idempotency-Key belongs to another request. Use a new key for each operation."
                )


class SealingRoute(RepeatableRoute):
    """A route whose answers have secrets in them: they are remembered sealed."""

    async def _answer_once(self, request: Request, caller: Caller, key: str, handle: Handler) -> Response:
        """Refuse what could not be remembered, before it is done. Raises MasterKeyMissing."""
        _ = engine_of(request).context.settings.master_keys.current_key_id
        return await super()._answer_once(request, caller, key, handle)

    def cover(self, request: Request, caller: Caller, key: str) -> Cover:
        """Seal the body for the row of the key."""
        return lambda body: engine_of(request).context.settings.master_keys.seal(body, _place(caller, key))

    def uncover(self, request: Request, caller: Caller, key: str) -> Cover:
        """Open it, which raises IdempotencyAnswerLost where the key that sealed it is gone."""

        def opened(body: bytes) -> bytes:
            try:
                return engine_of(request).context.settings.master_keys.open(body, _place(caller, key))
            except SecretUnreadable as error:
                raise IdempotencyAnswerLost from error

        return opened


class HoldsRoute(RepeatableRoute):
    """A route on holds: these work without the database, and placing or confirming one is repeatable by itself."""

    needs_memory = False


def _place(caller: Caller, key: str) -> SecretPlace:
    return SecretPlace(tenant_id=caller.operation.tenant_id, purpose="idempotency_key", row=key_of(caller, key))


def _caller_dependency(endpoint: Callable[..., Any]) -> CallerDependency:
    """The dependency that admits the callers of an operation, as its signature declares it."""
    annotations = inspect.get_annotations(endpoint, eval_str=True).values()
    marks = (mark for annotation in annotations for mark in getattr(annotation, "__metadata__", ()))
    (found,) = (one for mark in marks if isinstance(one := getattr(mark, "dependency", None), CallerDependency))
    return found


async def _run_and_remember(
    keys: IdempotencyService,
    caller: Caller,
    attempt: Attempt,
    run: Callable[[], Awaitable[Response]],
    cover: Cover,
) -> Response:
    """Answer the request and remember the answer; free the key if the request is refused.

    Where this or an earlier attempt may have taken effect, the key stays that of the request, which may be repeated at
    once. A cancelled request keeps it until it counts as abandoned.
    """
    drop = keys.forget if attempt.is_first else keys.give_up
    try:
        response = await run()
    except Exception as error:
        with suppress(StoreUnavailable):
            await (drop if _had_no_effect(error) else keys.give_up)(caller.operation, attempt)
        raise
    # The operation took effect, so the client gets its answer even if that cannot be remembered.
    with suppress(StoreUnavailable):
        if response.status_code >= _REFUSED_FROM:
            await drop(caller.operation, attempt)
        else:
            remembered = StoredAnswer(
                status=response.status_code, body=cover(bytes(response.body)), etag=response.headers.get("ETag")
            )
            await keys.remember(caller.operation, attempt, remembered)
    return response


def _had_no_effect(error: Exception) -> bool:
    """True if the request was refused; the store may have failed, or the code crashed, after all was done."""
    if isinstance(error, StoreUnavailable):
        return False
    return isinstance(error, DomainError | HTTPException | RequestValidationError)


def _replay(answer: StoredAnswer, uncover: Cover) -> Response:
    headers = {"Cache-Control": "no-store", "Idempotency-Replayed": "true"}
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    return Response(uncover(answer.body), answer.status, headers, MEDIA_TYPE)
