"""The schema at head as text: `python -m tests.support.schema_dump` writes it to migrations/schema.sql."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from bootstrap.embedded import kept_stores
from bootstrap.embedded_postgres import find_postgres
from bootstrap.processes import own_account
from bootstrap.store_supervisor import Specification
from persistence.schema import upgrade

SCHEMA: Final = Path(__file__).resolve().parents[2] / "migrations" / "schema.sql"
# Versions of server and dump program, and a token that is new in every dump.
_VOLATILE: Final = re.compile(r"^(-- Dumped (from|by) .*|\\(un)?restrict .*)\n", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def dump(database_url: str) -> str:
    """Everything that makes up the schema, the parts that SQLAlchemy does not know among them."""
    with tempfile.TemporaryDirectory() as directory:
        # Whatever Postgres the tests run against, this one's dump is of the committed form.
        postgres = find_postgres(
            Path(directory), secrets_directory=Path(directory), account=own_account(), durable=False
        )
        program = postgres.programs / "pg_dump"
        command = [str(program), "--schema-only", "--no-owner", "--exclude-table=alembic_version", database_url]
        written = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return _BLANK_LINES.sub("\n\n", _VOLATILE.sub("", written)).strip() + "\n"


def main() -> None:
    """Migrate an empty database, and write down what came of it."""
    with tempfile.TemporaryDirectory(prefix="holdfast-schema-") as directory:
        Path(directory).chmod(0o711)
        specification = Specification(data_dir=directory, redis=False, durable=False, superuser=True)
        with kept_stores(specification, announce=print) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            SCHEMA.write_text(dump(urls.database_url))


if __name__ == "__main__":
    main()
