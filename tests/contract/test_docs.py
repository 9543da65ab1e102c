"""Links, paths and names in the documentation, compared with the tree."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

_ROOT: Final = Path(__file__).resolve().parents[2]
_PAGES: Final = sorted(
    page.relative_to(_ROOT).as_posix()
    for folder in (".", "conformance", "docs", "loadtests", "lua", "models")
    for page in (_ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
# A fresh clone lacks the folders that git ignores.
_IGNORED: Final = tuple(
    line for line in (_ROOT / ".gitignore").read_text().splitlines() if line.endswith("/") and "*" not in line
)
_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_PATH: Final = re.compile(r"\.?[\w-]+(?:/[\w.-]+)+/?")
# `name` in `path`, also of several names: `one`, `two` in `path`.
_NAMED_IN: Final = re.compile(r"((?:`[\w.]+`(?:, | and ))*`[\w.]+`)\s+in\s+`([\w./-]+\.(?:py|lua|sql|js))`")
_METHOD: Final = re.compile(r"([A-Z]\w*[a-z]\w*)\.(\w+)")
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_LAST_CELL: Final = re.compile(r"^\|.*\|([^|]+)\|$", re.MULTILINE)
_SECTIONS: Final = ("locations", "resources", "services")
_SUFFIXES: Final = {".http", ".lua", ".md", ".py", ".sql", ".toml", ".txt", ".yaml"}


def _prose(page: str) -> str:
    """The page without its fenced blocks, whose content is for shells and not for readers."""
    return _FENCED.sub("", (_ROOT / page).read_text())


def _anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page: lower case, punctuation dropped, blanks as hyphens."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(page: str) -> Iterator[str]:
    for link in _LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (_ROOT / page).parent / path if path else _ROOT / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


def _named_paths(page: str) -> Iterator[str]:
    """The words that look like paths of the project: they begin with a folder at the root, or end like its files."""
    for code in _CODE.findall(_prose(page)):
        if not _PATH.fullmatch(code) or code.startswith(_IGNORED):
            continue
        if (_ROOT / code.split("/")[0]).is_dir() or Path(code).suffix in _SUFFIXES:
            yield code


@cache
def _defined_names(path: Path) -> frozenset[str]:
    """The functions, classes and constants of a module, and `Class.member` of its classes."""
    names: set[str] = set()
    for statement in ast.parse(path.read_text()).body:
        names |= _names_of(statement)
        if isinstance(statement, ast.ClassDef):
            names |= {f"{statement.name}.{name}" for member in statement.body for name in _names_of(member)}
    return frozenset(names)


def _names_of(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def _is_defined(name: str, path: Path) -> bool:
    """True if the file defines the name; in scripts, and in migrations, which are SQL, if it contains the word."""
    if not path.exists():
        return False
    if path.suffix == ".py" and "migrations" not in path.parts:
        return name in _defined_names(path)
    return re.search(rf"\b{re.escape(name)}\b", path.read_text()) is not None


@cache
def _members_of_classes() -> frozenset[str]:
    files = [file for folder in ("src", "tests", "loadtests") for file in (_ROOT / folder).rglob("*.py")]
    return frozenset(name for file in files for name in _defined_names(file) if "." in name)


def test_pages_are_found() -> None:
    assert {"README.md", "docs/explanation/hold-protocol.md"} <= set(_PAGES)


@pytest.mark.parametrize("page", _PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    assert list(_broken_links(page)) == []


@pytest.mark.parametrize("page", _PAGES)
def test_named_paths_exist(page: str) -> None:
    folders = (_ROOT, (_ROOT / page).parent)

    missing = [path for path in _named_paths(page) if not any((folder / path).exists() for folder in folders)]

    assert missing == []


@pytest.mark.parametrize("page", _PAGES)
def test_named_tests_exist(page: str) -> None:
    tests = "\n".join(file.read_text() for file in (_ROOT / "tests").rglob("test_*.py"))

    assert [name for name in re.findall(r"`(test_\w+)`", _prose(page)) if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("page", _PAGES)
def test_names_are_defined_in_the_file_beside_them(page: str) -> None:
    named = [(name, path) for names, path in _NAMED_IN.findall(_prose(page)) for name in _CODE.findall(names)]

    undefined = [f"{name} in {path}" for name, path in named if not _is_defined(name, _ROOT / path)]

    assert not undefined, "\n".join(undefined)


@pytest.mark.parametrize("page", _PAGES)
def test_named_methods_exist(page: str) -> None:
    methods = [code for code in _CODE.findall(_prose(page)) if _METHOD.fullmatch(code) and Path(code).suffix != ".md"]

    unknown = [method for method in methods if method not in _members_of_classes()]

    assert not unknown, "\n".join(unknown)


def test_pairs_of_name_and_file_are_found() -> None:
    assert ("`decide`, `Rule.apply`", "src/a.py") in _NAMED_IN.findall("see `decide`, `Rule.apply` in `src/a.py`")


def test_named_objects_of_examples_exist() -> None:
    documents = [yaml.safe_load(file.read_text()) for file in (_ROOT / "examples").glob("*.yaml")]
    objects = [entry for document in documents for section in _SECTIONS for entry in document[section]]

    page = _prose("docs/how-to/model-your-business.md")
    named = {name for row in _LAST_CELL.findall(page) for name in _CODE.findall(row) if not _PATH.fullmatch(name)}

    assert "haircut" in named
    assert named - {entry["key"] for entry in objects} == set()


def test_decisions_are_all_listed() -> None:
    listed = set(_LINK.findall((_ROOT / "docs/adr/README.md").read_text()))

    assert listed == {page.name for page in (_ROOT / "docs/adr").glob("0*.md")}
