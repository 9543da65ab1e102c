"""The figures of the operations page as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from api.ops.figures import FUNNEL, RECENT, Counts, Figures
from availability.utilisation.calculation import DayUse
from availability.utilisation.service import UtilisationReport
from telemetry.figures import added, by_label, percentile, routes_of, summed
from telemetry.measures import (
    AUDIT_FINISHED,
    AUDIT_FOUND,
    AUDIT_REPAIRED,
    BOOKINGS_CANCELLED,
    BOOKINGS_DIRECT,
    CACHE_FILLS,
    CACHE_HITS,
    CACHE_MISSES,
    ELECTED,
    HOLDS_LIVE,
    HOLDS_REFUSED,
    INVALIDATION_LAG,
    NOT_STORED,
    OUTBOX_AGE,
    POOL_SIZE,
    POOL_USED,
    STORE_SILENT,
    TASK_LAG,
    TASKS_PARKED,
    Gauge,
)

_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_SUMS: Final = {
    "booked_directly": BOOKINGS_DIRECT,
    "cancelled": BOOKINGS_CANCELLED,
    "cache_hits": CACHE_HITS,
    "cache_misses": CACHE_MISSES,
    "cache_fills": CACHE_FILLS,
}
_Body = dict[str, Any]
_Gauges = Mapping[str, str]


def figures_body(figures: Figures) -> _Body:
    """The body that the page polls every two seconds."""
    counts = figures.counts
    elected = next((gauges for gauges in figures.processes.values() if _number(gauges, ELECTED)), {})
    return {
        "at_ms": round(figures.at * 1000),
        "counted": figures.are_counted,
        "health": asdict(figures.health),
        "counts": None if counts is None else _counts(counts),
        "routes": None if counts is None else _routes(counts),
        "route_minutes": RECENT,
        "live_holds": _number(elected, HOLDS_LIVE),
        "invalidation_lag_seconds": _number(elected, INVALIDATION_LAG),
        "outbox_oldest_seconds": _number(elected, OUTBOX_AGE),
        "tasks": _tasks(elected),
        "audit": _audit(elected),
        "processes": [_process(name, gauges) for name, gauges in sorted(figures.processes.items())],
    }


def occupancy_body(report: UtilisationReport) -> _Body:
    """The occupancy of the next days; null for a day that is not cached."""
    return {
        "name": report.name,
        "timezone": report.timezone,
        "dates": [day.isoformat() for day in report.dates],
        "rows": [
            {"name": row.name, "kind": row.kind, "uses": [None if use is None else _use(use) for use in row.uses]}
            for row in report.resources
        ],
        "left_out": report.omitted_resources,
    }


def _counts(counts: Counts) -> _Body:
    funnel = {
        name: {
            "total": summed(counter, counts.total),
            "minutes": [summed(counter, minute) for minute in counts.hour],
        }
        for name, counter in FUNNEL.items()
    }
    return {
        **funnel,
        **{name: summed(counter, counts.total) for name, counter in _SUMS.items()},
        "refused_by_code": by_label(HOLDS_REFUSED, counts.total),
        "refused_by_code_in_an_hour": by_label(HOLDS_REFUSED, added(counts.hour)),
    }


def _routes(counts: Counts) -> Sequence[_Body]:
    return [
        {
            "name": route.name,
            "requests": route.requests,
            "failed": route.failed,
            **{name: _rounded(percentile(route.buckets, share)) for name, share in _SHARES.items()},
        }
        for route in routes_of(added(counts.recent))
    ]


def _audit(gauges: _Gauges) -> _Body | None:
    finished = _number(gauges, AUDIT_FINISHED)
    if finished is None:
        return None
    return {
        "finished_ms": round(finished * 1000),
        "found": {kind: round(amount) for kind, amount in _labelled(gauges, AUDIT_FOUND).items()},
        "repaired": _number(gauges, AUDIT_REPAIRED),
    }


def _tasks(gauges: _Gauges) -> _Body:
    """Lag of each kind of task, and the number of it that are parked."""
    parked = _labelled(gauges, TASKS_PARKED)
    return {
        kind: {"lag_seconds": lag, "parked": round(parked.get(kind, 0))}
        for kind, lag in sorted(_labelled(gauges, TASK_LAG).items())
    }


def _process(name: str, gauges: _Gauges) -> _Body:
    used, size = _labelled(gauges, POOL_USED), _labelled(gauges, POOL_SIZE)
    return {
        "name": name,
        "role": gauges.get("role", ""),
        "elected": bool(_number(gauges, ELECTED)),
        "silent": sorted(store for store, silent in _labelled(gauges, STORE_SILENT).items() if silent),
        "pools": {store: {"used": round(used.get(store, 0)), "size": round(most)} for store, most in size.items()},
        "pending": bool(_number(gauges, NOT_STORED)),
    }


def _use(use: DayUse) -> _Body:
    share = use.booked / use.offered if use.offered else None
    return {"offered": use.offered, "taken": use.booked, "held": use.held, "share": share}


def _number(gauges: _Gauges, gauge: Gauge) -> float | None:
    return float(gauges[gauge.name]) if gauge.name in gauges else None


def _labelled(gauges: _Gauges, gauge: Gauge) -> dict[str, float]:
    prefix = f"{gauge.name}:"
    return {name.removeprefix(prefix): float(value) for name, value in gauges.items() if name.startswith(prefix)}


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
