"""EndpointHealth of an endpoint: what its failures add up to."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

DISABLED_AFTER: Final = timedelta(days=5)
"""Time of nothing but failure after which an endpoint is disabled."""
_APART: Final = timedelta(hours=12)
_WITHIN: Final = timedelta(hours=24)
"""Failures count from when two of them lie so far apart within a day: an isolated failure is no outage."""
_FORGIVEN_AFTER: Final = timedelta(days=10)
"""An outage is over when nothing was tried for so long."""
FAILING_FROM: Final = 5
"""After so many failures in a row an endpoint is sent one delivery at a time, with rests between."""
_FIRST_REST_SECONDS: Final = 5.0
_LONGEST_REST_SECONDS: Final = 300.0
MOST_REST_SECONDS: Final = 3600.0
"""An endpoint may ask to be left alone for an hour at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """Failures of an endpoint since its last success."""

    failures: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    is_lasting: bool = False
    """Two of the failures were at least half a day apart."""
    rests_until: datetime | None = None
    """Nothing is sent to it before."""

    @property
    def is_failing(self) -> bool:
        """True if it has failed several times in a row."""
        return self.failures >= FAILING_FROM


WELL: Final = EndpointHealth()
"""EndpointHealth of an endpoint that has answered as it should."""


def after_failure(health: EndpointHealth, now: datetime, *, rest_seconds: float | None = None) -> EndpointHealth:
    """Add a failure. `rest_seconds`: for how long the endpoint asked to be left alone."""
    since = health.failing_since or now
    lasting = health.is_lasting
    if lasting and health.failed_at is not None and now - health.failed_at > _FORGIVEN_AFTER:
        since, lasting = now, False
    elif not lasting and now - since > _WITHIN:
        since = now
    lasting = lasting or now - since >= _APART
    failures = health.failures + 1
    rest = _rest_seconds(failures)
    if rest_seconds is not None:
        rest = max(rest, min(rest_seconds, MOST_REST_SECONDS))
    return replace(
        health,
        failures=failures,
        failing_since=since,
        failed_at=now,
        is_lasting=lasting,
        rests_until=now + timedelta(seconds=rest) if rest else health.rests_until,
    )


def after_success(health: EndpointHealth, now: datetime) -> EndpointHealth:
    """Forget the failures, but not the rest that was asked for while this delivery was under way."""
    rests = health.rests_until is not None and health.rests_until > now
    return replace(WELL, rests_until=health.rests_until if rests else None)


def is_lost(health: EndpointHealth) -> bool:
    """True if the endpoint has done nothing but fail for so long that it is to be disabled."""
    if not health.is_lasting or health.failing_since is None or health.failed_at is None:
        return False
    return health.failed_at - health.failing_since >= DISABLED_AFTER


def _rest_seconds(failures: int) -> float:
    if failures < FAILING_FROM:
        return 0.0
    return float(min(_FIRST_REST_SECONDS * 2 ** min(failures - FAILING_FROM, 10), _LONGEST_REST_SECONDS))
