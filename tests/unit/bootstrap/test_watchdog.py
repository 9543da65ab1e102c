"""The watchdog notices when an event loop calls late."""

import asyncio

from structlog.testing import capture_logs

from bootstrap.watchdog import Watchdog
from telemetry.metrics import Metrics


class _Loop(asyncio.SelectorEventLoop):
    """Event loop whose time passes only when it is told to."""

    now = 100.0

    def time(self) -> float:
        return self.now

    def run_due(self) -> None:
        """Call what is due."""
        self.call_soon(self.stop)
        self.run_forever()


def _watched(*passing: float) -> tuple[Metrics, list[float]]:
    """The metrics and the logged milliseconds after the loop was let to call at those intervals."""
    metrics, loop = Metrics(), _Loop()
    with capture_logs() as lines, Watchdog(metrics, limit_seconds=0.05).watching(loop):
        for seconds in passing:
            loop.now += seconds
            loop.run_due()
    loop.close()
    return metrics, [line["ms"] for line in lines if line["event"] == "event_loop.kept"]


def test_watchdog_is_silent_when_the_loop_calls_in_time() -> None:
    metrics, logged = _watched(0.01, 0.02, 0.05)

    assert logged == []
    assert metrics.take_counts() == {}
    assert metrics.gauges == {"event_loop_kept_longest_seconds": 0}


def test_watchdog_counts_and_logs_each_time_that_the_loop_was_kept() -> None:
    metrics, logged = _watched(0.31, 0.01, 0.081)

    assert logged == [300.0, 71.0]
    assert metrics.take_counts() == {"event_loop_kept": 2}
    assert metrics.gauges == {"event_loop_kept_longest_seconds": 0.3}


def test_watchdog_warns_of_the_work_of_the_loop_itself_alone() -> None:
    with capture_logs() as lines:
        watchdog = Watchdog(Metrics(), limit_seconds=0.05)
        watchdog.report(0.3, 0.001)
        watchdog.report(0.3, 0.2)

    assert [(line["cpu_ms"], line["log_level"]) for line in lines] == [(1.0, "info"), (200.0, "warning")]
