"""The life of one embedded store: started, watched, and started again without end when it dies."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from bootstrap.processes import EmbeddedStore, StoreFailed

# A line of Postgres' log that may show what is in its tables, and one that says nothing.
_UNTELLING: Final = re.compile(r"\b(DETAIL|STATEMENT|CONTEXT|HINT|QUERY):|database system is shut down")
_FATAL: Final = re.compile(r"\b(FATAL|PANIC):")
# What is read of a log, in bytes, and told of a line, in characters.
_TAIL: Final = 4000
_LINE: Final = 300

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPauses:
    """Pauses before a store that has died is started again, in seconds."""

    first: float = 0.1
    """After the first death; each further one doubles it."""
    longest: float = 5.0
    """So much longer than its cause may an outage last."""
    healthy: float = 60.0
    """A store that has answered for so long begins with the first pause again."""

    def after(self, deaths: int) -> float:
        """The pause after so many deaths, of which none came after a healthy time."""
        # Beyond that exponent every first pause has reached the longest.
        return min(self.longest, self.first * 2.0 ** min(deaths - 1, 30))


class RunningStore:
    """A store, the port it has, and the process that serves it now, if there is one.

    No failure to start it again is the last: it is told to the log, and tried again after a pause that grows.
    """

    def __init__(self, store: EmbeddedStore, port: int, lock: int, pauses: RestartPauses) -> None:
        """Start the store. Raises OSError where its program cannot be run."""
        self.store = store
        self.port = port
        self._lock = lock
        self._pauses = pauses
        self._deaths = 0
        self._next_start = 0.0
        self._ready_since: float | None = None
        self._slow_from = 0.0
        self._server: subprocess.Popen[bytes] | None = store.start(port, lock)

    @property
    def has_ended(self) -> bool:
        """True if no process serves it."""
        return self._server is None or self._server.poll() is not None

    def is_ready(self) -> bool:
        """True if it answers."""
        if self._ready_since is None and self._server is not None and not self.has_ended:
            if not self.store.is_ready(self.port, self._server.pid):
                return False
            self._ready_since = time.monotonic()
        return self._ready_since is not None and not self.has_ended

    def look_after(self, slow_seconds: float) -> None:
        """Do what is due: note a death, start the store again, tell that it is back or slow to be. Never raises."""
        now = time.monotonic()
        if self._server is None:
            if now >= self._next_start:
                self._start_again(now, slow_seconds)
            return
        status = self._server.poll()
        if status is not None:
            self._server = None
            self._note_death(_how_it_ended(status))
        elif self._ready_since is None:
            if self.is_ready():
                _tell(_log.warning, "embedded_store.back", store=self.store.name, deaths=self._deaths)
            elif now >= self._slow_from:
                self._slow_from = now + slow_seconds
                _tell(_log.warning, "embedded_store.slow", store=self.store.name, last_line=last_line(self.store.log))

    def stop(self, stop_seconds: float, hurry_seconds: float) -> Callable[[], None]:
        """Tell the store to end; the function that is returned waits until it has, and makes it."""
        server = self._server
        if server is None:
            return lambda: None
        server.send_signal(self.store.stop_signal)

        def wait() -> None:
            for seconds, next_signal in ((stop_seconds, self.store.hurry_signal), (hurry_seconds, signal.SIGKILL)):
                try:
                    server.wait(seconds)
                except subprocess.TimeoutExpired:
                    server.send_signal(next_signal)
                else:
                    return
            server.wait()

        return wait

    def _start_again(self, now: float, slow_seconds: float) -> None:
        self._slow_from = now + slow_seconds
        try:
            self.store.tidy()
            self._server = self.store.start(self.port, self._lock)
        except (OSError, StoreFailed) as error:
            self._note_death(f"cannot be started: {error}")

    def _note_death(self, how: str) -> None:
        now = time.monotonic()
        if self._ready_since is not None and now - self._ready_since >= self._pauses.healthy:
            self._deaths = 0
        self._ready_since = None
        self._deaths += 1
        pause = self._pauses.after(self._deaths)
        self._next_start = now + pause
        _tell(
            _log.error,
            "embedded_store.ended",
            store=self.store.name,
            how=how,
            last_line=last_line(self.store.log),
            deaths=self._deaths,
            next_start_seconds=round(pause, 3),
        )


def last_line(log: Path) -> str:
    """The last line of a store's log that says why it ended; empty where there is none.

    Lines that quote statements or rows are passed over: they may be personal.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            tail = file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
    lines = [line for line in tail.splitlines() if line.strip()]
    telling = [line for line in lines if not _UNTELLING.search(line)]
    fatal = [line for line in telling if _FATAL.search(line)]
    return (fatal or telling or [""])[-1].strip()[:_LINE]


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _tell(write: Callable[..., None], event: str, **fields: object) -> None:
    try:
        write(event, **fields)
    except OSError:
        # Nobody reads our standard error any more; the stores go on.
        return
