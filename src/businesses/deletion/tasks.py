"""Task that removes what is left of a deleted business."""

import time
from typing import Final

from businesses.deletion.service import DELETE, DeletionService
from kernel.clock import Clock
from tasks.model import RunAgain, Task, TaskKind

KIND: Final = TaskKind(
    name=DELETE,
    lease_seconds=60,
    # A deletion is never given up silently: in the end an operator sees it.
    retry_seconds=(1, 10, 60, 300, 900, 3600, 3600, 3600),
    # Whoever books is to notice nothing.
    concurrency=1,
    goes_on_while_suspended=True,
)
RUN_SECONDS: Final = 20.0
"""For so long a task goes on; then another may have its turn."""


class DeletionHandler:
    """Does the tasks of one kind: each removes a business, and goes on where another one has stopped."""

    kind = KIND

    def __init__(self, deletions: DeletionService, clock: Clock) -> None:
        self._deletions = deletions
        self._clock = clock

    async def run(self, task: Task) -> RunAgain | None:
        """Remove as much as there is time for. Raises StoreUnavailable, RedisUnavailable."""
        if await self._deletions.remove(task.tenant_id, until=time.monotonic() + RUN_SECONDS):
            return None
        return RunAgain(self._clock.now())
