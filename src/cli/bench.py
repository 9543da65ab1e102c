"""`holdfast bench`: the benchmark of a checkout (tools/benchmark), which is no part of the package."""

from importlib import import_module
from typing import Final

import typer

from cli.console import MISUSED, note

_PACKAGE: Final = "benchmark"
_COMMAND: Final = f"{_PACKAGE}.command"


def add_bench(application: typer.Typer) -> None:
    """Add the command; where the benchmark is absent, one that says how to get it."""
    try:
        command = import_module(_COMMAND)
    except ModuleNotFoundError as error:
        if error.name not in {_PACKAGE, _COMMAND}:
            raise
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        application.command("bench", context_settings=anything)(_explain_absence)
    else:
        application.command()(command.bench)


def _explain_absence() -> None:
    """Measure the engine; needs a checkout of the repository."""
    note("The benchmark is not part of the installed package. In a checkout of the repository, run: make bench")
    raise typer.Exit(MISUSED)
