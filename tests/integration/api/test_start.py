"""The application of a server process, which opens and closes the engine itself."""

import httpx
import pytest

from api.app import create_app_from_environment


async def test_application_opens_the_engine_while_it_runs(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str
) -> None:
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)
    app = create_app_from_environment()

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine") as http,
    ):
        alive = await http.get("/healthz")
        ready = await http.get("/readyz")
        refused = await http.get("/v1/business", headers={"Authorization": f"Bearer hfs_{'x' * 43}"})

    assert alive.json() == {"status": "ok"}
    assert ready.json()["postgres"]
    assert ready.json()["redis"]
    assert refused.status_code == 401
