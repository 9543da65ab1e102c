"""`holdfast audit-log …`: the audit log, and whether it is what it was."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

import typer

from audit.model import ChainHead
from audit.service import AuditService, ChainReport
from bootstrap.services import Services
from cli.console import MISUSED, REFUSED, load_settings, note, refusals
from cli.session import run_with_services
from kernel.ids import TenantId

application = typer.Typer(help="The audit log of what was changed and read.", no_args_is_help=True)
_HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@application.callback()
def _group() -> None:
    """Keep the name of the one command: there will be more."""


@application.command()
def verify(
    *,
    business: Annotated[UUID | None, typer.Option(help="The id of one business; all of them, if absent.")] = None,
    head: Annotated[
        str | None, typer.Option(help="With --business: a head that an earlier run printed, NUMBER:HASH.")
    ] = None,
) -> None:
    """Compute the chain of each business anew, and print its head; status 1 when anything is not what it was."""
    known = None if head is None else _known(head, business)
    with refusals():
        reports = run_with_services(load_settings(), lambda services: _verify(services, business, known))
    for report in reports:
        for fault in report.faults:
            typer.echo(f"Business {report.tenant_id}: {fault}")
    for report in reports:
        typer.echo(f"{report.tenant_id} {report.head}")
    faulty = sum(bool(report.faults) for report in reports)
    note(f"Chains verified: {len(reports)}. Chains that were changed: {faulty}.")
    if faulty:
        raise typer.Exit(REFUSED)


def _known(head: str, business: UUID | None) -> ChainHead:
    match = _HEAD.fullmatch(head)
    if match is None or business is None:
        note("holdfast: --head is a number, a colon and 64 hexadecimal digits, and needs --business")
        raise typer.Exit(MISUSED)
    return ChainHead(number=int(match[1]), hash=bytes.fromhex(match[2]))


async def _verify(services: Services, business: UUID | None, known: ChainHead | None) -> list[ChainReport]:
    if business is not None:
        return [await services.audit.verify(TenantId(business), known)]
    return [report async for report in _verify_all(services.audit)]


async def _verify_all(audit: AuditService) -> AsyncIterator[ChainReport]:
    after: TenantId | None = None
    while tenant_ids := await audit.businesses(after):
        for tenant_id in tenant_ids:
            yield await audit.verify(tenant_id)
        after = tenant_ids[-1]
