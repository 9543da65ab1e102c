"""Ending in good order: who is being served is served, and who comes is told to come back."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

CODE: Final = "stopping"
RETRY_AFTER_SECONDS: Final = 1
"""By then another process answers at this address, or somebody has to start one."""
CLOSING_SECONDS: Final = 1
"""Of the grace, for the server to close connections and to cancel what still runs."""
# They are told the truth until the end: alive, and not ready.
_PROBES: Final = frozenset({"/healthz", "/readyz"})
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """Whether the process is to end, and how many requests it still works on."""

    def __init__(self, grace_seconds: float) -> None:
        self._wait_seconds = max(grace_seconds - CLOSING_SECONDS, 0.0)
        self._begun = False
        self._running = 0
        self._end: Callable[[], object] | None = None

    @property
    def begun(self) -> bool:
        """Whether new requests are refused."""
        return self._begun

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """While the block lasts, SIGTERM and Ctrl-C reach the server when its requests are done, or time is up.

        A second signal reaches it at once.
        """
        with ExitStack() as undo:
            # Only the main thread gets signals; a server in another one is ended by whoever runs that.
            if threading.current_thread() is threading.main_thread():
                for number in _SIGNALS:
                    self._intercept(number, undo)
            yield

    def begin(self, end: Callable[[], object]) -> None:
        """Refuse what is new from now on, and call `end` when what runs is done, or time is up."""
        self._begun = True
        self._end = end
        if self._running == 0:
            self._finish()
        else:
            asyncio.get_running_loop().call_later(self._wait_seconds, self._finish)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """A request runs as long as the block does."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if self._running == 0:
                self._finish()

    def _finish(self) -> None:
        if self._end is not None:
            end, self._end = self._end, None
            end()

    def _intercept(self, number: signal.Signals, undo: ExitStack) -> None:
        loop = asyncio.get_running_loop()
        previous = signal.getsignal(number)
        if not callable(previous):
            return
        pass_on: Callable[[int, FrameType | None], object] = previous

        def handle(caught: int, frame: FrameType | None) -> None:
            if self._begun:
                pass_on(caught, frame)
            else:
                self._begun = True
                loop.call_soon_threadsafe(self.begin, lambda: pass_on(caught, frame))

        signal.signal(number, handle)
        undo.callback(signal.signal, number, previous)


class RefuseWhenStopping:
    """ASGI middleware: once the process is to end, new requests are refused, and every answer closes its connection."""

    def __init__(self, app: ASGIApp, *, shutdown: Shutdown) -> None:
        self._app = app
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._shutdown.begun:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        if scope["path"] in _PROBES:
            await self._app(scope, receive, send_last)
        elif self._shutdown.begun:
            detail = "This process is about to end and takes no new requests. Repeat the request in a moment."
            refusal = problem(Request(scope), CODE, detail, {"retry_after_seconds": RETRY_AFTER_SECONDS})
            await refusal(scope, receive, send_last)
        else:
            with self._shutdown.serving():
                await self._app(scope, receive, send_last)
