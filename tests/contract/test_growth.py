"""The page on growth has a line for each table and each key."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from kernel.ids import TenantId
from persistence import keys

_ROOT: Final = Path(__file__).resolve().parents[2]
_TENANT: Final = UUID(int=0)
# They are parts of other keys.
_NO_KEYS: Final = {"prefix", "client_digest"}


def _section(title: str, page: str = "docs/reference/growth.md") -> str:
    _, _, rest = (_ROOT / page).read_text().partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def _rows(section: str) -> dict[str, list[str]]:
    """The cells of each line of a table that begins with a name, by the name."""
    lines = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


def _tables() -> set[str]:
    schema = (_ROOT / "migrations/schema.sql").read_text()
    return set(re.findall(r"^CREATE TABLE public\.(\w+) \(", schema, re.MULTILINE))


def _spelled_keys() -> Iterator[str]:
    """Every key that Python spells, with <> for whatever varies."""
    for name, value in vars(keys).items():
        if isinstance(value, str) and value.startswith("hf:"):
            yield value
        elif inspect.isfunction(value) and value.__module__ == keys.__name__ and name not in _NO_KEYS:
            yield _spelled(value)


def _spelled(spell: Callable[..., str]) -> str:
    arguments = [
        TenantId(_TENANT) if parameter.annotation is TenantId else "<>"
        for parameter in inspect.signature(spell).parameters.values()
    ]
    return spell(*arguments).replace(_TENANT.hex, "<>")


def _keys_of_scripts() -> set[str]:
    """The keys of a business that the page on scripts lists."""
    return {f"hf:{{<tenant>}}:{name}" for name in _rows(_section("Keys", "lua/README.md"))}


def _anonymous(names: set[str]) -> set[str]:
    return {re.sub(r"<[^>]*>", "<>", name) for name in names}


def test_every_table_has_a_line() -> None:
    assert set(_rows(_section("Tables"))) == _tables()


def test_every_key_has_a_line() -> None:
    documented = _anonymous(set(_rows(_section("Keys of Redis"))))

    spelled = set(_spelled_keys()) | _anonymous(_keys_of_scripts())

    # The last one is spelled by lua/metrics_add.lua, beside whatever hash it is given.
    assert documented == spelled | {"{<>}:said:<>"}


def test_every_line_says_what_grows_what_bounds_it_and_what_deletes_it() -> None:
    lines = _rows(_section("Tables")) | _rows(_section("Keys of Redis"))

    assert [name for name, cells in lines.items() if len(cells) != 3 or not all(cells)] == []
