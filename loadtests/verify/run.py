"""Everything that is checked after a run, with the stores or without."""

import asyncio
import time
from collections.abc import Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from bootstrap.context import open_context
from bootstrap.loops import build_reconciliation
from bootstrap.settings import Settings
from holds.store import RETENTION_MS
from loadtests import journal
from loadtests.faults.checks import Check, check_bookings, check_claims
from loadtests.faults.history import History
from loadtests.faults.rows import Rows, count_invalidations, read_rows
from loadtests.verify.budgets import BUDGETS, REPORT, Budget, check_budgets, check_crashes, check_failures, read_report
from loadtests.verify.holds import Promise, check_answered_holds, check_holds, find_promises
from loadtests.verify.reading import (
    find_tenants,
    find_tokens,
    read_answered_holds,
    read_appointments,
    read_holds,
)
from loadtests.verify.sales import check_capacity
from persistence.redis import Redis
from reconciliation.report import ReconciliationReport

_DRAIN_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_LOOKS: Final = 2
# A hold that ends sooner may end while the holds are being read.
_READING_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where a run has left its traces."""

    journal: Path
    report: Path | None = None
    """What the run has left of its requests; None: beside the journal, if it is there."""
    database_url: str | None = None
    redis_url: str | None = None
    host: str | None = None
    """None: the one that the journal names."""
    key: str | None = None
    """With which holds are read where there is no Redis to look into."""
    tenant_id: UUID | None = None
    """None: the one that the journal's tokens name."""
    budgets: Mapping[str, Budget] = field(default_factory=lambda: BUDGETS)
    most_failures: float = 0.0
    """Share of the requests of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All of it."""

    checks: Sequence[Check]
    unchecked: Sequence[str]
    """Sentences on what could not be looked at."""

    @property
    def kept(self) -> bool:
        """Whether every promise that was looked at was."""
        return all(check.kept for check in self.checks)


async def verify(evidence: Evidence) -> Finding:
    """Compare the journal with the stores, as far as they are named, else with the API."""
    read = journal.read(evidence.journal)
    tokens = find_tokens(read.exchanges)
    tenant_ids = {evidence.tenant_id} if evidence.tenant_id is not None else find_tenants(tokens.values())
    unchecked: list[str] = []
    checks = [_check_journal(read, tenant_ids)]
    tenant_id = next(iter(tenant_ids), None)
    if evidence.database_url is not None:
        checks.append(await _check_drained(evidence.database_url, tenant_id))
    if read.exchanges:
        checks += await _check_bookings(evidence, read, tenant_id, unchecked)
    else:
        unchecked.append("Nobody asked for a hold or an appointment, so there was nothing to compare with any.")
    checks += await _check_redis(evidence, read, tenant_id, unchecked)
    checks += _check_report(evidence, unchecked)
    return Finding(checks=checks, unchecked=unchecked)


def _check_journal(read: journal.Read, tenant_ids: Sized) -> Check:
    several = ["the appointments are of several businesses, of which one is judged"] if len(tenant_ids) > 1 else []
    return Check(
        promise="the journal is whole",
        examined=len(read.openings),
        complaints=(*read.torn, *several),
        essential=True,
    )


async def _check_bookings(
    evidence: Evidence, read: journal.Read, tenant_id: UUID | None, unchecked: list[str]
) -> list[Check]:
    checks = []
    if evidence.database_url is not None and tenant_id is not None:
        rows = await read_rows(evidence.database_url, tenant_id)
        checks.append(check_claims(rows))
    else:
        tokens = find_tokens(read.exchanges)
        rows = Rows(appointments=await read_appointments(_host(evidence, read), tokens), claims=())
        unchecked.append("Without --database-url: claims, and appointments of others. The journal's own were read.")
    history = History(epoch=0.0, exchanges=read.exchanges)
    return [
        *checks,
        *check_bookings(history, rows, capacities=read.capacities),
        check_capacity(rows.appointments.values(), read.capacities),
    ]


async def _check_drained(database_url: str, tenant_id: UUID | None) -> Check:
    """The invalidator has told Redis of everything; if it runs."""
    left = 1
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left := await count_invalidations(database_url, tenant_id):  # noqa: ASYNC110 - Postgres has no event for it
                await asyncio.sleep(_POLL_SECONDS)
    complaints = [f"{left} invalidations were left after {_DRAIN_SECONDS:.0f} s"] if left else []
    return Check(promise="Redis is told of every change", examined=1, complaints=complaints)


async def _check_redis(
    evidence: Evidence, read: journal.Read, tenant_id: UUID | None, unchecked: list[str]
) -> list[Check]:
    promises = find_promises(read.exchanges)
    database_url, redis_url = evidence.database_url, evidence.redis_url
    if database_url is not None and redis_url is not None:
        settings = Settings(_env_file=None, database_url=database_url, redis_url=redis_url)
        async with open_context(settings) as context:
            checks = [] if tenant_id is None else await _check_holds(context.redis, tenant_id, promises)
            report = await build_reconciliation(context).run_once(repair=False)
        return [*checks, _check_reconciliation(report)]
    unchecked.append("Without --database-url and --redis-url: records and lists of holds, and cached bitmaps.")
    if evidence.key is None:
        unchecked.append("Without --key: whether holds that should live are live.")
        return []
    soonest = time.time() + _READING_SECONDS
    worth = [one for one, known in promises.items() if known.given_up or known.expires_at.timestamp() > soonest]
    answers = await read_answered_holds(_host(evidence, read), evidence.key, worth)
    return [check_answered_holds(promises, answers)]


async def _check_holds(redis: Redis, tenant_id: UUID, promises: Mapping[str, Promise]) -> list[Check]:
    """What was under way when the last visitor went home may have been done between two keys: then once more."""
    checks: list[Check] = []
    for _ in range(_LOOKS):
        checks = check_holds(promises, await read_holds(redis, tenant_id), retention_ms=RETENTION_MS)
        if all(check.kept for check in checks):
            break
    return checks


def _check_reconciliation(report: ReconciliationReport) -> Check:
    unsettled = f"{report.unsettled} staff-days were not judged: they kept changing, or no invalidator is at work"
    return Check(
        promise="the audit finds nothing",
        examined=report.staff_days + report.holds + report.appointments + report.lanes,
        complaints=(*(one.sentence for one in report.discrepancies), *([unsettled] if report.unsettled else [])),
        essential=True,
    )


def _check_report(evidence: Evidence, unchecked: list[str]) -> list[Check]:
    path = evidence.report or evidence.journal / REPORT
    if evidence.report is None and not path.exists():
        unchecked.append(f"There is no {path}: times and failures of requests.")
        return []
    report = read_report(path)
    return [
        check_budgets(report.lines, evidence.budgets),
        check_failures(report.lines, report.failures, most=evidence.most_failures),
        check_crashes(report),
    ]


def _host(evidence: Evidence, read: journal.Read) -> str:
    hosts = [opening.host for opening in read.openings]
    return evidence.host or (hosts[-1] if hosts else "http://127.0.0.1:8080")
