"""Operations that tell whether the engine is well."""

from dataclasses import asdict
from typing import Final, Literal

from fastapi import APIRouter, Request
from pydantic.config import JsonDict
from starlette.responses import Response
from typing_extensions import TypedDict

from api.answers import answer
from api.dependencies import engine_of
from api.documentation import also, granted, refused_with

router = APIRouter(tags=["Operations"])
_READY: Final[JsonDict] = {
    "status": "ready",
    "postgres": True,
    "redis": True,
    "schema": True,
    "invalidator": True,
    "stopping": False,
}


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """What the engine rests on, and whether each of them is there."""

    status: Literal["ready", "not_ready"]
    postgres: bool
    redis: bool
    schema: bool
    invalidator: bool
    stopping: bool


@router.get(
    "/healthz",
    operation_id="getHealth",
    summary="Tell whether the process lives",
    responses=also(granted(200, Alive, "It does.", {"status": "ok"}), refused_with("internal")),
)
async def get_health() -> Response:
    """Answered without asking the stores: a process is not restarted because one of them is away."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Tell whether requests can be served",
    responses=also(
        granted(200, Ready, "All is there.", _READY),
        granted(503, Ready, "Something is missing.", {**_READY, "status": "not_ready", "redis": False}),
        refused_with("internal"),
    ),
)
async def get_readiness(request: Request) -> Response:
    """Look at Postgres, Redis, the schema's revision and the invalidator, and whether this process is about to end."""
    health = asdict(await engine_of(request).context.health())
    stopping: bool = request.app.state.shutdown.begun
    ready = all(health.values()) and not stopping
    body = {"status": "ready" if ready else "not_ready", **health, "stopping": stopping}
    return answer(body, status=200 if ready else 503)
