"""What each script says of itself on top is what it does, and what the engine knows of it."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from holds.store import Reply
from kernel.ids import CommitId
from persistence import keys, lua
from tests.support.holds import DAY, MINE, NOA, TENANT

_OPERATION: Final = CommitId("op_1")
_README: Final = (lua.SCRIPTS / "README.md").read_text()
_SHARED: Final = sorted((lua.SCRIPTS / "shared").glob("*.lua"))
_SCRIPTS: Final = lua.names()
_DECLARED: Final = re.compile(r"^-- (KEYS|ARGV)\[(\d+)\](…?) +\S", re.MULTILINE)
_PROMISED: Final = re.compile(r"^-- \{([A-Z]+)[,}]", re.MULTILINE)
_USED: Final = re.compile(r"\b(KEYS|ARGV)\[(\d+)\]")
# Where a loop over the remaining arguments begins.
_LOOP: Final = re.compile(r"\bposition\b[\w, ]* = (\d+)\b")
_COMMAND: Final = re.compile(r"redis\.p?call\((?:[^()]|\([^()]*\))*\)")
_WORD: Final = re.compile(r"'([A-Z]+)'")
_LOCAL: Final = re.compile(
    r"\blocal function (\w+)|\blocal ([\w, ]+)|\bfor ([\w, ]+) (?:in|=)|\bfunction \w*\(([\w, ]*)\)"
)
_ASSIGNED: Final = re.compile(r"^\s*(?!local\b)(?:\w+, )*(\w+)(?:, \w+)* = ", re.MULTILINE)
# What fakeredis lacks, and what no script needs.
_LACKING: Final = re.compile(r"\b(cmsgpack|struct|bit|cjson|os)\.|^#!")


def _header(name: str) -> str:
    lines = (lua.SCRIPTS / f"{name}.lua").read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:end])


def _body(path: Path) -> str:
    """The code without comments."""
    return re.sub(r"--.*", "", path.read_text())


def _own_body(name: str) -> str:
    return _body(lua.SCRIPTS / f"{name}.lua")


def _replies(name: str) -> set[str]:
    """The upper-case words of the code that are not part of a command to Redis."""
    return set(_WORD.findall(_COMMAND.sub("", _own_body(name))))


@pytest.mark.parametrize("name", _SCRIPTS)
def test_header_opens_with_a_sentence(name: str) -> None:
    text = re.split(r"\n--\n", _header(name))[0].replace("\n-- ", " ")

    assert re.fullmatch(r"-- [A-Z][^\n]*\.", text)


@pytest.mark.parametrize("name", _SCRIPTS)
def test_header_names_each_key_and_argument_once_in_order(name: str) -> None:
    declared = [(kind, int(index)) for kind, index, _ in _DECLARED.findall(_header(name))]
    arguments = [index for kind, index in declared if kind == "ARGV"]

    assert declared[: -len(arguments)] == [("KEYS", 1)]
    assert arguments == list(range(1, len(arguments) + 1))


@pytest.mark.parametrize("name", _SCRIPTS)
def test_header_names_the_arguments_that_the_body_reads(name: str) -> None:
    declared = _DECLARED.findall(_header(name))
    body = _own_body(name)

    single = {int(index) for kind, index, rest in declared if kind == "ARGV" and not rest}
    repeated = {int(index) for kind, index, rest in declared if kind == "ARGV" and rest}

    assert single == {int(index) for kind, index in _USED.findall(body) if kind == "ARGV"}
    assert repeated == {int(index) for index in _LOOP.findall(body)}


@pytest.mark.parametrize("name", _SCRIPTS)
def test_body_uses_its_key_unless_that_only_names_the_shard(name: str) -> None:
    used = {int(index) for kind, index in _USED.findall(_own_body(name)) if kind == "KEYS"}

    assert used == (set() if "only names the shard" in _header(name) else {1})


@pytest.mark.parametrize("name", _SCRIPTS)
def test_header_promises_the_replies_that_the_body_gives(name: str) -> None:
    promised = _PROMISED.findall(_header(name))

    assert len(promised) == len(set(promised))
    assert set(promised) == _replies(name)


@pytest.mark.parametrize("name", _SCRIPTS)
@pytest.mark.parametrize("subject", ["Cost: ", "Writes |Deletes |Clears "])
def test_header_tells_what_it_writes_and_costs(name: str, subject: str) -> None:
    assert re.search(rf"^-- (.*\. )?({subject})", _header(name), re.MULTILINE)


def test_store_knows_every_reply_of_the_hold_scripts_and_no_other() -> None:
    given = set().union(*(_replies(name) for name in _SCRIPTS if name.startswith("hold_")))

    assert given == {reply.value for reply in Reply}


@pytest.mark.parametrize("path", _SHARED, ids=lambda path: path.stem)
def test_shared_code_replies_nothing_and_reads_no_argument(path: Path) -> None:
    body = _body(path)

    assert _WORD.findall(_COMMAND.sub("", body)) == []
    assert _USED.findall(body) == []


@pytest.mark.parametrize("name", _SCRIPTS)
def test_script_assigns_no_globals(name: str) -> None:
    code = re.sub(r"--.*", "", lua.source(name))
    declared = {
        word for groups in _LOCAL.findall(code) for group in groups for word in re.split(r",\s*", group.strip()) if word
    }
    # The fields of a table are not variables.
    statements = re.sub(r"\{[^{}]*\}", "", re.sub(r"\{[^{}]*\}", "", code))

    assert set(_ASSIGNED.findall(statements)) <= declared
    assert re.findall(r"^function \w+|^\s*function \w+", code, re.MULTILINE) == []


@pytest.mark.parametrize("name", _SCRIPTS)
def test_script_uses_only_what_every_redis_has(name: str) -> None:
    assert _LACKING.search(re.sub(r"--.*", "", lua.source(name))) is None


@pytest.mark.parametrize("name", _SCRIPTS)
def test_script_includes_each_shared_file_once_in_order(name: str) -> None:
    included = re.findall(r"^--@include (\S+)$", (lua.SCRIPTS / f"{name}.lua").read_text(), re.MULTILINE)

    assert included == sorted(set(included))
    assert "--@include" not in lua.source(name)


def test_readme_lists_every_script() -> None:
    listed = re.findall(r"^\| `(\w+)` \| ", _README.split("## Scripts")[1], re.MULTILINE)

    assert listed == _SCRIPTS


@pytest.mark.parametrize("name", _SCRIPTS)
def test_readme_names_methods_that_call_the_script(name: str) -> None:
    callers = re.findall(rf"^\| `{name}` \| .* \| (.+) \|$", _README, re.MULTILINE)[-1]

    for module_name, kind, method in re.findall(r"`([\w.]+)\.(\w+)\.(\w+)`", callers):
        module = import_module(module_name)
        assert callable(getattr(getattr(module, kind), method))
        assert f'"{name}"' in inspect.getsource(module)


def test_readme_lists_every_key() -> None:
    listed = re.findall(r"^\| `(\w+)(?::|`)", _README.split("## Scripts")[0], re.MULTILINE)
    written = {word for name in _SCRIPTS for word in re.findall(r"'(\w+):'", lua.source(name))} | {
        "cached",
        "catalogue",
        "live",
    }

    assert sorted(listed) == sorted(written)


def test_python_spells_each_key_as_the_scripts_do() -> None:
    prefix = keys.prefix(TENANT)

    spelled = [
        keys.catalogue(TENANT),
        keys.clear(TENANT, NOA, DAY),
        keys.version(TENANT, NOA, DAY),
        keys.held(TENANT, NOA, DAY),
        keys.hold(TENANT, MINE),
        keys.commit(TENANT, _OPERATION),
        keys.cached(TENANT),
        keys.live(TENANT),
    ]

    staff_day = f"{NOA}:{DAY}"
    assert spelled == [
        f"{prefix}catalogue",
        f"{prefix}clear:{staff_day}",
        f"{prefix}version:{staff_day}",
        f"{prefix}held:{staff_day}",
        f"{prefix}hold:{MINE}",
        f"{prefix}operation:{_OPERATION}",
        f"{prefix}cached",
        f"{prefix}live",
    ]
