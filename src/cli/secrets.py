"""`holdfast secrets …`: the secrets that the engine keeps for businesses."""

import asyncio

import typer

from bootstrap.context import open_context
from bootstrap.embedded import Use
from bootstrap.settings import Settings
from cli.console import REFUSED, load_settings, note, refusals
from cli.session import connected
from persistence.sealing import SecretUnreadable
from persistence.secrets import RotationReport, SecretRotation

application = typer.Typer(help="Secrets that the engine keeps for businesses, sealed.", no_args_is_help=True)


@application.callback()
def _group() -> None:
    """Keep the name of the one command: there will be more."""


@application.command()
def rotate() -> None:
    """Seal every secret by the first key of HOLDFAST_MASTER_KEY, so that the others can be taken away."""
    try:
        with refusals(), connected(load_settings(), use=Use.COMMAND) as settings:
            report = asyncio.run(_rotate(settings))
            key_id = settings.master_keys.current_key_id
    except SecretUnreadable as error:
        note(f"holdfast: {error} Nothing is lost: set that key too, and run this again.")
        raise typer.Exit(REFUSED) from None
    typer.echo(
        f"{report.sealed} secrets were sealed anew; all of {report.businesses} businesses have the key {key_id}."
    )


async def _rotate(settings: Settings) -> RotationReport:
    async with open_context(settings) as context:
        return await SecretRotation(context.engine, settings.master_keys).run()
