"""`holdfast tenant …`: businesses."""

import json
from typing import Annotated

import typer

from catalogue.model.business import Mode
from cli.console import load_settings, refusals
from cli.session import run_with_services

application = typer.Typer(help="Businesses.", no_args_is_help=True)


@application.callback()
def _group() -> None:
    """Businesses."""


@application.command()
def create(
    name: Annotated[str, typer.Argument(help="What the business is called.")],
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="May set its own clock; for trying things out.")] = False,
    timezone: Annotated[str, typer.Option(help="IANA name, such as Europe/Paris.")] = "UTC",
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a business and print its two keys, which are shown this once."""
    mode = Mode.SANDBOX if sandbox else Mode.LIVE
    with refusals():
        tenant = run_with_services(
            load_settings(),
            lambda services: services.tenants.create(name, mode=mode, timezone=timezone, currency=currency),
        )
    answer = {
        "id": str(tenant.id),
        "secret_key": tenant.secret_key,
        "publishable_key": tenant.publishable_key,
    }
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        for title, value in answer.items():
            typer.echo(f"{title.replace('_', ' '):16}{value}")
