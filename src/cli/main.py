"""The `holdfast` command and its subcommands."""

import typer

from cli import apply, demo, keys, migrate, reconcile, serve, tenants, worker
from cli.bench import add_bench

application = typer.Typer(
    name="holdfast",
    help="A booking engine: list free times, hold one, confirm it, and never sell a slot twice.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with the values of all variables would print URLs with their passwords.
    pretty_exceptions_enable=False,
)
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
application.add_typer(keys.application, name="key")


def main() -> None:
    """Run the command that the command line names."""
    application()
