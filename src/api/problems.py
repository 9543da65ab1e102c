"""How refusals are told over HTTP: the one table from codes to statuses, and the answers made from it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.answers import NOT_KEPT, ReadyAnswer
from catalogue.model.documents import FaultsError
from kernel.errors import DomainError, FieldError, ValidationFailed

MEDIA_TYPE: Final = "application/problem+json"
# What a client is asked to wait where a refusal knows nothing better: a breaker closes again, a node restarts.
_RETRY_SECONDS: Final = 2
_LARGEST_QUOTE: Final = 200
# A client that sends thousands of faults has one fault: it reads the first of them.
_MOST_ERRORS: Final = 100
_PROBLEM: Final = (b"content-type", MEDIA_TYPE.encode())
_ASKED_FOR: Final = (b"www-authenticate", b"Bearer")
_SPELLED_ALIKE: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_SHIFTED: Final = re.compile(r"^(?:Input|List|String|Dictionary|Value) should")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One code of the contract."""

    status: int
    title: str
    meaning: str
    remedy: str
    detail: str
    """An example of what `detail` says."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Examples of the members that come with it."""
    retryable: bool = False
    """Whether the same request may succeed in a moment: the answer carries Retry-After."""


TABLE: Final[Mapping[str, Row]] = {
    "validation": Row(
        status=422,
        title="The request does not make sense",
        meaning="A field or parameter is missing, misspelled, of the wrong form or out of range.",
        remedy="Correct what `errors` lists: each entry has the place (`pointer`) and what is wrong there (`detail`).",
        detail="customer.name: required",
        facts={"errors": [{"pointer": "customer.name", "detail": "required"}]},
    ),
    "unauthorized": Row(
        status=401,
        title="No valid credential",
        meaning="There is no `Authorization: Bearer …` header, or what it holds opens nothing.",
        remedy="Send a secret key (hfs_…), a publishable key (hfp_…) or an appointment token (hft_…).",
        detail="Send your key as: Authorization: Bearer hfs_…",
    ),
    "forbidden": Row(
        status=403,
        title="The credential does not allow this",
        meaning="The credential is good, and this is not among the things it may do; or only a sandbox may do it.",
        remedy="Use a secret key on your back end; a publishable key reads the one appointment whose token it gives. "
        "Only a sandbox sets its own clock.",
        detail="A publishable key may not do this; use a secret key, on your back end.",
    ),
    "not_found": Row(
        status=404,
        title="Not found",
        meaning="The business has no object of that id or key, or the path leads nowhere.",
        remedy="Check the name; archived objects are not found by their keys.",
        detail='There is no service "haircut".',
    ),
    "method_not_allowed": Row(
        status=405,
        title="The path does not know this method",
        meaning="The path exists; the `Allow` header lists its methods.",
        remedy="Use one of the methods listed.",
        detail="Use one of: GET, POST",
    ),
    "body_too_large": Row(
        status=413,
        title="The body is too large",
        meaning="The body exceeds what one request may carry.",
        remedy="Send less in one request.",
        detail="The body is larger than 1048576 bytes.",
    ),
    "version_conflict": Row(
        status=412,
        title="The object has changed",
        meaning="`If-Match` names another version than the one stored: somebody changed the object in between.",
        remedy="Read the object again, repeat your change on it, and send the new ETag.",
        detail="The object is at version 4.",
    ),
    "idempotency_mismatch": Row(
        status=422,
        title="The idempotency key was used for something else",
        meaning="A request with this `Idempotency-Key` was sent before, with another path, body or credential.",
        remedy="Use a fresh key for each operation; repeat a request exactly as it was.",
        detail="This Idempotency-Key belongs to another request.",
    ),
    "idempotency_in_flight": Row(
        status=409,
        title="The first request is still running",
        meaning="A request with this `Idempotency-Key` has not been answered yet.",
        remedy="Repeat it after `Retry-After` seconds: the answer will be that of the first.",
        detail="A request with this Idempotency-Key is still running.",
        facts={"retry_after_seconds": 1},
        retryable=True,
    ),
    "slot_taken": Row(
        status=409,
        title="Somebody else has booked the time",
        meaning="Nobody who could serve is free: the time is booked. Nothing was kept.",
        remedy="List the availability again and offer another time.",
        detail="The time was booked by somebody else.",
    ),
    "slot_held": Row(
        status=409,
        title="Somebody else is just booking the time",
        meaning="A live hold of somebody else has the last free place. It may become free.",
        remedy="Try again after `retry_after_seconds`, or offer another time.",
        detail="Somebody else holds the time; it may be free in 214 seconds.",
        facts={"retry_after_seconds": 214},
        retryable=True,
    ),
    "not_offered": Row(
        status=422,
        title="The rules do not offer this start",
        meaning="The start is refused by the rule named in `reason`: no_resource, outside_window, lead_time, closed, "
        "off_grid, time_off or daily_limit.",
        remedy="Use a start that the availability lists.",
        detail="The start is not on the service's grid.",
        facts={"reason": "off_grid"},
    ),
    "hold_expired": Row(
        status=410,
        title="The hold has expired",
        meaning="The hold's time was up before it was confirmed. Nothing was booked.",
        remedy="Place a new hold, or confirm with `if_free: true` to book the time if it is still free.",
        detail="The hold expired at 2026-12-01T06:05:00Z.",
    ),
    "hold_not_found": Row(
        status=404,
        title="There is no such hold",
        meaning="The hold never was, was released, or is forgotten: it expired long ago.",
        remedy="Place a new hold.",
        detail="There is no such hold; it may have been released.",
    ),
    "hold_limit_reached": Row(
        status=429,
        title="Too many live holds",
        meaning="The client has as many live holds as the service allows.",
        remedy="Release one, or replace one with `replaces`.",
        detail="The client has 3 live holds, which is the most allowed.",
        facts={"limit": 3},
    ),
    "hold_life_exhausted": Row(
        status=409,
        title="The hold cannot live that long",
        meaning="The extension would exceed the longest total life of a hold.",
        remedy="Ask for less, or confirm.",
        detail="The hold can be extended until 2026-12-01T06:20:00Z at most.",
    ),
    "invalid_transition": Row(
        status=409,
        title="The status does not allow this",
        meaning="`from` is the status now and `to` the one asked for; the change is not allowed, or comes too late for "
        "one that waited for approval.",
        remedy="Read the object again: somebody else may have changed it.",
        detail="The appointment is cancelled; it cannot become completed.",
        facts={"from": "cancelled", "to": "completed"},
    ),
    "cutoff_passed": Row(
        status=409,
        title="It is too late for this",
        meaning="The policy in force when it was booked lets customers do this only earlier.",
        remedy="Ask the business to do it.",
        detail="The appointment could be rescheduled up to 120 minutes before its start.",
        facts={"cutoff": "2026-12-01T05:00:00Z"},
    ),
    "limit_reached": Row(
        status=409,
        title="A limit is used up",
        meaning="A rule limits how often this may be done, or how much may be booked: `rule` is daily_limit, "
        "customer_limit or reschedule.",
        remedy="Cancel something first, or ask the business.",
        detail="The customer has 3 active appointments, which is the most allowed.",
        facts={"rule": "customer_limit", "limit": 3},
    ),
    "holds_unavailable": Row(
        status=503,
        title="Holds are not available for now",
        meaning="The store of the holds does not answer. Nothing was held. Direct booking still works.",
        remedy="Repeat after `Retry-After` seconds, or book directly with POST /v1/appointments.",
        detail="Holds are not available for the moment; direct booking is.",
        retryable=True,
    ),
    "store_unavailable": Row(
        status=503,
        title="The database does not answer",
        meaning="Nothing could be read or written for now.",
        remedy="Repeat the request after `Retry-After` seconds; repeating is safe.",
        detail="The database does not answer. Repeat the request in a moment; repeating is safe.",
        retryable=True,
    ),
    "stopping": Row(
        status=503,
        title="The server is about to end",
        meaning="This process finishes the requests it has and takes no new ones. Nothing was done.",
        remedy="Repeat after `Retry-After` seconds, on a new connection.",
        detail="This process is about to end and takes no new requests. Repeat the request in a moment.",
        facts={"retry_after_seconds": 1},
        retryable=True,
    ),
    "internal": Row(
        status=500,
        title="Something went wrong on our side",
        meaning="An unexpected error; the log has it under the request id.",
        remedy="Repeat the request; report the `request_id` if it happens again.",
        detail="An unexpected error happened.",
    ),
}
_BY_STATUS: Final[Mapping[int, str]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
}


def add_problem_handlers(app: FastAPI) -> None:
    """Let the application answer every refusal as a problem."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_crash)


def problem(
    scope: Scope,
    code: str,
    detail: str,
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a refused request, after RFC 9457."""
    row = TABLE[code]
    content = {
        **(facts or {}),
        "type": f"/problems/{code}",
        "title": row.title,
        "status": row.status,
        "detail": detail,
        "instance": _instance(scope),
        "code": code,
        "request_id": scope.get("state", {}).get("request_id"),
    }
    all_headers = [NOT_KEPT]
    all_headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()
    ]
    if row.retryable:
        all_headers.append((b"retry-after", b"%d" % _retry_seconds(facts)))
    if row.status == 401:  # noqa: PLR2004 - RFC 9110 asks for the header on this very status
        all_headers.append(_ASKED_FOR)
    body = orjson.dumps(content, default=str)
    return ReadyAnswer(row.status, body, [*all_headers, (b"content-length", b"%d" % len(body)), _PROBLEM])


def refusal(scope: Scope, error: DomainError) -> Response:
    """The answer to a request that the engine refuses."""
    return problem(scope, error.code, error.detail, error.facts)


def internal(scope: Scope) -> Response:
    """The answer when something unexpected happened: it tells nothing but the request id."""
    return problem(scope, "internal", TABLE["internal"].detail)


def _instance(scope: Scope) -> str:
    path: str = scope["path"]
    # What a URL would spell otherwise is left to Starlette.
    return path if _SPELLED_ALIKE.fullmatch(path) else Request(scope).url.path


def _retry_seconds(facts: Mapping[str, object] | None) -> int:
    seconds = (facts or {}).get("retry_after_seconds")
    return seconds if isinstance(seconds, int) else _RETRY_SECONDS


async def _on_domain_error(request: Request, error: Exception) -> Response:
    return refusal(request.scope, cast("DomainError", error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    errors = cast("RequestValidationError", error).errors()
    found = [fault for details in errors for fault in _field_errors(details)]
    return refusal(request.scope, ValidationFailed(found[:_MOST_ERRORS]))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette and FastAPI refuse with these what never reaches a route."""
    refused = cast("HTTPException", error)
    code = _BY_STATUS.get(refused.status_code)
    match code:
        case "not_found":
            detail = f"There is nothing at {request.url.path[:_LARGEST_QUOTE]}."
        case "method_not_allowed":
            detail = f"Use one of: {(refused.headers or {}).get('Allow', 'another method')}"
        case None:
            return refusal(request.scope, ValidationFailed.of("body", "cannot be read"))
        case _:
            detail = str(refused.detail)
    return problem(request.scope, code, detail, headers=refused.headers)


async def _on_crash(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again when this is sent, and the edge (api.edge) logs it."""
    return internal(request.scope)


def _field_errors(details: Mapping[str, Any]) -> Iterator[FieldError]:
    """One of Pydantic's errors in our words; several where a check of ours found several at once."""
    if details["type"] == "json_invalid":
        yield FieldError("body", f"is not JSON: {details['ctx']['error']}")
        return
    cause = details.get("ctx", {}).get("error")
    for fault in cause.errors if isinstance(cause, FaultsError) else ():
        yield FieldError(_pointer([*details["loc"], fault.pointer]), fault.detail)
    if not isinstance(cause, FaultsError):
        yield FieldError(_pointer(details["loc"]), _detail(details))


def _pointer(location: Sequence[int | str]) -> str:
    """Spell a place: `customer.name` in the body, `query.from` elsewhere."""
    source, *steps = location
    if source != "body":
        steps = [source, *steps]
    if not steps:
        return "body"
    spelled = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps if step != "[key]"]
    return "".join(spelled).removeprefix(".")


def _detail(details: Mapping[str, Any]) -> str:
    match details["type"]:
        case "missing":
            return "required"
        case "extra_forbidden":
            return "no such field"
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_attributes_type" | "model_type" | "dict_type":
            return "must be a JSON object (with Content-Type: application/json)"
        case _:
            return _SHIFTED.sub("must", str(details["msg"]))
