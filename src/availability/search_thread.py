"""The thread of searches that would keep the event loop."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ClassVar, Final, TypeVar

from catalogue.limits import MAX_SEARCH_STEPS
from kernel.errors import DomainError
from kernel.ids import TenantId

MAX_LOOP_STEPS: Final = 100_000
"""Limit of a search on the event loop itself: some milliseconds. A thread would cost an ordinary listing more."""

MAX_WAITING_STEPS: Final = 2 * MAX_SEARCH_STEPS
"""Limit of the searches of one business at once: about a second."""

SWITCH_SECONDS: Final = 0.00025
"""Time for which the thread may keep the interpreter while the event loop waits for it; Python's own 5 ms add up."""

_Result = TypeVar("_Result")


class SearchThreadBusy(DomainError):
    """Too many long searches of the business wait already; a moment later there is room for this one."""

    code: ClassVar[str] = "rate_limited"


class SearchThread:
    """Runs long searches beside the event loop, one at a time; the businesses take turns.

    A second thread would not make them faster: they are pure Python, and share the interpreter with the event loop.
    """

    def __init__(self, most_waiting_steps: int = MAX_WAITING_STEPS) -> None:
        self._most_waiting_steps = most_waiting_steps
        self._waiting_steps: defaultdict[TenantId, int] = defaultdict(int)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
        self._turns: dict[TenantId, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, tenant_id: TenantId, steps: int) -> AsyncIterator[None]:
        """Wait until no other long search of the business is under way.

        Raises SearchThreadBusy where too many wait already for their estimated steps to be taken in a second or two.
        """
        steps = min(steps, MAX_SEARCH_STEPS)
        if self._waiting_steps[tenant_id] + steps > self._most_waiting_steps:
            raise SearchThreadBusy("Many long searches of this business are under way. Please retry in a moment.")
        self._waiting_steps[tenant_id] += steps
        lock = self._turns.setdefault(tenant_id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            self._waiting_steps[tenant_id] -= steps
            if not self._waiting_steps[tenant_id]:
                del self._waiting_steps[tenant_id]
                self._turns.pop(tenant_id, None)

    async def run(self, search: Callable[[], _Result]) -> _Result:
        """The result of a function that changes nothing. Raises what it does."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, search)
