"""The fast lane: a shorter way for the seven busiest operations, past FastAPI (ADR 0029).

A handler reads its request and calls the endpoint that FastAPI would call. The order of its steps is that of our routes
(api.idempotency), so that of several faults both report the same: the credential, the body's JSON, then the values.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.types import Scope

from api.authentication import Caller
from api.dependencies import DRY_RUN, visitor_of
from api.engine import Engine
from api.parameters import HoldPath, Timezone
from api.problem_responses import refusal
from api.rate_limiting import room_to_book
from api.routes import appointments, availability, holds
from api.schemas.appointment_requests import BookAppointment, ConfirmHold
from api.schemas.availability import ListingParameters, NextParameters
from api.schemas.holds import PlaceHold
from api.shell.request_body import RequestBody
from kernel.errors import DomainError
from kernel.ids import HoldId

_HOLDS: Final = "/v1/holds/"
_HOLD_PARAMETER: Final = "{hold_id}"
# No operation in the fast lane is on one appointment.
_NO_APPOINTMENT: Final[Mapping[str, str]] = {}
# Of other parameters the last counts.
_REPEATABLE: Final = ("resource", "answer", "override", "add_ons")
_HOLD: Final[TypeAdapter[HoldId]] = TypeAdapter(HoldPath)
_TIMEZONE: Final[TypeAdapter[str | None]] = TypeAdapter(Timezone)
# FastAPI reads bodies of these types, or of none, as JSON (api.app); it knows further spellings.
_JSON_TYPES: Final = frozenset({None, b"application/json", b"application/json; charset=utf-8"})

Value = TypeVar("Value")
Model = TypeVar("Model", bound=BaseModel)


class FastLane:
    """Answers the usual requests of its operations, and leaves all others to FastAPI."""

    engine: Engine

    async def __call__(self, scope: Scope, headers: Mapping[bytes, bytes], body: RequestBody) -> Response | None:
        """Answer a request. None, without any effect, leaves it to FastAPI, as if it had not been here."""
        route, hold = find(scope)
        if route is None or b"if-match" in headers or b"idempotency-key" in headers:
            return None
        scope["route"] = route
        try:
            return await route.handle(
                _Request(engine=self.engine, route=route, scope=scope, headers=headers, body=body, hold=hold)
            )
        except _UnusualRequest:
            return None
        except DomainError as error:
            return refusal(scope, error)


def find(scope: Scope) -> tuple["LaneRoute | None", str]:
    """The route of a request with the hold in its path; None if its operation is not in the fast lane."""
    path: str = scope["path"]
    if scope.get("root_path"):
        return None, ""
    if not path.startswith(_HOLDS):
        return _ROUTES.get((scope["method"], path)), ""
    hold, slash, rest = path[len(_HOLDS) :].partition("/")
    if not hold:
        return None, ""
    return _ROUTES.get((scope["method"], f"{_HOLDS}{_HOLD_PARAMETER}{slash}{rest}")), hold


class _UnusualRequest(Exception):
    """A part of the request is unusual. FastAPI reads it from its first byte, and words the refusal if it has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A request of an operation in the fast lane."""

    engine: Engine
    route: "LaneRoute"
    scope: Scope
    headers: Mapping[bytes, bytes]
    body: RequestBody
    hold: str
    """The hold in the path; empty for operations without one."""

    async def caller(self) -> Caller:
        """Return the caller. Raises Unauthorized, Forbidden, RateLimited, StoreUnavailable."""
        caller = await self.engine.authenticator.caller(self.scope)
        permitted = caller.permitted(self.route.operation_id, _NO_APPOINTMENT)
        self.engine.rate_limiting.admit(caller, self.route.operation_id, self.scope)
        return permitted


class LaneRoute(NamedTuple):
    """The route of a request in the fast lane, as logs and metrics name it."""

    path: str
    methods: frozenset[str]
    operation_id: str
    handle: Callable[[_Request], Awaitable[Response]]


async def _place_hold(request: _Request) -> Response:
    caller, body = await _caller_and_body(request, PlaceHold)
    visitor = visitor_of(request.engine, caller, request.scope)
    return await holds.place_hold(request.engine.services, caller, visitor, body)


async def _get_hold(request: _Request) -> Response:
    caller = await request.caller()
    hold_id = _valid(_HOLD.validate_python, request.hold)
    timezone = _valid(_TIMEZONE.validate_python, dict(_query(request)).get("timezone"))
    return await holds.get_hold(request.engine.services, caller, hold_id, timezone)


async def _confirm_hold(request: _Request) -> Response:
    caller, body = await _caller_and_body(request, ConfirmHold)
    refuse_new = room_to_book(request.scope)
    return await holds.confirm_hold(
        request.engine.services, caller, _valid(_HOLD.validate_python, request.hold), body, refuse_new
    )


async def _book_appointment(request: _Request) -> Response:
    caller, body = await _caller_and_body(request, BookAppointment)
    refuse_new = room_to_book(request.scope)
    visitor = visitor_of(request.engine, caller, request.scope)
    return await appointments.book_appointment(
        request.engine.services, caller, visitor, body, attempt=None, refuse_new=refuse_new
    )


async def _list_availability(request: _Request) -> Response:
    caller, query = await _caller_and_query(request, ListingParameters)
    return await availability.list_availability(request.engine.services, caller, query)


async def _list_available_days(request: _Request) -> Response:
    caller, query = await _caller_and_query(request, ListingParameters)
    return await availability.list_available_days(request.engine.services, caller, query)


async def _list_next_availability(request: _Request) -> Response:
    caller, query = await _caller_and_query(request, NextParameters)
    return await availability.list_next_availability(request.engine.services, caller, query)


async def _caller_and_body(request: _Request, model: type[Model]) -> tuple[Caller, Model]:
    """The caller and the JSON body.

    orjson accepts less than FastAPI's parser, and reads the rest alike. Pydantic does not parse it itself, since in
    strict mode it converts more from JSON than from objects.
    """
    if request.headers.get(b"content-type") not in _JSON_TYPES:
        raise _UnusualRequest
    if request.scope["query_string"] and DRY_RUN in dict(_query(request)):
        raise _UnusualRequest
    caller = await request.caller()
    content = await request.body.read()
    if content is None:
        raise _UnusualRequest
    try:
        sent = orjson.loads(content)
        return caller, model.model_validate(sent)
    except (orjson.JSONDecodeError, ValidationError):
        raise _UnusualRequest from None


async def _caller_and_query(request: _Request, model: type[Model]) -> tuple[Caller, Model]:
    caller = await request.caller()
    pairs = _query(request)
    values: dict[str, object] = dict(pairs)
    for repeatable in _REPEATABLE:
        if repeatable in values:
            values[repeatable] = [value for name, value in pairs if name == repeatable]
    return caller, _valid(model.model_validate, values)


def _query(request: _Request) -> list[tuple[str, str]]:
    """The parameters of the query, decoded as Starlette does."""
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _valid(validate: Callable[[object], Value], sent: object) -> Value:
    try:
        return validate(sent)
    except ValidationError:
        raise _UnusualRequest from None


_ROUTES: Final[Mapping[tuple[str, str], LaneRoute]] = {
    (method, path): LaneRoute(path, frozenset({method}), operation_id, handle)
    for method, path, operation_id, handle in (
        ("POST", "/v1/holds", "placeHold", _place_hold),
        ("GET", "/v1/holds/{hold_id}", "getHold", _get_hold),
        ("POST", "/v1/holds/{hold_id}/confirm", "confirmHold", _confirm_hold),
        ("POST", "/v1/appointments", "bookAppointment", _book_appointment),
        ("GET", "/v1/availability", "listAvailability", _list_availability),
        ("GET", "/v1/availability/days", "listAvailableDays", _list_available_days),
        ("GET", "/v1/availability/next", "listNextAvailability", _list_next_availability),
    )
}
OPERATIONS: Final = tuple(_ROUTES)
"""Method and path of each operation in the fast lane."""
