"""The fast lane: the five busiest operations by method and path."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from starlette.responses import Response
from starlette.types import Scope

from api.engine import Engine
from api.fast_lane import handlers
from api.fast_lane.request import LaneRequest
from api.problem_responses import refusal
from api.shell.request_body import RequestBody
from api.shell.request_headers import RequestHeaders
from kernel.errors import DomainError

_HOLDS: Final = "/v1/holds/"
_HOLD_PARAMETER: Final = "{hold_id}"


class LaneRoute(NamedTuple):
    """The route of a request in the fast lane, as logs and metrics name it."""

    path: str
    methods: frozenset[str]
    handle: handlers.Handler


def _route(method: str, path: str, handle: handlers.Handler) -> tuple[tuple[str, str], LaneRoute]:
    return (method, path), LaneRoute(path, frozenset({method}), handle)


_ROUTES: Final[Mapping[tuple[str, str], LaneRoute]] = dict(
    (
        _route("POST", "/v1/holds", handlers.place_hold),
        _route("GET", "/v1/holds/{hold_id}", handlers.get_hold),
        _route("POST", "/v1/holds/{hold_id}/confirm", handlers.confirm_hold),
        _route("GET", "/v1/availability", handlers.list_availability),
        _route("GET", "/v1/availability/days", handlers.list_available_days),
    )
)
OPERATIONS: Final = tuple(_ROUTES)
"""Method and path of each operation in the fast lane."""


class FastLane:
    """Answers the usual requests of its operations; returns None for all others, which go to FastAPI."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, headers: RequestHeaders, body: RequestBody) -> Response | None:
        """Answer a request. None leaves it to FastAPI, as if it had not been here."""
        route, hold = find(scope)
        if route is None or b"if-match" in headers or b"idempotency-key" in headers:
            return None
        scope["route"] = route
        request = LaneRequest(engine=self._engine(), scope=scope, headers=headers, body=body, hold=hold)
        try:
            return await route.handle(request)
        except DomainError as error:
            return refusal(scope, error)


def find(scope: Scope) -> tuple[LaneRoute | None, str]:
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
