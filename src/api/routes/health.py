"""Operations for health checks."""

from typing import Final, Literal

from fastapi import APIRouter, Request
from pydantic.config import JsonDict
from starlette.responses import Response
from typing_extensions import TypedDict

from api.answers import answer
from api.engine import engine_of
from api.openapi_responses import merge, refusals_with, success

router = APIRouter(tags=["Operations"])
_READY: Final[JsonDict] = {
    "status": "ready",
    "postgres": True,
    "redis": True,
    "schema": True,
    "invalidator": True,
    "stopping": False,
    "causes": [],
    "warnings": [],
}
_REFUSED: Final = "Postgres refuses the login: the password is wrong, or the user may not log in."
_NO_WORKER: Final = "No process runs the background loops: start holdfast worker."


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """The state of everything that requests depend on, and of the invalidator, which they can do without."""

    status: Literal["ready", "not_ready"]
    postgres: bool
    redis: bool
    schema: bool
    invalidator: bool
    stopping: bool
    causes: list[str]
    """The reason why a member is false, where that is known."""
    warnings: list[str]


class Elected(TypedDict):
    """The state of the background loops."""

    status: Literal["ready", "not_ready"]
    invalidator: bool
    causes: list[str]


@router.get(
    "/healthz",
    operation_id="getHealth",
    summary="Check that the process is alive",
    responses=merge(success(200, Alive, "The process is alive.", {"status": "ok"}), refusals_with("internal")),
)
async def get_health() -> Response:
    """Answer without asking the stores: restarting the process would not bring a store back."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Check that requests can be served",
    responses=merge(
        success(200, Ready, "Ready.", _READY),
        success(
            503,
            Ready,
            "Not ready.",
            {**_READY, "status": "not_ready", "postgres": False, "schema": False, "causes": [_REFUSED]},
        ),
        refusals_with("internal"),
    ),
)
async def get_readiness(request: Request) -> Response:
    """Check Postgres, Redis and the schema's revision, and that this process is not shutting down.

    `invalidator` says whether a worker is elected; a server is ready without one (`/readyz/invalidator`).
    """
    health = await engine_of(request).context.health()
    stopping: bool = request.app.state.shutdown.has_begun
    ready = health.postgres and health.redis and health.schema and not stopping
    body: Ready = {
        "status": "ready" if ready else "not_ready",
        "postgres": health.postgres,
        "redis": health.redis,
        "schema": health.schema,
        "invalidator": health.invalidator,
        "stopping": stopping,
        "causes": list(health.causes),
        "warnings": list(health.warnings),
    }
    return answer(body, status=200 if ready else 503)


@router.get(
    "/readyz/invalidator",
    operation_id="getInvalidatorReadiness",
    summary="Check that a process runs the background loops",
    responses=merge(
        success(200, Elected, "One is elected.", {"status": "ready", "invalidator": True, "causes": []}),
        success(
            503, Elected, "None is elected.", {"status": "not_ready", "invalidator": False, "causes": [_NO_WORKER]}
        ),
        refusals_with("internal"),
    ),
)
async def get_invalidator_readiness(request: Request) -> Response:
    """Check that a worker, or a server with loops of its own, is elected. It is for monitoring: servers do without."""
    health = await engine_of(request).context.health()
    body: Elected = {
        "status": "ready" if health.invalidator else "not_ready",
        "invalidator": health.invalidator,
        "causes": list(health.causes),
    }
    return answer(body, status=200 if health.invalidator else 503)
