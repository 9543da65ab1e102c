"""Operations for health checks."""

from dataclasses import asdict
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
    "warnings": [],
}


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """The state of everything the engine depends on."""

    status: Literal["ready", "not_ready"]
    postgres: bool
    redis: bool
    schema: bool
    invalidator: bool
    stopping: bool
    warnings: list[str]


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
        success(503, Ready, "Not ready.", {**_READY, "status": "not_ready", "redis": False}),
        refusals_with("internal"),
    ),
)
async def get_readiness(request: Request) -> Response:
    """Check Postgres, Redis, the schema's revision and the invalidator, and that this process is not shutting down."""
    health = asdict(await engine_of(request).context.health())
    warnings = list(health.pop("warnings"))
    stopping: bool = request.app.state.shutdown.has_begun
    ready = all(health.values()) and not stopping
    body = {"status": "ready" if ready else "not_ready", **health, "stopping": stopping, "warnings": warnings}
    return answer(body, status=200 if ready else 503)
