"""FastAPI dependencies of the routes: frozen values read from the request."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import orjson
from fastapi import Depends, Header, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.authentication import Caller
from api.engine import engine_of
from bootstrap.services import Services
from kernel.errors import FieldError, ValidationFailed, VersionConflict

_ETAG: Final = re.compile(r'(?:W/)?"?([1-9]\d{0,8})"?')


async def services_of(request: Request) -> Services:
    """The services of the engine."""
    return engine_of(request).services


class _CallerDependency(SecurityBase):
    """The caller, if the operation admits it; documented as a security requirement (api.security_schemes)."""

    def __init__(self, scheme_name: str, require: Callable[[Caller, Mapping[str, str]], None]) -> None:
        self.model = HTTPBearer()
        self.scheme_name = scheme_name
        self._require = require

    async def __call__(self, request: Request) -> Caller:
        caller = await engine_of(request).authenticator.caller(request.scope)
        self._require(caller, request.path_params)
        return caller


secret_caller: Final = _CallerDependency("secret", lambda caller, _path: caller.require_secret())
widget_caller: Final = _CallerDependency("widget", lambda caller, _path: caller.require_widget())
holder_caller: Final = _CallerDependency("holder", lambda caller, path: caller.require_holder(path["appointment_id"]))


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag you last read. If the object has changed since, the request is refused with 412.",
            examples=['"3"'],
            max_length=64,
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    version = _ETAG.fullmatch(if_match.strip())
    if version is None:
        raise VersionConflict("If-Match is not an ETag of this object. Read the object again.")
    return int(version[1])


async def _expected_etag(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag you last read. If anything has changed since, the request is refused with 412.",
            examples=['"2c26b46b68ffc68ff99b453c1d304134"'],
            max_length=64,
        ),
    ] = None,
) -> str | None:
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')


async def _sent_object(request: Request) -> dict[str, object]:
    """The body, for a service that reads documents itself."""
    try:
        sent = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ValidationFailed([FieldError("body", f"is not JSON: {error}")]) from None
    if not isinstance(sent, dict):
        raise ValidationFailed([FieldError("body", "must be a JSON object")])
    return sent


async def _idempotency_key(request: Request) -> str | None:
    """The header without a declaration: api.idempotency checks it, and api.openapi documents it for every POST."""
    return request.headers.get("Idempotency-Key")


ServicesOf = Annotated[Services, Depends(services_of)]
Secret = Annotated[Caller, Security(secret_caller)]
"""A back end."""
Widget = Annotated[Caller, Security(widget_caller)]
"""A back end or a visitor's browser."""
Holder = Annotated[Caller, Security(holder_caller)]
"""A back end, or the bearer of the token of the appointment in the path."""
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
ExpectedEtag = Annotated[str | None, Depends(_expected_etag)]
SentObject = Annotated[dict[str, object], Depends(_sent_object)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
