"""The `holdfast` command and its subcommands."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from cli import (
    apply,
    audit_log,
    businesses,
    demo,
    keys,
    listen,
    migrate,
    reconcile,
    restore_erasures,
    sealing_keys,
    serve,
    tasks,
    tenants,
    users,
    worker,
)
from cli.bench import add_bench

application = typer.Typer(
    name="holdfast",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with the values of all variables would print URLs with their passwords.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if not wanted:
        return
    try:
        typer.echo(f"holdfast {version('holdfast')}")
    except PackageNotFoundError:
        typer.echo("holdfast, from a checkout that is not installed")
    raise typer.Exit


@application.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """A booking engine: list free times, hold one, confirm it, and never sell a slot twice."""


application.command()(demo.demo)
application.command()(serve.serve)
application.command()(migrate.migrate)
application.command()(worker.worker)
application.command()(reconcile.reconcile)
# The name of earlier versions.
application.command("audit", hidden=True)(reconcile.reconcile)
application.command()(apply.apply)
add_bench(application)
application.add_typer(tenants.application, name="tenant")
application.add_typer(businesses.application, name="business")
application.add_typer(users.application, name="user")
application.add_typer(tasks.application, name="tasks")
application.add_typer(keys.application, name="key")
application.add_typer(audit_log.application, name="audit-log")
application.add_typer(sealing_keys.application, name="keys")
# The name of earlier versions.
application.add_typer(sealing_keys.former, name="secrets", hidden=True)
application.command()(listen.listen)
application.command()(restore_erasures.restore_erasures)


def main() -> None:
    """Run the command that the command line names."""
    application()
