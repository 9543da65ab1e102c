"""Bare FastAPI routes that take the engine's requests and answer with bytes they were given: the measure of all others.

`python -m benchmark.bare OPTIONS`, where OPTIONS are those of uvicorn as JSON: the engine's own.
"""

import json
import logging
import socket
import sys
from datetime import datetime
from typing import Annotated, Final

import uvicorn
from fastapi import Body, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

_MEDIA_TYPE: Final = "application/json"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Place(_Model):
    """As many fields as the engine's request has, with their types and nothing else."""

    service: str
    start: datetime
    resource: str | None = None
    party: int = 1
    client: str | None = None
    ttl_seconds: int | None = None
    replaces: str | None = None


class _Customer(_Model):
    name: str
    email: str | None = None
    phone: str | None = None
    timezone: str | None = None


class _Confirm(_Model):
    customer: _Customer
    notes: str | None = None
    metadata: dict[str, str] = Field(default={})
    if_free: bool = False


class _Book(_Place):
    customer: _Customer
    notes: str | None = None
    metadata: dict[str, str] = Field(default={})


def create_bare_app() -> FastAPI:
    """The application. What it answers is put to `/answer` first."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    status, content = 200, b"{}"

    def given() -> Response:
        return Response(content, status, media_type=_MEDIA_TYPE)

    @app.put("/answer")
    async def remember(request: Request, code: Annotated[int, Query()]) -> Response:
        nonlocal status, content
        status, content = code, await request.body()
        return Response(status_code=204)

    @app.get("/v1/availability")
    @app.get("/v1/availability/days")
    @app.get("/v1/availability/next")
    async def read() -> Response:
        return given()

    @app.post("/v1/holds")
    async def place(_body: Annotated[_Place, Body()]) -> Response:
        return given()

    @app.post("/v1/holds/{_hold_id}/confirm")
    async def confirm(_hold_id: str, _body: Annotated[_Confirm, Body()]) -> Response:
        return given()

    @app.post("/v1/appointments")
    async def book(_body: Annotated[_Book, Body()]) -> Response:
        return given()

    return app


def main() -> None:
    """Serve on a free port of the loopback interface, which is printed."""
    options = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO if options["access_log"] else logging.WARNING)
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(create_bare_app(), **options)).run([listener])


if __name__ == "__main__":
    main()
