"""Zone data come from the pinned package on every path: nobody asks the operating system or Postgres for an hour."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).resolve().parents[2]
_HOME: Final = "src/kernel/zones.py"
_PYTHON: Final = sorted(
    file.relative_to(_ROOT).as_posix() for folder in ("src", "migrations") for file in (_ROOT / folder).rglob("*.py")
)
_SQL: Final = sorted(file.relative_to(_ROOT).as_posix() for file in (_ROOT / "migrations").rglob("*.sql"))

_ZONE_MODULES: Final = {"backports", "dateutil", "pendulum", "pytz", "tzdata", "tzlocal", "zoneinfo"}
# They read the zone of the operating system; the others do so when they are not told one.
_SYSTEM_ZONE: Final = {"ctime", "localtime", "mktime", "today", "tzset", "utcnow"}
_NEED_A_ZONE: Final = {"astimezone": 1, "datetime.fromtimestamp": 2, "datetime.now": 1}
# What Postgres works out by the zone of the session, or by one that is named. Elapsed time and UTC need no zone data.
_IN_SQL: Final = re.compile(
    r"""
      at \s+ time \s+ zone \s+ (?! 'UTC' )
    | (?<! at\ time\ zone\ 'UTC'\) ) :: \s* (?: date | time | timestamp ) \b (?! \s+ with \s+ time \s+ zone )
    | \b cast \s* \( .* \b as \s+ (?: date | time | timestamp ) \b
    | \b (?: date_bin | date_part | date_trunc | make_timestamptz | timezone | to_char | to_date ) \s* \(
    | \b extract \s* \( \s* (?! epoch \b )
    | \b (?: current_date | current_time | localtime | localtimestamp ) \b
    | \b set \s+ (?: local \s+ | session \s+ )? time \s* zone \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SQL_FUNCTIONS: Final = {
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "extract",
    "localtime",
    "localtimestamp",
    "make_timestamptz",
    "timezone",
    "to_char",
    "to_date",
}


def _faults(source: str, *, may_make_zones: bool) -> Iterator[str]:
    """What a module asks of somebody else than the package."""
    tree = ast.parse(source)
    described = _docstrings(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if not may_make_zones:
                yield from (name.name for name in names if name.name.split(".")[0] in _ZONE_MODULES)
            case ast.ImportFrom(module=str(module)) if not may_make_zones and module.split(".")[0] in _ZONE_MODULES:
                yield module
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=args, keywords=keywords):
                of = ast.unparse(value).split(".")[-1]
                least = max(_NEED_A_ZONE.get(name, 0), _NEED_A_ZONE.get(f"{of}.{name}", 0))
                if name in _SYSTEM_ZONE or len(args) + len(keywords) < least:
                    yield f"{name}()"
                if name in _SQL_FUNCTIONS and of == "func":
                    yield f"func.{name}"
            case ast.Constant(value=str(text)) if node not in described:
                yield from (found.group().strip() for found in _IN_SQL.finditer(text))


def _docstrings(tree: ast.AST) -> set[ast.expr]:
    """Prose may speak of time zones."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


@pytest.mark.parametrize("file", _PYTHON)
def test_only_the_zone_module_makes_zones_and_no_sql_knows_any(file: str) -> None:
    assert list(_faults((_ROOT / file).read_text(), may_make_zones=file == _HOME)) == []


@pytest.mark.parametrize("file", _SQL)
def test_schema_knows_no_zones(file: str) -> None:
    # As the dump spells the type.
    text = (_ROOT / file).read_text().replace("timestamp with time zone", "timestamptz")

    assert [found.group() for found in _IN_SQL.finditer(text)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from zoneinfo import ZoneInfo",
        "import zoneinfo",
        "from dateutil import tz",
        "instant.astimezone()",
        "datetime.now()",
        "datetime.fromtimestamp(0)",
        "date.today()",
        "time.localtime()",
        "func.date_trunc('day', starts_at)",
        "sa.func.timezone('Europe/Berlin', starts_at)",
        "text('SELECT starts_at AT TIME ZONE locations.timezone')",
        "text('SELECT starts_at at time zone $1')",
        "text('SELECT starts_at::date')",
        "text('SELECT CAST(starts_at AS date)')",
        "text(f'SELECT {column}::timestamp')",
        "text('SELECT extract(hour FROM starts_at)')",
        "text('SET LOCAL TIME ZONE 1')",
        "text('SELECT current_date')",
    ],
)
def test_detours_would_be_found(source: str) -> None:
    assert list(_faults(source, may_make_zones=False))


@pytest.mark.parametrize(
    "source",
    [
        "instant.astimezone(UTC)",
        "datetime.now(UTC)",
        "clock.now()",
        "func.now()",
        "datetime.fromtimestamp(0, UTC)",
        "text(\"SELECT (lower(during) AT TIME ZONE 'UTC')::date\")",
        "text('SELECT extract(epoch FROM starts_at)')",
    ],
)
def test_what_needs_no_zone_data_is_allowed(source: str) -> None:
    assert list(_faults(source, may_make_zones=False)) == []
