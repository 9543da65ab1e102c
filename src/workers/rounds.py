"""What the log tells of audits, housekeeping and approvals."""

import asyncio
import time

import structlog

from telemetry.measures import AUDIT_DRIFT, AUDIT_FINISHED, AUDIT_FOUND, AUDIT_REPAIRED, DRIFT
from telemetry.metrics import Metrics
from workers.approvals import Approvals
from workers.audit import Audit
from workers.audit_report import Kind, Report
from workers.housekeeping import Housekeeper

_log = structlog.get_logger(__name__)


async def audit_and_log(audit: Audit, metrics: Metrics, stop: asyncio.Event) -> None:
    """Compare everything, mend what may be mended, and write a line for each difference. Raises as the audit."""
    report = await audit.run_once(repair=True, stop=stop)
    _show(report, metrics)
    for kind, count in report.found.items():
        metrics.add(DRIFT, count, label=kind.value)
    for difference in report.differences:
        _log.warning(
            "audit.difference",
            tenant=str(difference.tenant_id),
            kind=difference.kind.value,
            subject=difference.subject,
            resource=difference.resource_id,
            minutes=None if difference.span is None else [difference.span.start, difference.span.end],
            repaired=difference.repaired,
        )
    tell = _log.warning if report.total else _log.debug
    tell(
        "audit.finished",
        differences=report.total,
        repaired=report.repaired,
        businesses=report.businesses,
        staff_days=report.staff_days,
        holds=report.holds,
        appointments=report.appointments,
        lanes=report.lanes,
        unsettled=report.unsettled,
    )


async def keep_house_and_log(housekeeper: Housekeeper, stop: asyncio.Event) -> None:
    """Do all there is to do, and write a line if there was anything. Raises as the housekeeper."""
    report = await housekeeper.run_once(stop=stop)
    tell = _log.info if report.expired_holds or report.forgotten_keys else _log.debug
    tell("housekeeping.finished", expired_holds=report.expired_holds, forgotten_keys=report.forgotten_keys)


async def expire_and_log(approvals: Approvals, stop: asyncio.Event) -> None:
    """End what nobody approved in time, and write a line if there was any. Raises as the approvals."""
    ended = await approvals.run_once(stop=stop)
    tell = _log.info if ended else _log.debug
    tell("approvals.finished", expired=ended)


def _show(report: Report, metrics: Metrics) -> None:
    metrics.set(AUDIT_DRIFT, report.total)
    # Every kind, so that what was found the time before is shown no longer.
    for kind in Kind:
        metrics.set(AUDIT_FOUND, report.found.get(kind, 0), label=kind.value)
    metrics.set(AUDIT_REPAIRED, report.repaired)
    metrics.set(AUDIT_FINISHED, round(time.time()))
