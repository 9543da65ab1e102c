"""What the operations page is told: of all processes by way of Redis, and of this one where Redis is away."""

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
"""Minutes that are drawn, the present one among them."""
RECENT: Final = 5
"""Minutes of which latencies are told, the present one among them."""
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
    """What Redis has counted."""

    total: Mapping[str, int]
    hour: Sequence[Mapping[str, int]]
    """Of the last HOUR minutes, the oldest first: what FUNNEL is made of."""
    recent: Sequence[Mapping[str, int]]
    """Of the last RECENT minutes: everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All there is to show at one moment."""

    at: float
    """Seconds since 1970, by this process's clock."""
    are_counted: bool
    """Whether this process counts at all."""
    health: Health
    counts: Counts | None
    """None: Redis did not answer."""
    processes: Mapping[str, Mapping[str, str]]
    """The gauges of each living process; of this one alone, where Redis did not answer."""


async def figures_of(context: Context) -> Figures:
    """Ask both stores, side by side; takes no longer than their time limits."""
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
