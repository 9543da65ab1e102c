"""What routes ask of a request: frozen values, nothing opened."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, cast

import orjson
from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import AfterValidator
from starlette.types import Scope

from api.authentication import TOKEN_HEADER, Authenticator, Caller, CallerKind
from api.schemas.fields import Text, storable
from bootstrap.context import Context
from bootstrap.services import Services
from catalogue.model.document_fields import Zone
from kernel.errors import FieldError, Forbidden, ValidationFailed, VersionConflict
from kernel.ids import AppointmentId
from persistence.idempotency import IdempotencyService

SECURITY_SCHEMES: Final[Mapping[str, Mapping[str, str]]] = {
    "SecretKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hfs_…",
        "description": "A secret key, for back ends: everything in its business.",
    },
    "PublishableKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hfp_…",
        "description": "A publishable key, for widgets: availability, holds and booking.",
    },
    "AppointmentToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hft_…",
        "description": "The token from a booking's answer: reads, moves and cancels that one appointment.",
    },
    "AppointmentTokenHeader": {
        "type": "apiKey",
        "in": "header",
        "name": TOKEN_HEADER,
        "description": "The appointment's token beside a publishable key; the query parameter `token` does as well.",
    },
}
"""What can be shown, as OpenAPI describes it."""
SHOWN: Final[Mapping[str, Sequence[str]]] = {
    "secret": ("SecretKey",),
    "widget": ("SecretKey", "PublishableKey"),
    "holder": ("SecretKey", "AppointmentToken", "AppointmentTokenHeader"),
}
"""Which of them open an operation, by the kind of caller it asks for."""
_ETAG: Final = re.compile(r'(?:W/)?"?([1-9]\d{0,8})"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What one application serves."""

    context: Context
    services: Services
    authenticator: Authenticator
    idempotency_keys: IdempotencyService


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request that is answered without FastAPI's way through it (api.direct)."""

    engine: Engine
    scope: Scope
    headers: Mapping[bytes, bytes]
    path_params: Mapping[str, str]


def engine_of(request: Request) -> Engine:
    """The engine behind the application that serves the request."""
    return cast("Engine", request.app.state.engine)


async def _services(request: Request) -> Services:
    return engine_of(request).services


class _CallerOf(SecurityBase):
    """Who calls, if it may: one step of a request. What to show is documented in SHOWN."""

    def __init__(self, scheme_name: str, check: Callable[[Caller, Mapping[str, str]], None]) -> None:
        self.model = HTTPBearer()
        self.scheme_name = scheme_name
        self._check = check

    async def __call__(self, request: Request) -> Caller:
        caller = await engine_of(request).authenticator.caller(request)
        self._check(caller, request.path_params)
        return caller

    async def read(self, arrival: Arrival) -> Caller:
        """The same, of an arrival."""
        caller = await arrival.engine.authenticator.caller_of(arrival.scope, arrival.headers)
        self._check(caller, arrival.path_params)
        return caller


def _check_secret(caller: Caller, _path_params: Mapping[str, str]) -> None:
    if caller.kind is not CallerKind.SECRET:
        detail = "Only a secret key may do this. Keep it on your back end."
        raise Forbidden(detail)


def _check_widget(caller: Caller, _path_params: Mapping[str, str]) -> None:
    if caller.kind is CallerKind.TOKEN:
        detail = "An appointment token opens that one appointment only; use a publishable key for this."
        raise Forbidden(detail)


def _check_holder(caller: Caller, path_params: Mapping[str, str]) -> None:
    if caller.kind is not CallerKind.SECRET and caller.appointment_id != path_params["appointment_id"]:
        detail = "Show this appointment's token, or use a secret key on your back end."
        raise Forbidden(detail)


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the version you read: refused with 412 if the object has changed since.",
            examples=['"3"'],
            max_length=64,
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        detail = "If-Match is not an ETag that was given out for this object; read the object again."
        raise VersionConflict(detail)
    return int(found[1])


async def _expected_etag(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag you read: refused with 412 if anything has changed since.",
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
    """Read without declaring it: api.idempotency checks the header, api.documentation lists it on every POST."""
    return request.headers.get("Idempotency-Key")


async def _services_at(arrival: Arrival) -> Services:
    return arrival.engine.services


async def _key_at(arrival: Arrival) -> str | None:
    key = arrival.headers.get(b"idempotency-key")
    return None if key is None else key.decode("latin-1")


async def _nothing_expected(_arrival: Arrival) -> None:
    """An arrival has no If-Match (api.direct)."""


Reader = Callable[[Arrival], Awaitable[object]]
_READERS: Final[Mapping[object, Reader]] = {
    _services: _services_at,
    _idempotency_key: _key_at,
    _expected_version: _nothing_expected,
    _expected_etag: _nothing_expected,
}


def reader_of(dependency: object) -> Reader | None:
    """How an arrival answers what the dependency asks of a request; None if it takes FastAPI to answer."""
    return dependency.read if isinstance(dependency, _CallerOf) else _READERS.get(dependency)


ServicesOf = Annotated[Services, Depends(_services)]
Secret = Annotated[Caller, Security(_CallerOf("secret", _check_secret))]
"""A back end."""
Widget = Annotated[Caller, Security(_CallerOf("widget", _check_widget))]
"""A back end, or a visitor's browser."""
Holder = Annotated[Caller, Security(_CallerOf("holder", _check_holder))]
"""A back end, or the bearer of the token of the appointment in the path."""
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
ExpectedEtag = Annotated[str | None, Depends(_expected_etag)]
SentObject = Annotated[dict[str, object], Depends(_sent_object)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]

ObjectName = Annotated[
    str,
    Path(description="Id or key.", min_length=1, max_length=64, examples=["haircut"]),
    AfterValidator(storable),
]
AppointmentPath = Annotated[
    AppointmentId,
    Path(description="The appointment's id.", max_length=64, examples=["apt_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]
Timezone = Annotated[
    Zone | None,
    Query(description="IANA zone to show instants in; UTC if absent.", examples=["Asia/Jerusalem"]),
]
PageLimit = Annotated[int, Query(ge=1, le=200, description="Most entries of the answer.")]
Cursor = Annotated[
    Text | None, Query(max_length=512, description="`next_cursor` of the page before, to go on after it.")
]
