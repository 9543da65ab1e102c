"""FastAPI dependencies of the routes: frozen values read from the request."""

import re
from typing import Annotated, Final

import orjson
from fastapi import Depends, Header, Query, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import AfterValidator
from starlette.types import Scope

from api.authentication import Caller
from api.engine import Engine, engine_of
from api.rate_limiting import Refuse, room_to_book
from bootstrap.services import Services
from holds.model import Visitor
from kernel.errors import FieldError, ValidationFailed

_VERSION_ETAG: Final = re.compile(r'(?:W/)?"?([1-9]\d{0,8})"?')
# One entity tag, with or without its quotes, or any. Proxies that compress an answer make its tag a weak one.
_IF_MATCH: Final = re.compile(r'\*|(W/)?"[!#-~]*"|[0-9a-f]+')
_NO_VERSION: Final = 0
"""The version that a tag of another form stands for: no object has it."""


async def services_of(request: Request) -> Services:
    """The services of the engine."""
    return engine_of(request).services


class CallerDependency(SecurityBase):
    """Finds the caller, if the permission table admits it to the operation of the route (access.permissions)."""

    def __init__(self, scheme_name: str) -> None:
        self.model = HTTPBearer()
        self.scheme_name = scheme_name

    async def __call__(self, request: Request) -> Caller:
        """Return the caller. Raises Unauthorized, Forbidden, RateLimited, StoreUnavailable."""
        engine = engine_of(request)
        caller = await engine.authenticator.caller(request.scope)
        return _admitted(engine, caller, request)


class StreamCallerDependency(CallerDependency):
    """Finds the caller of a stream: by a credential in a header, or by a ticket in the query."""

    async def __call__(self, request: Request) -> Caller:
        """Return the caller. Raises Unauthorized, Forbidden, RateLimited, StoreUnavailable."""
        ticket = request.query_params.get("ticket")
        if ticket is None or "authorization" in request.headers:
            return await super().__call__(request)
        engine = engine_of(request)
        caller = await engine.stream_tickets.caller(ticket, request.scope["state"].get("request_id"))
        # A page has it, whatever credential the back end has asked for it with.
        await engine.origins.admit(request.scope, caller.operation.tenant_id)
        await engine.services.standings.check(caller.operation.tenant_id)
        return _admitted(engine, caller, request)


def _admitted(engine: Engine, caller: Caller, request: Request) -> Caller:
    operation_id = request.scope["route"].operation_id
    permitted = caller.permitted(operation_id, request.path_params)
    engine.rate_limiting.admit(caller, operation_id, request.scope)
    return permitted


permitted_caller: Final = CallerDependency("caller")
stream_caller: Final = StreamCallerDependency("stream")


def _entity_tag(sent: str | None) -> str | None:
    if sent is not None and _IF_MATCH.fullmatch(sent) is None:
        detail = 'must be one ETag as the engine sent it, such as "3", or *'
        raise ValueError(detail)
    return sent


def visitor_of(engine: Engine, caller: Caller, scope: Scope) -> Visitor | None:
    """The visitor who sent the request; None where it was the business itself."""
    return engine.visitors.visitor(scope) if caller.operation.is_by_customer else None


async def _visitor(request: Request, caller: Annotated[Caller, Security(permitted_caller)]) -> Visitor | None:
    return visitor_of(engine_of(request), caller, request.scope)


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag you last read. If the object has changed since, the request is refused with 412.",
            examples=['"3"'],
            max_length=64,
            json_schema_extra={"pattern": f"^({_IF_MATCH.pattern})$"},
        ),
        AfterValidator(_entity_tag),
    ] = None,
) -> int | None:
    if if_match is None or if_match == "*":
        return None
    version = _VERSION_ETAG.fullmatch(if_match)
    return _NO_VERSION if version is None else int(version[1])


async def _expected_etag(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag you last read. If anything has changed since, the request is refused with 412.",
            examples=['"2c26b46b68ffc68ff99b453c1d304134"'],
            max_length=64,
            json_schema_extra={"pattern": f"^({_IF_MATCH.pattern})$"},
        ),
        AfterValidator(_entity_tag),
    ] = None,
) -> str | None:
    if if_match is None or if_match == "*":
        return None
    return if_match.removeprefix("W/").strip('"')


async def _sent_object(request: Request) -> dict[str, object]:
    """The body, for a service that reads documents itself."""
    try:
        sent = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ValidationFailed([FieldError("body", f"is not JSON: {error}")]) from None
    if not isinstance(sent, dict):
        raise ValidationFailed([FieldError("body", "must be a JSON object")])
    return sent


async def _attempt(request: Request) -> str | None:
    """The name that api.idempotency has given to the request and all its repetitions."""
    name: str | None = getattr(request.state, "attempt", None)
    return name


DRY_RUN: Final = "dry_run"


async def refuse_dry_run(request: Request) -> None:
    """Refuse `?dry_run` where it would be ignored, like other unknown parameters, and all would be done."""
    if request.method not in {"GET", "HEAD"} and DRY_RUN in request.query_params:
        detail = "is no parameter of this operation, and nothing was done; a move has dry_run in its body"
        raise ValidationFailed.of(f"query.{DRY_RUN}", detail)


RefuseIfAffected = Annotated[
    bool, Query(description="Refuse with 409 if live appointments would no longer fit, and list them.")
]
DryRun = Annotated[bool, Query(description="Change nothing; answer what would change, with old and new values.")]


async def _room_to_book(request: Request, _caller: Annotated[Caller, Security(permitted_caller)]) -> Refuse | None:
    return room_to_book(request.scope)


ServicesOf = Annotated[Services, Depends(services_of)]
Permitted = Annotated[Caller, Security(permitted_caller)]
"""A caller whom the permission table admits to the operation."""
StreamReader = Annotated[Caller, Security(stream_caller)]
"""A caller whom it admits to a stream, or a browser with a ticket that one has asked for."""
SentBy = Annotated[Visitor | None, Depends(_visitor)]
"""The visitor whose browser sent the request; None for the business itself."""
RefuseNew = Annotated[Refuse | None, Depends(_room_to_book)]
"""Refuses anything but a repetition, where one more appointment would exceed a rate; None where it would not."""
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
ExpectedEtag = Annotated[str | None, Depends(_expected_etag)]
SentObject = Annotated[dict[str, object], Depends(_sent_object)]
AttemptName = Annotated[str | None, Depends(_attempt)]
"""The name of a request with an Idempotency-Key."""
