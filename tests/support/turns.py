"""Use cases that run side by side, one step at a time in a given order: races that happen again just as they did."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal
from unittest.mock import patch

from availability.state.bitmap_cache import BitmapCache
from holds.store import HoldStore
from persistence.invalidations import InvalidationQueue

# No step takes nearly as long, unless it waits for somebody whose turn it is not.
_STEP_SECONDS: Final = 60.0

Choose = Callable[[Sequence[str]], str]
"""Chooses the next of the use cases that have not ended."""
_When = Literal["before", "after"]

# Where a use case pauses: around what it asks of a store. Between two pauses lies one transaction of Postgres or one
# script of Redis, or what no other use case can come between anyway. No pause lies inside a transaction.
_PAUSES: Final[Sequence[tuple[type, Callable[..., Awaitable[Any]], _When]]] = (
    (BitmapCache, BitmapCache.versions, "after"),
    (BitmapCache, BitmapCache.fill, "before"),
    (HoldStore, HoldStore.pin, "after"),
    (HoldStore, HoldStore.settle, "before"),
    (HoldStore, HoldStore.release, "before"),
    (BitmapCache, BitmapCache.settle, "before"),
    (InvalidationQueue, InvalidationQueue.find_oldest, "after"),
    (InvalidationQueue, InvalidationQueue.delete, "before"),
)


class Turns:
    """Use cases of which one at a time runs up to its next pause."""

    def __init__(self, work: Mapping[str, Coroutine[Any, Any, object]]) -> None:
        self._work = work
        self._paused: dict[str, asyncio.Event] = {}
        self._stopped = asyncio.Event()

    async def run(self, choose: Choose, check: Callable[[], Awaitable[None]]) -> None:
        """Run all to their ends; `check` looks on after each step."""
        async with asyncio.TaskGroup() as tasks:
            for name, work in self._work.items():
                tasks.create_task(self._perform(name, work))
            while len(self._paused) < len(self._work):
                await self._next_stop()
            while self._paused:
                self._paused.pop(choose(sorted(self._paused))).set()
                async with asyncio.timeout(_STEP_SECONDS):
                    await self._next_stop()
                await check()

    async def pause(self, name: str) -> None:
        """Wait for the next turn."""
        turn = self._paused[name] = asyncio.Event()
        self._stopped.set()
        await turn.wait()

    async def _perform(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        _turn.set((self, name))
        try:
            await self.pause(name)
        except BaseException:
            # It never began, because somebody else has failed.
            work.close()
            raise
        await work
        self._stopped.set()

    async def _next_stop(self) -> None:
        await self._stopped.wait()
        self._stopped.clear()


_turn: ContextVar[tuple[Turns, str] | None] = ContextVar("turn", default=None)


async def pause() -> None:
    """Let others come between; nothing where no turns are taken."""
    turn = _turn.get()
    if turn is not None:
        await turn[0].pause(turn[1])


@contextmanager
def pauses() -> Iterator[None]:
    """While this lasts, use cases that take turns pause wherever others may come between."""
    with ExitStack() as stack:
        for store, method, when in _PAUSES:
            stack.enter_context(patch.object(store, method.__name__, _pausing(method, when)))
        yield


def _pausing(original: Callable[..., Awaitable[Any]], when: _When) -> Callable[..., Awaitable[Any]]:
    async def pausing(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            await pause()
        answer = await original(*arguments, **named)
        if when == "after":
            await pause()
        return answer

    return pausing
