"""Messages and exit status of commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from pydantic import ValidationError

from bootstrap.embedded import AlreadyServed
from bootstrap.processes import StoreFailed
from bootstrap.settings import Settings, unknown_variables
from kernel.errors import DomainError
from persistence.key_canaries import UnknownMasterKeys
from persistence.postgres_fault import PostgresFault

# What was asked cannot be done now, or at all; nothing is wrong with the program.
REFUSED: Final = 1
# The command line, a setting or the state of the machine has to be changed first.
MISUSED: Final = 2


def note(sentence: str) -> None:
    """Say something that is no part of the answer: to standard error, so that the answer can be piped."""
    typer.echo(sentence, err=True)


def load_settings() -> Settings:
    """The settings of this process; ends the command where one makes no sense, and warns of variables that are none."""
    for name, nearest in unknown_variables().items():
        advice = f"; did you mean {nearest}?" if nearest is not None else "."
        note(f"holdfast: {name} is not a setting and is ignored{advice}")
    try:
        return Settings()
    except ValidationError as error:
        for fault in error.errors():
            note(f"HOLDFAST_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}")
        raise typer.Exit(MISUSED) from None


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the block refuses into one sentence and an exit status."""
    try:
        yield
    except DomainError as error:
        note(f"{error.code}: {error.detail}")
        raise typer.Exit(REFUSED) from None
    except (AlreadyServed, UnknownMasterKeys, PostgresFault) as error:
        note(f"holdfast: {error}")
        raise typer.Exit(MISUSED) from None
    except StoreFailed as error:
        note(f"holdfast: {error}")
        raise typer.Exit(REFUSED) from None
