"""Tasks that erase customers: what was begun, and whoever was kept for long enough."""

from datetime import timedelta
from typing import Final

from customers.erasures.service import FINISH, ErasureService
from customers.retention.service import RetentionService
from customers.retention.subscriber import RETAIN
from kernel.clock import Clock
from kernel.ids import CustomerId
from kernel.operation import by_system
from tasks.model import RunAgain, Task, TaskKind
from telemetry.measures import CUSTOMERS_PAST_RETENTION, CUSTOMERS_RETIRED
from telemetry.metrics import Metrics

KIND: Final = TaskKind(
    name=FINISH,
    lease_seconds=60,
    # Postgres that is away comes back; an erasure is never given up silently: in the end an operator sees it.
    retry_seconds=(1, 10, 60, 300, 900, 3600, 3600, 3600),
    concurrency=4,
    # Whoever wants to be forgotten waits for no operator.
    goes_on_while_suspended=True,
)

RETENTION_KIND: Final = TaskKind(
    name=RETAIN,
    lease_seconds=120,
    retry_seconds=KIND.retry_seconds,
    # Whoever books is to notice nothing.
    concurrency=1,
    goes_on_while_suspended=True,
)
_LOOK_AGAIN: Final = timedelta(hours=6)
_GO_ON: Final = timedelta(seconds=1)


class ErasureHandler:
    """Does the tasks of one kind: each erases what is left of one customer, also if nothing is."""

    kind = KIND

    def __init__(self, erasures: ErasureService) -> None:
        self._erasures = erasures

    async def run(self, task: Task) -> None:
        """Finish the erasure. Raises StoreUnavailable."""
        await self._erasures.finish(by_system(task.tenant_id, "erasure", "finishErasure"), CustomerId(task.subject))


class RetentionHandler:
    """Does the tasks of one kind: each erases the customers of one business who were kept for long enough."""

    kind = RETENTION_KIND

    def __init__(self, *, retention: RetentionService, clock: Clock, metrics: Metrics) -> None:
        self._retention = retention
        self._clock = clock
        self._metrics = metrics
        self._remaining: dict[str, int] = {}

    async def run(self, task: Task) -> RunAgain | None:
        """Erase some, and say when to go on; None where the business keeps customers for good.

        Raises StoreUnavailable.
        """
        report = await self._retention.run_once(task.tenant_id)
        self._metrics.add(CUSTOMERS_RETIRED, report.erased)
        self._remaining[str(task.tenant_id)] = report.remaining
        self._metrics.set(CUSTOMERS_PAST_RETENTION, sum(self._remaining.values()))
        if not report.remaining:
            del self._remaining[str(task.tenant_id)]
        if report.keeps_forever:
            return None
        return RunAgain(self._clock.now() + (_GO_ON if report.remaining else _LOOK_AGAIN))
