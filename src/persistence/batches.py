"""Batches of commands: those of one turn of the event loop are sent to Redis together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import ResponseError

from persistence.liveness import LivenessWatch
from persistence.redis_internals import ask_together

# Redis answers them one after the other: enough to share the cost of sending, few enough that the last of them waits no
# longer than a slow script takes.
MOST: Final = 64

NeedsRoom = Callable[[Sequence[Any]], bool]
"""Tells whether a command is of no use to a Redis that takes no writes."""
_Command = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class Batches:
    """Sends each command once, with whatever else is asked in the same turn, on one connection.

    What a command costs outside of Redis is mostly the turn through pool, socket and timers, and a busy process asks
    many in one turn of its loop. Nothing is held back to wait for more.
    """

    def __init__(
        self, pool: BlockingConnectionPool, watch: LivenessWatch, within_seconds: float, *, needs_room: NeedsRoom
    ) -> None:
        """`within_seconds` limits the wait for the last answer of a batch, however many come before it.

        Commands that `needs_room` names are not sent to a Redis that takes no writes.
        """
        self._needs_room = needs_room
        self._pool = pool
        self._watch = watch
        self._within_seconds = within_seconds
        self._waiting: list[_Command] = []
        self._running: set[asyncio.Task[None]] = set()

    async def execute(self, *command: Any) -> Any:  # noqa: ANN401 - whatever Redis answers
        """The answer to a command, as it came. Raises what the library raises, and StoreSilent.

        A caller that is cancelled meanwhile hears no answer, but the command is carried out.
        """
        if not self._watch.is_alive:
            self._watch.require_alive(needs_room=self._needs_room(command))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append((command, answer))
        try:
            return await answer
        except ResponseError as refusal:
            self._watch.note_answer(refusal)
            raise

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), MOST):
            task = asyncio.create_task(self._ask(waiting[first : first + MOST]), name="redis batch")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _ask(self, batch: Sequence[_Command]) -> None:
        """Send a batch and hand out the answers. What ends it early is raised where an answer is still awaited."""
        packed: list[bytes] = []
        answers = []
        for command, answer in batch:
            try:
                packed.append(hiredis.pack_command(command))
                answers.append(answer)
            except (TypeError, UnicodeError) as error:
                # A command that cannot be sent fails alone.
                _fail(answer, error)
        try:
            async with self._watch.request(needs_room=False):
                await ask_together(self._pool, b"".join(packed), answers, within_seconds=self._within_seconds)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is raised where the answer is awaited
            for _, answer in batch:
                _fail(answer, error)
        finally:
            for _, answer in batch:
                answer.cancel()


def _fail(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
