"""Loop that compares the stores, and repairs what Redis has wrong."""

import asyncio
import time

import structlog

from reconciliation.report import Discrepancy, DiscrepancyKind, ReconciliationReport
from reconciliation.service import Reconciliation
from telemetry.measures import AUDIT_DRIFT, AUDIT_FINISHED, AUDIT_FOUND, AUDIT_REPAIRED, CACHED_BYTES_LARGEST, DRIFT
from telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)


class ReconciliationLoop:
    """Each discrepancy is a line of the log, and counted."""

    def __init__(self, *, reconciliation: Reconciliation, metrics: Metrics) -> None:
        self._reconciliation = reconciliation
        self._metrics = metrics

    async def run_once(self, stop: asyncio.Event) -> ReconciliationReport:
        """Compare everything, and repair Redis. Raises StoreUnavailable or RedisUnavailable."""
        report = await self._reconciliation.run_once(repair=True, stop=stop)
        self._count(report)
        for discrepancy in report.discrepancies:
            _log_discrepancy(discrepancy)
        log = _log.warning if report.total else _log.debug
        log(
            "reconciliation.finished",
            discrepancies=report.total,
            repaired=report.repaired,
            businesses=report.businesses,
            staff_days=report.staff_days,
            holds=report.holds,
            appointments=report.appointments,
            lanes=report.lanes,
            unsettled=report.unsettled,
        )
        return report

    def _count(self, report: ReconciliationReport) -> None:
        for kind, count in report.found.items():
            self._metrics.add(DRIFT, count, label=kind.value)
        self._metrics.set(AUDIT_DRIFT, report.total)
        # Every kind, so that the figures of the run before are shown no longer.
        for kind in DiscrepancyKind:
            self._metrics.set(AUDIT_FOUND, report.found.get(kind, 0), label=kind.value)
        self._metrics.set(AUDIT_REPAIRED, report.repaired)
        self._metrics.set(CACHED_BYTES_LARGEST, max(report.cached_bytes.values(), default=0))
        self._metrics.set(AUDIT_FINISHED, round(time.time()))


def _log_discrepancy(discrepancy: Discrepancy) -> None:
    _log.warning(
        "reconciliation.discrepancy",
        tenant=str(discrepancy.tenant_id),
        kind=discrepancy.kind.value,
        subject=discrepancy.subject,
        resource=discrepancy.resource_id,
        minutes=None if discrepancy.span is None else [discrepancy.span.start, discrepancy.span.end],
        repaired=discrepancy.repaired,
    )
