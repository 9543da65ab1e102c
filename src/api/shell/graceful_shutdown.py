"""Graceful shutdown: running requests finish, new ones are refused with 503 and `Retry-After`."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from api.problem_responses import problem

CODE: Final = "stopping"
RETRY_AFTER_SECONDS: Final = 1
"""Time for another process to take over the address."""
CLOSING_SECONDS: Final = 1
"""The part of the grace in which the server closes connections and cancels unfinished requests."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class GracefulShutdown:
    """The progress of a process towards its end: whether that has begun, and how many requests still run."""

    def __init__(self, grace_seconds: float) -> None:
        self._wait_seconds = max(grace_seconds - CLOSING_SECONDS, 0.0)
        self.has_begun = False
        """True once new requests are refused."""
        self._running = 0
        self._end: Callable[[], object] | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Hold back SIGTERM and Ctrl-C inside the block until running requests are done, or the grace is over.

        A second signal reaches the server at once.
        """
        with ExitStack() as undo:
            # Only the main thread gets signals; a server in another thread is stopped by its owner.
            if threading.current_thread() is threading.main_thread():
                for number in _SIGNALS:
                    self._intercept(number, undo)
            yield

    def begin(self, end: Callable[[], object]) -> None:
        """Refuse new requests, and call `end` when the running ones are done, or the grace is over."""
        self.has_begun = True
        self._end = end
        if self._running == 0:
            self._finish()
        else:
            asyncio.get_running_loop().call_later(self._wait_seconds, self._finish)

    def enter(self) -> None:
        """Count a request as running, until `leave`."""
        self._running += 1

    def leave(self) -> None:
        """Count a request as done."""
        self._running -= 1
        if self._running == 0 and self._end is not None:
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

        def handle(received: int, frame: FrameType | None) -> None:
            if self.has_begun:
                pass_on(received, frame)
            else:
                self.has_begun = True
                loop.call_soon_threadsafe(self.begin, lambda: pass_on(received, frame))

        signal.signal(number, handle)
        undo.callback(signal.signal, number, previous)


def refusal(scope: Scope) -> Response:
    """The answer to a request that arrives during shutdown."""
    detail = "This server process is shutting down and takes no new requests. Please retry in a moment."
    return problem(scope, CODE, detail, {"retry_after_seconds": RETRY_AFTER_SECONDS})
