"""Ending in good order: who is being served is served, and who comes is told to come back."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from api.problems import problem

CODE: Final = "stopping"
RETRY_AFTER_SECONDS: Final = 1
"""By then another process answers at this address, or somebody has to start one."""
CLOSING_SECONDS: Final = 1
"""Of the grace, for the server to close connections and to cancel what still runs."""
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

    def enter(self) -> None:
        """A request runs from now on, until `leave`."""
        self._running += 1

    def leave(self) -> None:
        """It is done."""
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


def refuse(scope: Scope) -> Response:
    """The answer to a request that comes too late."""
    detail = "This process is about to end and takes no new requests. Repeat the request in a moment."
    return problem(scope, CODE, detail, {"retry_after_seconds": RETRY_AFTER_SECONDS})
