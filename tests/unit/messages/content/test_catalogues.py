"""Everything can be said in each language: no sentence is missing, left in English, or asks for other values."""

import re
from collections.abc import Iterator
from importlib import resources
from string import Formatter
from typing import Final

import pytest
from babel.messages.catalog import Message
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from messages.content.model import LANGUAGES

_OTHERS: Final = tuple(language for language in LANGUAGES if language != "en")
# Layout, and words that are the same: each was looked at.
_SAME: Final = {
    "event",
    "line",
    "place",
    "when.short",
    "when.day",
    "when.days",
    "label.service",
    "label.add_ons",
    "subject",
}
_SAME_WORDS: Final = {("fr", "reminder.team.word")}


def _entries(language: str) -> dict[str, Message]:
    file = resources.files("messages.content").joinpath("catalogues", f"{language}.po")
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale=language, abort_invalid=True)
    return {entry.context: entry for entry in catalogue if entry.context is not None}


def _forms(entry: Message) -> tuple[str, ...]:
    return (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())


def _values(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def _all(language: str) -> Iterator[tuple[str, Message, Message]]:
    """Each sentence of a language beside the English one."""
    english = _entries("en")
    return ((key, entry, english[key]) for key, entry in _entries(language).items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_has_every_sentence_and_no_other(language: str) -> None:
    entries = _entries(language)

    assert entries.keys() == _entries("en").keys()
    assert [key for key, entry in entries.items() if not all(form.strip() for form in _forms(entry))] == []
    assert [key for key, entry in entries.items() if entry.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentence_is_translated_from_the_english_one_of_today(language: str) -> None:
    for key, entry, english in _all(language):
        source = (entry.id,) if isinstance(entry.id, str) else tuple(entry.id)

        assert source == _forms(english), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentence_has_a_form_for_each_number(language: str) -> None:
    wanted = get_plural(language)
    for key, entry, english in _all(language):
        forms = _forms(entry)

        assert len(forms) == (wanted.num_plurals if isinstance(english.id, tuple) else 1), key
    assert {"ar": 6, "en": 2, "de": 2}.get(language, wanted.num_plurals) == wanted.num_plurals


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentence_asks_for_the_values_of_the_english_one(language: str) -> None:
    for key, entry, english in _all(language):
        asked = set().union(*(_values(form) for form in _forms(entry)))
        known = set().union(*(_values(form) for form in _forms(english)))

        assert asked == known, key
        for form in _forms(entry):
            # A form for a single number may say it in words.
            assert known - _values(form) <= {"count"}, key


@pytest.mark.parametrize("language", _OTHERS)
def test_no_sentence_is_left_in_english(language: str) -> None:
    left = [
        key
        for key, entry, english in _all(language)
        if _forms(entry)[-1] == _forms(english)[-1] and key not in _SAME and (language, key) not in _SAME_WORDS
    ]

    assert left == []


@pytest.mark.parametrize(("language", "letters"), [("he", "\u05d0-\u05ea"), ("ar", "\u0621-\u0652")])
def test_sentence_is_in_the_letters_of_its_language(language: str, letters: str) -> None:
    for key, entry in _entries(language).items():
        for form in _forms(entry):
            words = re.sub(r"\{\w+\}", "", form)
            strange = [one for one in words if one.isalpha() and not re.match(f"[{letters}]", one)]

            assert strange == [], key


def test_english_says_what_it_is_translated_from() -> None:
    assert len(_entries("en")) > 100
