"""A program that confirms a hold, or books a start, and is killed in the middle: `python -m tests.support.dying`."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from bookings.customers import CustomerRepository
from bookings.new_appointments import NewAppointmentRepository
from bootstrap.context import open_context
from bootstrap.services import build_services
from holds.store import HoldStore
from kernel.ids import HoldId, TenantId
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.operations import by_business
from tests.support.visits import details, request

# After which call the process dies, in the order of a booking; "none" lets it live.
STEPS: Final = {
    "held": (HoldStore, "place"),
    "pinned": (HoldStore, "pin"),
    "customer": (CustomerRepository, "find_or_add"),
    "appointment": (NewAppointmentRepository, "insert"),
    "settled": (HoldStore, "settle"),
}
# Before which call it dies: the transaction has committed by then.
COMMITTED: Final = "committed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to do, and when to die."""

    database_url: str
    redis_url: str
    tenant_id: str
    step: str
    hold_id: str | None = None
    """The hold to confirm; None: book the start directly."""
    start: int | None = None
    idempotency_key: str | None = None

    def arguments(self) -> list[str]:
        """The command that does it."""
        return [sys.executable, "-m", "tests.support.dying", json.dumps(asdict(self))]


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(step: str) -> None:
    """Make the call that ends the step the last thing this process does."""
    before = step == COMMITTED
    owner, name = (HoldStore, "settle") if before else STEPS[step]
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def deadly(*arguments: Any, **named: Any) -> None:
        if not before:
            await original(*arguments, **named)
        _die()

    setattr(owner, name, deadly)


async def _run(task: Task) -> None:
    async with open_context(patient_settings(task.database_url, task.redis_url)) as context:
        bookings = build_services(context, FixedClock(MONDAY)).bookings
        tenant_id = TenantId(UUID(task.tenant_id))
        _arm(task.step)
        if task.hold_id is not None:
            await bookings.confirm(by_business(tenant_id), HoldId(task.hold_id), details(), if_free=False)
        else:
            assert task.start is not None
            await bookings.book(
                by_business(tenant_id), request(task.start), details(), idempotency_key=task.idempotency_key
            )


if __name__ == "__main__":
    asyncio.run(_run(Task(**json.loads(sys.argv[1]))))
