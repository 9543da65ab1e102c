"""What uvicorn is told of the processes that serve."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
import uvicorn
import uvloop

from bootstrap import embedded
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


def test_application_learns_all_that_is_decided_where_stores_are_embedded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Starting:
        def __init__(self, _configuration: uvicorn.Config, _sockets: list[socket.socket]) -> None:
            """Start none."""

        def run(self) -> None:
            learned.append(Settings())

    learned: list[Settings] = []
    monkeypatch.setattr(serve, "Multiprocess", Starting)
    monkeypatch.setattr(embedded, "embedded_stores", lambda *_, **__: nullcontext(embedded.StoreUrls(**_URLS)))
    own = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    monkeypatch.setattr(os, "environ", own)
    settings = Settings.model_validate({"data_dir": tmp_path, "workers": 2})

    with (
        socket.socket() as listener,
        embedded.stores_for(settings, use=embedded.Use.SERVE, announce=lambda _: None) as decided,
    ):
        serve.run_server(decided, listener, embedded=True, when_up=lambda: None)

    before, after = settings.model_dump(), decided.model_dump()
    new = {name: value for name, value in after.items() if value != before[name]}
    assert {name: learned[0].model_dump()[name] for name in new} == new
    assert new["erasure_journal"] == tmp_path / "erasures.jsonl"


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_crowd_of_new_connections_is_accepted_in_few_turns(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    number = 64

    async def turns(listener: socket.socket) -> int:
        accepted: list[asyncio.BaseTransport] = []

        class Accepted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.append(transport)

        running = asyncio.get_running_loop()
        with serve.repeated(listener) as listeners, ExitStack() as clients:
            servers = [await running.create_server(Accepted, sock=one, backlog=number) for one in listeners]
            for _ in range(number):
                clients.enter_context(socket.create_connection(listener.getsockname()))
            turn = 0
            while len(accepted) < number:
                turn += 1
                await asyncio.sleep(0)
            for transport in accepted:
                transport.abort()  # type: ignore[attr-defined] # of TCP
            for server in servers:
                server.close()
        return turn

    with socket.socket() as listener, asyncio.Runner(loop_factory=loop) as runner:
        listener.bind(("127.0.0.1", 0))
        found = runner.run(turns(listener))

    assert found <= number // 4
