"""Figures of the operations page: of all processes from Redis, or of this process while Redis is away."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bootstrap.context import Context, Health
from bootstrap.metrics_reporting import own_gauges, process_name
from persistence.errors import RedisUnavailable
from persistence.metrics import MetricsStore
from telemetry.figures import fields_of
from telemetry.measures import (
    CONFIRM_LOST,
    HOLDS_CONFIRMED,
    HOLDS_EXPIRED,
    HOLDS_PLACED,
    HOLDS_REFUSED,
    HOLDS_RELEASED,
    HOLDS_REPLACED,
)

HOUR: Final = 60
"""Minutes in the charts, including the current one."""
RECENT: Final = 5
"""Minutes behind the latencies, including the current one."""
FUNNEL: Final = {
    "placed": HOLDS_PLACED,
    "confirmed": HOLDS_CONFIRMED,
    "released": HOLDS_RELEASED,
    "expired": HOLDS_EXPIRED,
    "refused": HOLDS_REFUSED,
    "lost": CONFIRM_LOST,
    "replaced": HOLDS_REPLACED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counters from Redis."""

    total: Mapping[str, int]
    hour: Sequence[Mapping[str, int]]
    """Counters of FUNNEL in each of the last HOUR minutes, the oldest first."""
    recent: Sequence[Mapping[str, int]]
    """All counters in each of the last RECENT minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures at one moment."""

    at: float
    """Seconds since 1970, by the clock of this process."""
    are_counted: bool
    """True if this process counts at all."""
    health: Health
    counts: Counts | None
    """None if Redis did not answer."""
    processes: Mapping[str, Mapping[str, str]]
    """Gauges of each live process; of this process only if Redis did not answer."""


async def figures_of(context: Context) -> Figures:
    """Read the figures from both stores at once, within their time limits."""
    now = time.time()
    (counts, processes), health = await asyncio.gather(_counted(context, int(now) // 60), context.health())
    return Figures(at=now, are_counted=context.settings.metrics, health=health, counts=counts, processes=processes)


async def _counted(context: Context, minute: int) -> tuple[Counts | None, Mapping[str, Mapping[str, str]]]:
    store = MetricsStore(context.redis)
    try:
        stored = await store.read()
        fields = [field for counter in FUNNEL.values() for field in fields_of(counter, stored.counts)]
        hour = await store.minutes(range(minute - HOUR + 1, minute + 1), fields)
        recent = await store.minutes(range(minute - RECENT + 1, minute + 1))
    except RedisUnavailable:
        own = {name: str(value) for name, value in own_gauges(context).items()}
        return None, {process_name(): {"role": "server", **own}}
    return Counts(total=stored.counts, hour=hour, recent=recent), stored.processes
