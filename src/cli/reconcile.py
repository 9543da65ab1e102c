"""`holdfast reconcile`."""

import asyncio
import json
from typing import Annotated, Final

import typer

from bootstrap.context import open_context
from bootstrap.embedded import Use
from bootstrap.loops import build_reconciliation
from bootstrap.settings import Settings
from cli.console import REFUSED, load_settings, note, refusals
from cli.session import connected
from kernel.spans import to_datetime
from persistence.errors import RedisUnavailable
from reconciliation.report import Discrepancy, ReconciliationReport
from webhooks.refusals import EndpointRefusal, RefusalFinder

_NO_CHALLENGE: Final = (
    "No challenge is set (HOLDFAST_CHALLENGE_SECRET): a program with addresses in many networks can hold and book "
    "what it likes."
)


def reconcile(
    *,
    repair: Annotated[bool, typer.Option(help="Repair what Redis has wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare Redis with Postgres and Postgres with itself; status 1 when anything differs."""
    try:
        with refusals(), connected(load_settings(), use=Use.COMMAND, may_wait=True) as settings:
            report, refused = asyncio.run(_reconcile(settings, repair=repair))
    except RedisUnavailable:
        note("Redis does not answer, so nothing was compared.")
        raise typer.Exit(REFUSED) from None
    if as_json:
        typer.echo(json.dumps({**_document(report), "refused_endpoints": [_refused_entry(one) for one in refused]}))
    else:
        for discrepancy in report.discrepancies:
            typer.echo(discrepancy.sentence)
        for endpoint in refused:
            typer.echo(endpoint.sentence)
    note(
        f"{report.total} differences, {report.repaired} repaired, in {report.businesses} businesses, "
        f"{report.staff_days} cached staff-days, {report.holds} holds, {report.appointments} appointments and "
        f"{report.lanes} lanes."
    )
    for tenant_id, size in list(report.cached_bytes.items())[:1]:
        note(f"Business {tenant_id} has most in the cache: {size / 1_000_000:.1f} MB of Redis.")
    if report.unsettled:
        note(f"{report.unsettled} staff-days were not judged: they kept changing, or no invalidator is at work.")
    if settings.challenge_secret is None:
        note(_NO_CHALLENGE)
    if report.total:
        raise typer.Exit(REFUSED)


async def _reconcile(settings: Settings, *, repair: bool) -> tuple[ReconciliationReport, list[EndpointRefusal]]:
    async with open_context(settings) as context:
        report = await build_reconciliation(context).run_once(repair=repair)
        return report, await RefusalFinder(engine=context.engine, outbound=context.outbound).find_refused()


def _document(report: ReconciliationReport) -> dict[str, object]:
    return {
        "differences": [_entry(discrepancy) for discrepancy in report.discrepancies],
        "found": {kind.value: count for kind, count in report.found.items()},
        "total": report.total,
        "repaired": report.repaired,
        "compared": {
            "businesses": report.businesses,
            "staff_days": report.staff_days,
            "holds": report.holds,
            "appointments": report.appointments,
            "lanes": report.lanes,
        },
        "unsettled": report.unsettled,
        "cached_bytes": {str(tenant_id): size for tenant_id, size in report.cached_bytes.items()},
    }


def _refused_entry(endpoint: EndpointRefusal) -> dict[str, object]:
    return {
        "tenant_id": str(endpoint.tenant_id),
        "endpoint": endpoint.endpoint_id,
        "sentence": endpoint.sentence,
    }


def _entry(discrepancy: Discrepancy) -> dict[str, object]:
    span = discrepancy.span
    return {
        "kind": discrepancy.kind.value,
        "tenant_id": str(discrepancy.tenant_id),
        "subject": discrepancy.subject,
        "resource_id": discrepancy.resource_id,
        "start": None if span is None else to_datetime(span.start).isoformat(),
        "end": None if span is None else to_datetime(span.end).isoformat(),
        "repaired": discrepancy.repaired,
        "sentence": discrepancy.sentence,
    }
