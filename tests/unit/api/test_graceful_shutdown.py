"""Who comes while the process is about to end, and who is there already."""

import httpx
import pytest
from fastapi import FastAPI

from tests.support.application import PUBLISHABLE, application, client


class Ends:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def app() -> FastAPI:
    return application()


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with client(app) as http:
        return await http.get(path, headers=PUBLISHABLE)


async def test_request_is_refused_when_the_process_is_about_to_end(app: FastAPI) -> None:
    app.state.shutdown.begin(Ends())

    refused = await get(app, "/v1/holds/hld_1")

    assert refused.status_code == 503
    assert refused.json()["code"] == "stopping"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Connection"] == "close"
    assert refused.headers["X-Request-Id"]


async def test_process_is_alive_until_it_ends(app: FastAPI) -> None:
    app.state.shutdown.begin(Ends())

    alive = await get(app, "/healthz")

    assert alive.status_code == 200


async def test_connection_is_kept_when_nothing_ends(app: FastAPI) -> None:
    served = await get(app, "/healthz")

    assert "Connection" not in served.headers


async def test_server_ends_at_once_when_nothing_runs(app: FastAPI) -> None:
    end = Ends()

    app.state.shutdown.begin(end)

    assert end.times == 1


async def test_server_ends_once_when_the_last_request_is_done(app: FastAPI) -> None:
    end = Ends()

    shutdown = app.state.shutdown
    shutdown.enter()
    shutdown.enter()
    shutdown.begin(end)
    shutdown.leave()
    before = end.times
    shutdown.leave()
    shutdown.enter()
    shutdown.leave()

    assert (before, end.times) == (0, 1)
