"""Only `bookings.customers` knows the columns with personal data, so that one file decides how they are stored.

The room of customers reads and writes their table too, and seals by that file.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SRC: Final = Path(__file__).resolve().parents[3] / "src"
_OWNER: Final = "bookings/customers.py"
# The definition of the tables, and the benchmark's API without an engine, which has no database.
_ROOM: Final = "customers/repository.py"
_EXEMPT: Final = {
    _OWNER,
    _ROOM,
    "persistence/tables/__init__.py",
    "persistence/tables/bookings.py",
    "benchmark/bare.py",
}
_OF_APPOINTMENTS: Final = {"answers", "customer", "notes", "metadata", "cancel_reason"}
_OF_CUSTOMERS: Final = {"identity", "name", "email", "phone", "timezone"}
_SQL: Final = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_TABLE_OF_CUSTOMERS: Final = re.compile(r"\b(FROM|JOIN|INTO|UPDATE)\s+customers\b")


def _leaks(source: str) -> Iterator[str]:
    """Places of a module that name a column with personal data in SQL, or reach it through a table."""
    tree = ast.parse(source)
    reads_tables = any(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("persistence.tables")
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("persistence.tables"):
            yield from ("import of customers" for name in node.names if name.name == "customers")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _leaks_of_text(node.value, reads_tables=reads_tables)
        elif isinstance(node, ast.Attribute) and reads_tables and node.attr in _OF_APPOINTMENTS:
            yield f"{ast.unparse(node)} in line {node.lineno}"


def _leaks_of_text(text: str, *, reads_tables: bool) -> Iterator[str]:
    if reads_tables and text in _OF_APPOINTMENTS:
        yield f'"{text}"'
    if not _SQL.search(text):
        return
    if _TABLE_OF_CUSTOMERS.search(text):
        yield f"customers in {text.strip()[:60]!r}"
    if re.search(r"\bappointments\b", text):
        words = _OF_APPOINTMENTS & set(re.findall(r"\w+", text))
        yield from (f"{word} in {text.strip()[:60]!r}" for word in sorted(words))


def test_no_other_file_names_a_column_with_personal_data() -> None:
    leaks = {
        path: found
        for file in sorted(_SRC.rglob("*.py"))
        if (path := file.relative_to(_SRC).as_posix()) not in _EXEMPT and (found := list(_leaks(file.read_text())))
    }

    assert leaks == {}


def test_its_owner_names_every_one() -> None:
    words = set(re.findall(r"\w+", (_SRC / _OWNER).read_text()))

    assert words >= _OF_APPOINTMENTS | _OF_CUSTOMERS


def test_leaks_are_found() -> None:
    source = (
        "from persistence.tables import appointments, customers\n"
        'TEXT = "SELECT id, notes FROM appointments"\n'
        'OTHER = "SELECT email FROM customers"\n'
        "statement = select(appointments.c.cancel_reason)\n"
        'values = {"metadata": {}}\n'
    )

    assert len(list(_leaks(source))) == len(source.splitlines())


def test_values_are_no_leak() -> None:
    assert list(_leaks("def answer(appointment): return appointment.notes, {'customer': appointment.customer}")) == []
