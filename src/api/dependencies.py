"""What routes ask of a request: frozen values, nothing opened."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, cast

import orjson
from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import AfterValidator

from api.authentication import TOKEN_HEADER, Authenticator, Caller, CallerKind
from api.schemas.fields import Text, storable
from bootstrap.context import Context
from bootstrap.services import Services
from catalogue.document import Zone
from kernel.errors import FieldError, Forbidden, ValidationFailed, VersionConflict
from kernel.ids import AppointmentId
from persistence.idempotency import IdempotencyKeys

_ETAG: Final = re.compile(r'(?:W/)?"?([1-9]\d{0,8})"?')

_secret_key = HTTPBearer(
    scheme_name="SecretKey", bearerFormat="hfs_…", auto_error=False,
    description="A secret key, for back ends: everything in its business.",
)  # fmt: skip
_publishable_key = HTTPBearer(
    scheme_name="PublishableKey", bearerFormat="hfp_…", auto_error=False,
    description="A publishable key, for widgets: availability, holds and booking.",
)  # fmt: skip
_token = HTTPBearer(
    scheme_name="AppointmentToken", bearerFormat="hft_…", auto_error=False,
    description="The token from a booking's answer: reads, moves and cancels that one appointment.",
)  # fmt: skip
_token_header = APIKeyHeader(
    name=TOKEN_HEADER, scheme_name="AppointmentTokenHeader", auto_error=False,
    description="The appointment's token beside a publishable key; the query parameter `token` does as well.",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What one application serves."""

    context: Context
    services: Services
    authenticator: Authenticator
    idempotency_keys: IdempotencyKeys


def engine_of(request: Request) -> Engine:
    """The engine behind the application that serves the request."""
    return cast("Engine", request.app.state.engine)


async def _services(request: Request) -> Services:
    return engine_of(request).services


async def _secret_caller(request: Request, _scheme: Annotated[object, Security(_secret_key)]) -> Caller:
    caller = await engine_of(request).authenticator.caller(request)
    if caller.kind is not CallerKind.SECRET:
        detail = "Only a secret key may do this. Keep it on your back end."
        raise Forbidden(detail)
    return caller


async def _widget_caller(
    request: Request,
    _secret: Annotated[object, Security(_secret_key)],
    _publishable: Annotated[object, Security(_publishable_key)],
) -> Caller:
    caller = await engine_of(request).authenticator.caller(request)
    if caller.kind is CallerKind.TOKEN:
        detail = "An appointment token opens that one appointment only; use a publishable key for this."
        raise Forbidden(detail)
    return caller


async def _appointment_caller(
    request: Request,
    appointment_id: Annotated[str, Path()],
    _secret: Annotated[object, Security(_secret_key)],
    _bearer_token: Annotated[object, Security(_token)],
    _header_token: Annotated[object, Security(_token_header)],
) -> Caller:
    caller = await engine_of(request).authenticator.caller(request)
    if caller.kind is not CallerKind.SECRET and caller.appointment_id != appointment_id:
        detail = "Show this appointment's token, or use a secret key on your back end."
        raise Forbidden(detail)
    return caller


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


ServicesOf = Annotated[Services, Depends(_services)]
Secret = Annotated[Caller, Depends(_secret_caller)]
"""A back end."""
Widget = Annotated[Caller, Depends(_widget_caller)]
"""A back end, or a visitor's browser."""
Holder = Annotated[Caller, Depends(_appointment_caller)]
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
