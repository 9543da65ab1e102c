"""`holdfast restore-erasures`: whoever was erased since the backup is erased again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from bootstrap.services import Services
from cli.console import MISUSED, load_settings, note, refusals
from cli.session import run_with_services
from customers.erasures.journal import JournalEntry, read_entries
from kernel.ids import TenantId
from kernel.operation import Operation, by_system

_STDIN: Final = Path("-")


def restore_erasures(
    files: Annotated[
        list[Path], typer.Argument(help="Journals of erasures of all nodes (HOLDFAST_ERASURE_JOURNAL); - reads one.")
    ],
) -> None:
    """Erase again everybody whom a restored backup has brought back. It may be run more than once."""
    entries = _read(files)
    with refusals():
        customers = [entry for entry in entries if entry.customer_id is not None]
        businesses = [entry.tenant_id for entry in entries if entry.customer_id is None]
        erased, absent, noted, deleted = run_with_services(
            load_settings(), lambda services: _replay(services, customers, businesses)
        )
    typer.echo(
        f"{erased} customers of the journals are erased, and {noted} more whose erasure the database had noted; "
        f"{absent} of the journals are not in the database. {deleted} businesses of the journals are deleted."
    )


def _read(files: Sequence[Path]) -> list[JournalEntry]:
    """All entries, each once. A journal that cannot be read ends the command before anything is done."""
    entries: dict[JournalEntry, None] = {}
    for path in files:
        try:
            lines = sys.stdin.readlines() if path == _STDIN else path.read_text().splitlines(keepends=True)
            entries.update(dict.fromkeys(read_entries(lines)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            note(f"holdfast: {path} is no journal of erasures: {error}")
            raise typer.Exit(MISUSED) from None
    return list(entries)


async def _replay(
    services: Services, entries: Sequence[JournalEntry], businesses: Sequence[TenantId]
) -> tuple[int, int, int, int]:
    deleted = 0
    for tenant_id in businesses:
        deleted += await services.deletions.delete_again(_operation(tenant_id))
    erased = 0
    for entry in entries:
        assert entry.customer_id is not None
        erased += await services.erasures.replay(_operation(entry.tenant_id), entry.customer_id)
    noted, named = 0, set(entries)
    after: TenantId | None = None
    while tenant_ids := await services.audit.businesses(after):
        for tenant_id in tenant_ids:
            for customer_id in await services.erasures.find_noted(_operation(tenant_id)):
                if JournalEntry(tenant_id, customer_id) not in named:
                    noted += await services.erasures.replay(_operation(tenant_id), customer_id)
        after = tenant_ids[-1]
    return erased, len(entries) - erased, noted, deleted


def _operation(tenant_id: TenantId) -> Operation:
    return by_system(tenant_id, "command-line", "restoreErasures")
