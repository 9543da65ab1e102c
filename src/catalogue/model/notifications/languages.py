"""Languages in which a business writes."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from messages.content.language import find_language
from messages.content.model import LANGUAGES

_MAX_CHARACTERS: Final = 35
"""As long as the longest tag that must be supported by RFC 5646."""


def _known_language(tag: str) -> str:
    if find_language(tag) is None:
        detail = f'"{tag}" is none that messages are written in: {", ".join(LANGUAGES)}, also with a country'
        raise ValueError(detail)
    return tag


def _each_once(tags: list[str]) -> list[str]:
    if len(set(tags)) < len(tags):
        detail = "must name each language once"
        raise ValueError(detail)
    return tags


LanguageTag = Annotated[str, StringConstraints(max_length=_MAX_CHARACTERS), AfterValidator(_known_language)]
"""A language as BCP 47 names it, with or without a country."""
Languages = Annotated[list[LanguageTag], Field(min_length=1, max_length=2 * len(LANGUAGES)), AfterValidator(_each_once)]
"""The languages of a business, that of those who have chosen none first."""
