"""Task that finishes the erasure of a customer."""

from typing import Final

from customers.erasures.service import FINISH, ErasureService
from kernel.ids import CustomerId
from kernel.operation import by_system
from tasks.model import Task, TaskKind

KIND: Final = TaskKind(
    name=FINISH,
    lease_seconds=60,
    # Postgres that is away comes back; an erasure is never given up silently: in the end an operator sees it.
    retry_seconds=(1, 10, 60, 300, 900, 3600, 3600, 3600),
    concurrency=4,
)


class ErasureHandler:
    """Does the tasks of one kind: each erases what is left of one customer, also if nothing is."""

    kind = KIND

    def __init__(self, erasures: ErasureService) -> None:
        self._erasures = erasures

    async def run(self, task: Task) -> None:
        """Finish the erasure. Raises StoreUnavailable."""
        await self._erasures.finish(by_system(task.tenant_id, "erasure", "finishErasure"), CustomerId(task.subject))
