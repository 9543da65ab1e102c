"""Names of modules and public classes, compared with the glossary and a short list of plain words."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_SOURCE: Final = _ROOT / "src"
_PLAIN_WORDS: Final = (_ROOT / "tests/contract/plain_words.txt").read_text().split()
_TERM: Final = re.compile(r"^\| \*\*(.+?)\*\* \|", re.MULTILINE)
_TERMS: Final = _TERM.findall((_ROOT / "docs/explanation/glossary.md").read_text())
_PROBLEM: Final = re.compile(r"^## `(\w+)`:", re.MULTILINE)
_PROBLEMS: Final = _PROBLEM.findall((_ROOT / "docs/reference/problems.md").read_text())
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PROPER_NAMES: Final = {"cors", "ops", "postgres", "redis", "sms", "tls"}
_MEANINGLESS: Final = {"common", "helpers", "manager", "utils"}
# A word that says nothing by itself: where it may stand in a name, it stands in a term or in the code of a problem.
_RIDDLES: Final = {
    "asked",
    "debt",
    "edge",
    "found",
    "garbage",
    "groundwork",
    "keeper",
    "known",
    "ledger",
    "mine",
    "outgoing",
    "presumption",
    "round",
    "shown",
    "taken",
    "told",
    "wanted",
    "wish",
}


def _words(name: str) -> list[str]:
    """The words of a name in either case, in the singular."""
    return [_singular(word.lower()) for word in _WORD.findall(name)]


def _singular(word: str) -> str:
    if word in _PROPER_NAMES:
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if re.search(r"(ch|sh|ss|x)es$", word):
        return word[:-2]
    return re.sub(r"(?<=[^sui])s$", "", word)


def _modules() -> Iterator[tuple[str, Path]]:
    for file in sorted(_SOURCE.rglob("*.py")):
        path = file.relative_to(_SOURCE).with_suffix("")
        yield str(path.parent if path.name == "__init__" else path), file


def _public_classes() -> dict[str, list[str]]:
    modules_by_class: dict[str, list[str]] = defaultdict(list)
    for module, file in _modules():
        for statement in ast.parse(file.read_text()).body:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                modules_by_class[statement.name].append(module)
    return modules_by_class


def _unknown_words(name: str) -> list[str]:
    """The words of a name that belong to no term of the glossary, to no code of a problem, and are not plain."""
    text = " ".join(_words(name))
    for phrase in sorted((" ".join(_words(term)) for term in (*_TERMS, *_PROBLEMS)), key=len, reverse=True):
        text = re.sub(rf"\b{phrase}\b", "", text)
    return [word for word in text.split() if word not in _PLAIN_WORDS]


def _unexplained(names: dict[str, str]) -> list[str]:
    """A line for each name that has unknown words."""
    return [f"{place}: {', '.join(unknown)}" for name, place in names.items() if (unknown := _unknown_words(name))]


def _lines(advice: str, lines: list[str]) -> str:
    return "\n  ".join([f"{advice}:", *lines])


def test_names_of_modules_are_in_the_vocabulary() -> None:
    names = {Path(module).name: f"src/{module}" for module, _ in _modules()}

    unexplained = _unexplained(names)

    assert not unexplained, _lines("Rename, or add to the glossary or to plain_words.txt", unexplained)


def test_names_of_public_classes_are_in_the_vocabulary() -> None:
    names = {name: f"{name} in src/{modules[0]}.py" for name, modules in _public_classes().items()}

    unexplained = _unexplained(names)

    assert not unexplained, _lines("Rename, or add to the glossary or to plain_words.txt", unexplained)


def test_public_class_names_occur_once() -> None:
    twice = [f"{name}: {', '.join(modules)}" for name, modules in _public_classes().items() if len(modules) > 1]

    assert not twice, _lines("One name, one class", twice)


def test_modules_are_named_for_what_they_know() -> None:
    assert [module for module, _ in _modules() if _MEANINGLESS.intersection(_words(module))] == []


def test_plain_words_are_sorted_and_no_riddles() -> None:
    assert sorted(set(_PLAIN_WORDS)) == _PLAIN_WORDS
    assert _RIDDLES.intersection(_PLAIN_WORDS) == set()


def test_plain_words_are_used_and_not_in_the_glossary() -> None:
    names = [Path(module).name for module, _ in _modules()] + list(_public_classes())
    used = {word for name in names for word in _words(name)}
    terms = {words[0] for term in _TERMS if len(words := _words(term)) == 1}

    superfluous = [word for word in _PLAIN_WORDS if word not in used or word in terms]

    assert not superfluous, _lines("Remove from plain_words.txt", superfluous)


def test_glossary_is_sorted() -> None:
    terms = [term.lower().replace("-", " ") for term in _TERMS]

    assert len(terms) > 1
    assert sorted(terms) == terms
