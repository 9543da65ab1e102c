"""Dumps of databases, as an operator makes them."""

import subprocess
import tempfile
from pathlib import Path

from bootstrap.embedded_postgres import find_postgres
from bootstrap.processes import own_account


def dump(database_url: str) -> str:
    """The statements that make the database what it is, wherever they are run, after removing what is there."""
    with tempfile.TemporaryDirectory() as directory:
        postgres = find_postgres(
            Path(directory), secrets_directory=Path(directory), account=own_account(), durable=False
        )
        program = postgres.programs / "pg_dump"
        command = [str(program), "--no-owner", "--clean", "--if-exists", "--inserts", database_url]
        written = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # What is for psql alone.
    return "\n".join(line for line in written.splitlines() if not line.startswith("\\"))
