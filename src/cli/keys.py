"""`holdfast key …`: the keys that open a business."""

import json
from typing import Annotated
from uuid import UUID

import typer

from catalogue.tenants import KeyKind
from cli.console import load_settings, refusals
from cli.session import run_with_services
from kernel.ids import TenantId

application = typer.Typer(help="Keys of businesses.", no_args_is_help=True)


@application.command()
def create(
    tenant: Annotated[UUID, typer.Argument(help="The id of the business.")],
    *,
    kind: Annotated[KeyKind, typer.Option(help="What the key may do.")] = KeyKind.SECRET,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make one more key for a business and print it, which happens this once."""
    with refusals():
        new = run_with_services(load_settings(), lambda services: services.tenants.create_key(TenantId(tenant), kind))
    if as_json:
        typer.echo(json.dumps({"id": new.id, "kind": new.kind, "key": new.key}))
    else:
        typer.echo(f"id   {new.id}\nkey  {new.key}")


@application.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id of the key (key_…), not the key itself.")]) -> None:
    """Let a key open nothing from now on."""
    with refusals():
        run_with_services(load_settings(), lambda services: services.tenants.revoke_key(key_id))
    typer.echo(f"{key_id} opens nothing any more.")
