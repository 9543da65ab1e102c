"""All that a run has found out, as it is printed, kept as JSON, and shown in the documentation."""

from dataclasses import dataclass
from datetime import datetime

from benchmark.crowds import CrowdResult
from benchmark.rounds import Plan, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    stores: tuple[str, ...]
    load_before: float
    """Processes that wanted to run in the minute before the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCeiling:
    """What the client can send to a server that does nothing."""

    rate: float
    client_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of a server process."""

    first_requests: int
    first_bytes: int
    all_requests: int
    all_bytes: int
    bound: float

    @property
    def ratio(self) -> float:
        """How much it has grown."""
        return self.all_bytes / self.first_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a run has found out."""

    measured_at: datetime
    machine: Machine
    plan: Plan
    log_requests: bool
    client: ClientCeiling | None
    results: tuple[Result, ...]
    crowds: tuple[CrowdResult, ...]
    memory: Memory | None
    workers: int
    workers_results: tuple[Result, ...]
    """That many workers, beside one."""
    growth_results: tuple[Result, ...]
    """With many past claims, beside few."""
    telemetry_results: tuple[Result, ...] = ()
    """With metrics and lines in the log, beside neither."""
