"""`holdfast apply FILE`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
import yaml

from bootstrap.services import Services
from catalogue.diff import Change
from cli.console import MISUSED, load_settings, note, refusals
from cli.session import run_with_services
from kernel.errors import Unauthorized
from kernel.ids import TenantId
from kernel.operation import by_system


def apply(
    file: Annotated[Path, typer.Argument(help="The business as YAML or JSON.", exists=True, dir_okay=False)],
    *,
    tenant: Annotated[UUID | None, typer.Option(help="The id of the business.")] = None,
    key: Annotated[
        str | None, typer.Option(help="A secret key of the business, instead of its id.", envvar="HOLDFAST_KEY")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would change.")] = False,
) -> None:
    """Make a business what a file says, all or nothing, and list what changed."""
    if (tenant is None) == (key is None):
        note("Name the business: either --tenant with its id, or --key with one of its secret keys.")
        raise typer.Exit(MISUSED)
    document = read_document(file)

    async def act(services: Services) -> tuple[Change, ...]:
        tenant_id = TenantId(tenant) if tenant is not None else await _tenant_of(services, key or "")
        return await services.catalogue.apply(by_system(tenant_id, "command-line"), document, dry_run=dry_run)

    with refusals():
        changes = run_with_services(load_settings(), act)
    for change in changes:
        typer.echo(describe(change))
    note(f"{len(changes)} {'would change' if dry_run else 'changed'}.")


def read_document(file: Path) -> dict[str, object]:
    """The document in a YAML or JSON file; ends the command where there is none."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        note(f"{file} is not YAML: {error}")
        raise typer.Exit(MISUSED) from None
    if not isinstance(document, dict):
        note(f"{file} holds no document with business, locations, resources and services.")
        raise typer.Exit(MISUSED)
    return document


def describe(change: Change) -> str:
    """One line about one change."""
    fields = f": {', '.join(change.fields)}" if change.fields else ""
    return f"{change.action:8}{change.kind:10}{change.key}{fields}"


async def _tenant_of(services: Services, key: str) -> TenantId:
    credential = await services.tenants.authenticate(key)
    if credential is None:
        detail = "The key opens no business: it is mistyped, or was revoked."
        raise Unauthorized(detail)
    return credential.tenant_id
