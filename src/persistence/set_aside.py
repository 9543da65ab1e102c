"""One record that makes no sense, set aside so that a background loop goes on with the others."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from kernel.errors import StoreUnavailable
from persistence.errors import RedisUnavailable
from telemetry.measures import SET_ASIDE
from telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)


@contextmanager
def set_aside(metrics: Metrics, loop: str, **record: object) -> Iterator[None]:
    """Log and count any error of the block but that of a lost store, and go on after it.

    `record` names what the block works on, for whoever looks after it. What an unreadable record raises is not known
    beforehand, and one of them may not cost all others their turn.
    """
    try:
        yield
    except (StoreUnavailable, RedisUnavailable):
        raise
    except Exception:  # noqa: BLE001 - logged and counted
        _log.exception("record.set_aside", loop=loop, **record)
        metrics.add(SET_ASIDE, label=loop)
