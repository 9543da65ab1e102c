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
        erased, absent, noted = run_with_services(load_settings(), lambda services: _replay(services, entries))
    typer.echo(
        f"{erased} customers of the journals are erased, and {noted} more whose erasure the database had noted; "
        f"{absent} of the journals are not in the database."
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


async def _replay(services: Services, entries: Sequence[JournalEntry]) -> tuple[int, int, int]:
    erased = 0
    for entry in entries:
        erased += await services.erasures.replay(_operation(entry.tenant_id), entry.customer_id)
    noted, named = 0, set(entries)
    after: TenantId | None = None
    while tenant_ids := await services.audit.businesses(after):
        for tenant_id in tenant_ids:
            for customer_id in await services.erasures.find_noted(_operation(tenant_id)):
                if JournalEntry(tenant_id, customer_id) not in named:
                    noted += await services.erasures.replay(_operation(tenant_id), customer_id)
        after = tenant_ids[-1]
    return erased, len(entries) - erased, noted


def _operation(tenant_id: TenantId) -> Operation:
    return by_system(tenant_id, "command-line", "restoreErasures")
