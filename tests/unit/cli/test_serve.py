"""What uvicorn is told of the processes that serve."""

import socket

import pytest
import uvicorn

from bootstrap.settings import Settings
from cli import serve

_URLS = {"database_url": "postgresql://127.0.0.1:1/none", "redis_url": "redis://127.0.0.1:1/0"}


def test_processes_may_start_slower_than_uvicorn_would_let_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[uvicorn.Config] = []

    class Noting:
        def __init__(self, configuration: uvicorn.Config, _sockets: list[socket.socket]) -> None:
            told.append(configuration)

        def run(self) -> None:
            """Start none."""

    monkeypatch.setattr(serve, "Multiprocess", Noting)
    # Put back afterwards what is handed down in the environment.
    for name, url in _URLS.items():
        monkeypatch.setenv(f"HOLDFAST_{name.upper()}", url)

    with socket.socket() as listener:
        settings = Settings.model_validate({**_URLS, "workers": 2})
        serve.run_server(settings, listener, embedded=False, when_up=lambda: None)

    (configuration,) = told
    assert configuration.timeout_worker_healthcheck > uvicorn.Config("", log_config=None).timeout_worker_healthcheck
