"""Tasks: work of a business that is due at some time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from kernel.ids import TenantId

JITTER: Final = 0.2
"""Share by which a pause before a retry varies, so that what failed together is not tried again together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """Work that is to be done once it is due: ids and times only, for no table of tasks keeps businesses apart."""

    tenant_id: TenantId
    kind: str
    subject: str
    """The id of what it is about. The handler reads it again: the world may have changed meanwhile."""
    due_at: datetime | None = None
    """None: at once."""
    key: str | None = None
    """The name by which a later plan of the same kind and business replaces or removes the task; None: it has none."""
    keeps_sooner: bool = False
    """True: of two plans with one key the sooner time counts, as for work that gathers; False: the later plan does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as it was claimed."""

    id: int
    tenant_id: TenantId
    kind: str
    subject: str
    key: str | None
    due_at: datetime
    attempt: int
    """1 at the first time, since it was planned last."""
    leased_until: datetime
    """Until then no other worker is given it."""
    revision: int
    """Counts the plans with its key: one that was planned again while it ran is run again."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedTask:
    """A task that waits for an operator, after its last attempt."""

    id: int
    tenant_id: TenantId
    kind: str
    subject: str
    attempt: int
    due_at: datetime
    parked_at: datetime | None
    """None: it is not parked."""
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """Rules for all tasks of one kind."""

    name: str
    """Dotted, the room first: `webhooks.deliver`."""
    lease_seconds: float
    """The longest that a handler may take; it is cancelled a moment before, and the task is tried again."""
    retry_seconds: Sequence[float]
    """Pauses before the second attempt, the third and so on, give or take JITTER; after the last one it is parked."""
    concurrency: int
    """Tasks of the kind that one process works on at once."""
    goes_on_while_suspended: bool = False
    """False: the tasks of a suspended business wait until it is resumed."""


@dataclass(frozen=True, slots=True)
class RunAgain:
    """The answer of a handler that has more to do later: the task stays, as if it was planned anew."""

    due_at: datetime


class TaskFailed(Exception):
    """Failure of a task, which is tried again.

    `reason` is shown to the operator: it names no person. `retry_seconds` replaces the pause of the schedule, as when
    another server says when to come back.
    """

    def __init__(self, reason: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_seconds = retry_seconds


class TaskHandler(Protocol):
    """Does the tasks of one kind. It may be called twice for one task, and must then have one effect."""

    @property
    def kind(self) -> TaskKind:
        """The kind that it does."""

    async def run(self, task: Task) -> RunAgain | None:
        """Do the task; None: it is done. No transaction is open while another server is waited for.

        Raises TaskFailed, or any other error, to be tried again.
        """


def retry_pause(kind: TaskKind, attempt: int, *, chance: float) -> float | None:
    """Seconds until the next attempt after that many; None where the task is to be parked.

    `chance`, from 0 to 1, places the pause within its JITTER.
    """
    if attempt > len(kind.retry_seconds):
        return None
    return kind.retry_seconds[attempt - 1] * (1 - JITTER + 2 * JITTER * chance)
