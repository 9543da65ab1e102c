"""`holdfast keys …`: the keys that seal what the engine keeps."""

import asyncio
from typing import Annotated

import typer

from access.users.rotation import UserDigestRotation
from bootstrap.context import open_context
from bootstrap.embedded import Use
from bootstrap.loops import build_plain_data_loop
from bootstrap.settings import Settings
from cli.console import REFUSED, load_settings, note, refusals
from cli.session import connected
from persistence.key_rotation import KeyRotation, RotationReport
from persistence.sealing import SecretUnreadable

application = typer.Typer(help="Keys that seal secrets and personal data.", no_args_is_help=True)
former = typer.Typer(help="The former name of `holdfast keys`.", no_args_is_help=True)


@application.callback()
@former.callback()
def _group() -> None:
    """Keep the names of the commands, also where there is one."""


@former.command()
@application.command()
def rotate(
    *,
    business_keys: Annotated[
        bool, typer.Option("--business-keys", help="Give each business a new key besides, and seal by that.")
    ] = False,
) -> None:
    """Seal everything by the first key of HOLDFAST_MASTER_KEY, so that the others can be taken away."""
    try:
        with refusals(), connected(load_settings(), use=Use.COMMAND) as settings:
            report, plain = asyncio.run(_rotate(settings, business_keys=business_keys))
            key_id = settings.master_keys.current_key_id
    except SecretUnreadable as error:
        note(f"holdfast: {error} Nothing is lost: set that key too, and run this again.")
        raise typer.Exit(REFUSED) from None
    typer.echo(
        f"{report.secrets} secrets, {report.business_keys} keys of businesses and {report.personal_keys} personal keys "
        f"were sealed anew, and {plain} rows in plain text; all of {report.businesses} businesses have the key "
        f"{key_id}."
    )


@application.command()
def give_up(
    key_id: Annotated[str, typer.Argument(help="The id of the master key, as the refused start names it.")],
    *,
    erase: Annotated[
        bool, typer.Option("--erase", help="Say that all personal data which rests on it is to be erased.")
    ] = False,
) -> None:
    """Go on without a master key that is lost for good. Personal data that it sealed is erased, for it opens never."""
    if not erase:
        note("holdfast: this erases all personal data that rests on the key; repeat it with --erase")
        raise typer.Exit(REFUSED)
    with refusals(), connected(load_settings(), use=Use.COMMAND, may_lack_keys=True) as settings:
        if key_id in settings.master_keys.ids:
            note(f"holdfast: the key {key_id} is set, so nothing is lost")
            raise typer.Exit(REFUSED)
        concerned = asyncio.run(_give_up(settings, key_id))
    if concerned is None:
        note(f"holdfast: nothing was sealed by a key {key_id}")
        raise typer.Exit(REFUSED)
    typer.echo(f"The key {key_id} is given up; the personal data of {concerned} businesses was erased.")


async def _rotate(settings: Settings, *, business_keys: bool) -> tuple[RotationReport, int]:
    async with open_context(settings) as context:
        # First, for whoever takes older keys away has seen the other's report.
        await UserDigestRotation(context.engine, settings.master_keys).run()
        rotation = KeyRotation(context.engine, settings.master_keys)
        report = await rotation.run(new_business_keys=business_keys)
        plain = await build_plain_data_loop(context).run_once(asyncio.Event())
        return report, plain.sealed


async def _give_up(settings: Settings, key_id: str) -> int | None:
    async with open_context(settings) as context:
        return await KeyRotation(context.engine, settings.master_keys).give_up(key_id)
