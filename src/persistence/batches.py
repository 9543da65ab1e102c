"""Commands that are asked in one turn of the event loop, sent to Redis together."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Final

import hiredis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from persistence.liveness import Watch
from persistence.redis_limits import closed_is_lost

# Redis answers them one after the other: so many that the cost of sending is shared, few enough that the last of them
# does not wait longer than a slow script takes.
MOST: Final = 64

_Command = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class Batches:
    """Sends each command once, with whatever else is asked in the same turn, on one connection.

    What a command costs outside of Redis is mostly the turn through pool, socket and timers, and a busy process asks
    many in one turn of its loop. Nothing is held back to wait for more.
    """

    def __init__(self, pool: BlockingConnectionPool, watch: Watch, within_seconds: float) -> None:
        """`within_seconds`: what the answer to the last of a batch may take, however many come before it."""
        self._pool = pool
        self._watch = watch
        self._within_seconds = within_seconds
        self._waiting: list[_Command] = []
        self._running: set[asyncio.Task[None]] = set()

    async def execute(self, *command: Any) -> Any:  # noqa: ANN401 - whatever Redis answers
        """The answer to a command, as it came. Raises what the library raises, and StoreSilent.

        Who is cancelled meanwhile hears no answer, but the command is carried out.
        """
        self._watch.check()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append((command, answer))
        return await answer

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), MOST):
            task = asyncio.create_task(self._ask(waiting[first : first + MOST]), name="redis batch")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _ask(self, batch: Sequence[_Command]) -> None:
        """Send a batch and hand out the answers. What ends it early is told to all who have none yet."""
        try:
            async with self._watch.asking():
                # To connect is to send something as well.
                with closed_is_lost():
                    connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                    try:
                        async with asyncio.timeout(self._within_seconds):
                            await _exchange(connection, batch)
                    finally:
                        await self._pool.release(connection)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is raised where the answer is awaited
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            for _, answer in batch:
                answer.cancel()


async def _exchange(connection: AbstractConnection, batch: Sequence[_Command]) -> None:
    packed, asked = _packed(batch)
    try:
        await connection.send_packed_command(packed)
        for answer in asked:
            try:
                # The caller's time limit is that of all answers together; one more for each would only cost.
                value = await connection.read_response(timeout=math.inf)
            except ResponseError as refusal:
                if not answer.done():
                    answer.set_exception(refusal)
            else:
                if not answer.done():
                    answer.set_result(value)
    except BaseException:
        # Answers that were not read must not be taken for those to the next question.
        await connection.disconnect(nowait=True)
        raise


def _packed(batch: Sequence[_Command]) -> "tuple[bytes, list[asyncio.Future[Any]]]":
    """What is sent, and who is answered. A command that cannot be sent is told so; the others are not its concern."""
    packed: list[bytes] = []
    asked = []
    for command, answer in batch:
        try:
            packed.append(hiredis.pack_command(command))
        except (TypeError, UnicodeError) as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            asked.append(answer)
    return b"".join(packed), asked
