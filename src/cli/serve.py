"""`holdfast serve`: the HTTP server, and the embedded stores behind it where none are named."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, NoReturn

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from api.server.connections import ConnectionLimits, Connections
from api.server.http_connection import HttpConnection
from api.shell.graceful_shutdown import CLOSING_SECONDS
from bootstrap.embedded import Use
from bootstrap.processes import die_with_parent, raise_descriptor_limit
from bootstrap.settings import Settings
from cli.console import MISUSED, load_settings, note, refusals
from cli.session import connected

_APPLICATION: Final = "cli.application:create_application"
# What uvicorn ends with when the application does not come up.
_STARTUP_FAILED: Final = 3
# Connections the kernel keeps for us while every process is busy. Beyond it clients try again after one second, then
# after three: a stranger who opens thousands at once would slow down all newcomers. Linux has a limit of its own,
# net.core.somaxconn.
_BACKLOG: Final = 4096
# Connections that a process accepts before it looks after the others again, which takes it about a millisecond.
_ACCEPTED_AT_ONCE: Final = 16
# File descriptors that clients never get: the masters of a large cluster have a pool each, and logs, listeners and
# whatever a command opens need some. A burst of the backlog is accepted before others are closed in its favour.
_MASTERS: Final = 8
_OTHER_DESCRIPTORS: Final = 128
# What a server process may take to start, or to be scheduled, before it is taken for hung and killed. uvicorn's five
# seconds are not enough on a busy machine: there each start would be killed, and the next one make it busier.
_SILENT_SECONDS: Final = 15


def serve() -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM."""
    settings = load_settings()
    stop_on_sigterm()
    with (
        suppress(KeyboardInterrupt),
        refusals(),
        listening(settings) as listener,
        connected(settings, use=Use.SERVE, may_wait=True) as with_urls,
    ):
        run_server(with_urls, listener, embedded=with_urls != settings, when_up=_announce(listener))


def run_server(settings: Settings, listener: socket.socket, *, embedded: bool, when_up: Callable[[], None]) -> None:
    """Serve on the listener until a signal comes; returns, or raises what the signal stands for, when all is closed."""
    _hand_down(settings, listener, embedded=embedded)
    configuration = _Configuration(
        _APPLICATION,
        factory=True,
        workers=settings.workers,
        timeout_worker_healthcheck=_SILENT_SECONDS,
        **server_options(settings),
    )
    with repeated(listener) as listeners:
        if settings.workers > 1:
            when_up()
            Multiprocess(configuration, listeners).run()
            return
        server = _Server(configuration, when_up)
        server.run(listeners)
    if not server.started:
        raise typer.Exit(_STARTUP_FAILED)


@contextmanager
def repeated(listener: socket.socket) -> Iterator[list[socket.socket]]:
    """The listener several times: from each, uvloop accepts one connection an iteration of its loop.

    With one, newcomers wait behind a crowd for as many iterations as it has connections.
    """
    listeners = [listener, *(listener.dup() for _ in range(_ACCEPTED_AT_ONCE - 1))]
    try:
        yield listeners
    finally:
        for one in listeners[1:]:
            one.close()


def server_options(settings: Settings) -> dict[str, Any]:
    """The options of uvicorn, with connections of ours."""
    connections = Connections(_connection_limits(settings))
    return {**shared_options(), "http": partial(HttpConnection, connections=connections)}


def shared_options() -> dict[str, Any]:
    """Options of uvicorn that the bare server of `holdfast bench` has as well; values that JSON knows."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "ws": "none",
        "lifespan": "on",
        "backlog": _BACKLOG,
        # The server gets the signal only after its running requests (api.shell.graceful_shutdown).
        "timeout_graceful_shutdown": CLOSING_SECONDS,
    }


def _connection_limits(settings: Settings) -> ConnectionLimits:
    """The settings, and no more connections than file descriptors allow besides those of the stores."""
    descriptors = raise_descriptor_limit()
    spare = _BACKLOG + settings.postgres_pool_size + _MASTERS * settings.redis_pool_size + _OTHER_DESCRIPTORS
    return ConnectionLimits(
        connections=min(settings.max_connections, max(descriptors - spare, descriptors // 2)),
        requests=settings.max_concurrent_requests,
        first_byte_seconds=settings.first_byte_seconds,
        header_seconds=settings.header_seconds,
        body_seconds=settings.body_seconds,
        body_bytes_per_second=settings.body_bytes_per_second,
        keep_alive_seconds=settings.keep_alive_seconds,
        unread_seconds=settings.unread_seconds,
    )


def listening(settings: Settings) -> socket.socket:
    """The address we are to listen on, taken before anything else is started; ends the command where it is not free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        note(f"holdfast: cannot listen on {settings.host}:{settings.port}: {error.strerror}; set HOLDFAST_PORT")
        raise typer.Exit(MISUSED) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of the server for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_on_sigterm() -> None:
    """Have SIGTERM end this process by an exception, so that everything it opened is closed."""

    def stop(_number: int, _frame: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)


class _Configuration(uvicorn.Config):
    """uvicorn's, and in server processes of their own: end with the process that started them, even by SIGKILL."""

    def load(self) -> None:
        if multiprocessing.parent_process() is not None:
            die_with_parent()
        super().load()


class _Server(uvicorn.Server):
    """uvicorn's, and says when it is up."""

    def __init__(self, configuration: uvicorn.Config, when_up: Callable[[], None]) -> None:
        super().__init__(configuration)
        self._when_up = when_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_up()


def _hand_down(settings: Settings, listener: socket.socket, *, embedded: bool) -> None:
    """Tell the application, which reads the environment and may live in other processes, what we have found out."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    os.environ["HOLDFAST_DATABASE_URL"] = settings.database_url
    os.environ["HOLDFAST_REDIS_URL"] = settings.redis_url
    os.environ["HOLDFAST_MASTER_KEY"] = settings.master_key
    os.environ["HOLDFAST_PUBLIC_URL"] = settings.public_url or url_of(listener)
    if settings.mail_dir is not None:
        os.environ["HOLDFAST_MAIL_DIR"] = str(settings.mail_dir)
    if settings.smtp_url is not None:
        os.environ["HOLDFAST_SMTP_URL"] = settings.smtp_url
    if settings.erasure_journal is not None:
        os.environ["HOLDFAST_ERASURE_JOURNAL"] = str(settings.erasure_journal)
    if settings.booking_page_key is not None:
        os.environ["HOLDFAST_BOOKING_PAGE_KEY"] = settings.booking_page_key
    if settings.operator_key is not None:
        os.environ["HOLDFAST_OPERATOR_KEY"] = settings.operator_key
    if embedded:
        os.environ["HOLDFAST_LOOPS_IN_PROCESS"] = "true"


def _announce(listener: socket.socket) -> Callable[[], None]:
    return lambda: note(f"Holdfast listens on {url_of(listener)} (stop it with Ctrl-C)")
