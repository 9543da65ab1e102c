"""What uvicorn is told of the processes that serve."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import uvicorn
import uvloop

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
