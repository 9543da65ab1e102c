"""Loop that does the tasks which are due."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import random
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.errors import DomainError, StoreUnavailable
from persistence.errors import RedisUnavailable, postgres_errors
from tasks.model import RunAgain, Task, TaskFailed, TaskHandler, retry_pause
from tasks.repository import ClaimLimit, TaskRepository
from telemetry import logs
from telemetry.measures import TASKS_DONE, TASKS_FAILED
from telemetry.metrics import Metrics

POLL_SECONDS: Final = 0.2
"""Longest wait of a task that becomes due while others run."""
_IDLE_SECONDS: Final = 1.0
"""Longest wait of a task that becomes due while nothing runs; one that follows from an event is begun at once."""
# A handler ends before its lease does: its outcome is still to be written.
_LEASE_MARGIN_SECONDS: Final = 1.0
# At the end of a process a handler may go on for so long; then it is cancelled, and another process begins anew.
_GRACE_SECONDS: Final = 3.0
# Of a lost store: the task is tried soon, and the attempt does not count.
_STORE_LOST_SECONDS: Final = 5.0
_NEVER_ENDED: Final = "no attempt came to an end: its worker stopped each time, perhaps because of it"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """Result of one run."""

    done: int
    failed: int
    """Attempts that failed; the tasks are tried again, or parked."""


class TaskLoop:
    """Every process runs one: a task is leased to one of them at a time, and kinds wait for no other kind."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        handlers: Sequence[TaskHandler],
        metrics: Metrics,
        planned: asyncio.Event | None = None,
    ) -> None:
        """`planned` is set by whoever has just planned tasks in this process; each run waits a while for it."""
        # Each statement is a transaction of its own.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._handlers = {handler.kind.name: handler for handler in handlers}
        self._metrics = metrics
        self._planned = planned
        self._running: Counter[str] = Counter()
        self._done = self._failed = 0

    async def run_once(self, stop: asyncio.Event) -> TaskReport:
        """Do what is due, and what becomes due meanwhile, until nothing is. Raises StoreUnavailable.

        Told to stop, it begins nothing more, waits a moment for what runs, and gives back what does not end.
        """
        await self._rest()
        before = self._done, self._failed
        running: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                for task in await self._claim():
                    running.add(asyncio.create_task(self._run(task), name=task.kind))
                if not running:
                    break
                # What is told to stop waits no longer than this, either.
                _, running = await asyncio.wait(running, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(running)
        return TaskReport(done=self._done - before[0], failed=self._failed - before[1])

    async def _rest(self) -> None:
        if self._planned is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._planned.wait()
            self._planned.clear()

    async def _claim(self) -> list[Task]:
        """Claim as much of each kind as there is room for; with little room, after a while."""
        rooms = []
        for name, handler in self._handlers.items():
            room = handler.kind.concurrency - self._running[name]
            if room >= max(1, handler.kind.concurrency // 4):
                rooms.append(ClaimLimit(handler.kind, room))
        if not rooms:
            return []
        with postgres_errors():
            async with self._engine.connect() as connection:
                claimed = await TaskRepository(connection).claim(rooms)
        self._running.update(task.kind for task in claimed)
        return claimed

    async def _run(self, task: Task) -> None:
        """Do a task, and write down what came of it. A lost store leaves it to the end of its lease."""
        logs.begin_request(business=task.tenant_id)
        try:
            with postgres_errors():
                await self._attempt(task)
        except StoreUnavailable as error:
            _log.warning("task.store_lost", kind=task.kind, task=task.id, error=str(error))
        finally:
            self._running[task.kind] -= 1

    async def _attempt(self, task: Task) -> None:
        handler = self._handlers[task.kind]
        if task.attempt > len(handler.kind.retry_seconds) + 1:
            # It was begun at its last attempt, and nobody has written down what came of it: it may end its process.
            await self._note_failure(task, TaskFailed(_NEVER_ENDED))
            return
        try:
            async with asyncio.timeout(max(handler.kind.lease_seconds - _LEASE_MARGIN_SECONDS, 0.5)):
                again = await handler.run(task)
        except (StoreUnavailable, RedisUnavailable) as error:
            _log.warning("task.store_lost", kind=task.kind, task=task.id, error=str(error))
            await self._give_back(task, seconds=_STORE_LOST_SECONDS)
        except asyncio.CancelledError as error:
            if not _is_cancelled():
                # The handler has let one out that was not meant for it: that is a failure, and it is counted.
                await self._note_failure(task, error)
                return
            await self._give_back(task)
            raise
        except TaskFailed as failure:
            await self._note_failure(task, failure, retry_seconds=failure.retry_seconds)
        except Exception as error:  # noqa: BLE001 - whatever it was, the task is tried again
            _log.exception("task.failed_unexpectedly", kind=task.kind, task=task.id, subject=task.subject)
            await self._note_failure(task, error)
        else:
            await self._note_success(task, again)

    async def _note_success(self, task: Task, again: RunAgain | None) -> None:
        async with self._engine.connect() as connection:
            if again is None:
                await TaskRepository(connection).finish(task)
            else:
                await TaskRepository(connection).run_again(task, again.due_at)
        self._done += 1
        self._metrics.add(TASKS_DONE, label=task.kind)

    async def _note_failure(self, task: Task, error: BaseException, *, retry_seconds: float | None = None) -> None:
        """Let the task be tried later, or park it after its last attempt."""
        self._failed += 1
        self._metrics.add(TASKS_FAILED, label=task.kind)
        pause = retry_pause(self._handlers[task.kind].kind, task.attempt, chance=random())  # noqa: S311 - no secret
        if pause is not None:
            await self._retry(task, pause if retry_seconds is None else retry_seconds, error)
            return
        _log.error("task.parked", kind=task.kind, task=task.id, subject=task.subject, error=_words(error))
        async with self._engine.connect() as connection:
            await TaskRepository(connection).park(task, _words(error))

    async def _retry(self, task: Task, seconds: float, error: BaseException) -> None:
        _log.info("task.retried_later", kind=task.kind, task=task.id, seconds=round(seconds, 1), error=_words(error))
        async with self._engine.connect() as connection:
            await TaskRepository(connection).retry_later(task, seconds, _words(error))

    async def _give_back(self, task: Task, *, seconds: float = 0.0) -> None:
        async with self._engine.connect() as connection:
            await TaskRepository(connection).give_back(task, seconds=seconds)


async def _end(running: set[asyncio.Task[None]]) -> None:
    """Wait a moment for tasks that run, then cancel them."""
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=_GRACE_SECONDS)
    for one in late:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _is_cancelled() -> bool:
    """True if the task of the event loop that runs is to end."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def _words(error: BaseException) -> str:
    """Words of an error for the operator: of an unexpected one its kind alone, for the rest may name people."""
    match error:
        case TaskFailed(reason=reason):
            return reason
        case DomainError(code=code):
            return code
        case TimeoutError():
            return "took longer than its lease"
        case _:
            return type(error).__name__
