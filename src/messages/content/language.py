"""Languages: sentences from the catalogues, and dates, prices and plurals as a reader of the language writes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from gettext import c2py
from importlib import resources
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_timezone_name
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_currency_precision

from kernel.money import Money
from kernel.zones import zone
from messages.content.model import DEFAULT_LANGUAGE, LANGUAGES

# Where a tag names no country: days before months, and the clock of 24 hours.
_COUNTRIES: Final[Mapping[str, str]] = {"en": "en_GB"}
_FIRST_STRONG: Final = "\u2068"
_LEFT_TO_RIGHT: Final = "\u2066"
_END: Final = "\u2069"
_ISOLATES: Final = dict.fromkeys(map(ord, (_FIRST_STRONG, _LEFT_TO_RIGHT, _END)))
_LONGEST_TAG: Final = 35
"""The length that RFC 5646 (4.4.1) asks everybody to take."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and its form in a country where the tag names one."""

    tag: str
    locale: Locale
    sentences: Mapping[str, tuple[str, ...]]
    plural: Callable[[int], int]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as HTML says it."""
        return self.locale.text_direction

    def say(self, key: str, **values: str) -> str:
        """The sentence with these values in it."""
        return self._filled(self.sentences[key][0], values)

    def count(self, key: str, count: int, **values: str) -> str:
        """The sentence in the form that the number asks for."""
        return self._filled(self.sentences[key][self.plural(count)], {**values, "count": str(count)})

    def isolated(self, value: str) -> str:
        """Enclose a value of the other direction, so that it does not turn what stands beside it."""
        if self.direction == "ltr" or value.startswith((_FIRST_STRONG, _LEFT_TO_RIGHT)):
            return value
        if not any(character.isascii() and character.isalpha() for character in value):
            return value
        return f"{_FIRST_STRONG}{value}{_END}"

    def number(self, value: str) -> str:
        """A telephone number or a code, whose parts stay in their order in every language."""
        return value if self.direction == "ltr" else f"{_LEFT_TO_RIGHT}{value}{_END}"

    def day(self, at: datetime, timezone: str) -> str:
        """A short date, such as "Tue 1 Dec"."""
        return format_skeleton("MMMEd", at, tzinfo=zone(timezone), locale=self.locale)

    def full_day(self, at: datetime, timezone: str) -> str:
        """A date with its year, such as "Tuesday, 1 December 2026"."""
        return format_date(at.astimezone(zone(timezone)), "full", locale=self.locale)

    def time(self, at: datetime, timezone: str) -> str:
        """A time of the day, in which no line ends."""
        return format_time(at, "short", tzinfo=zone(timezone), locale=self.locale).replace(" ", "\u00a0")

    def moment(self, at: datetime, timezone: str) -> str:
        """A short date with the time."""
        return self.say("when.short", day=self.day(at, timezone), time=self.time(at, timezone))

    def period(self, start: datetime, end: datetime, timezone: str) -> str:
        """The time from start to end, with the year."""
        first, last = self.full_day(start, timezone), self.full_day(end, timezone)
        times = {"start": self.time(start, timezone), "end": self.time(end, timezone)}
        if first == last:
            return self.say("when.day", day=first, **times)
        return self.say("when.days", first_day=first, last_day=last, **times)

    def place(self, location: str | None, address: str | None) -> str | None:
        """The place of a visit, as far as it is known."""
        if not location or not address:
            return location or address or None
        if address.startswith(location):
            # Some places are called as their street is.
            return address
        return self.say("place", location=location, address=address)

    def zone_name(self, timezone: str) -> str:
        """The name of a zone for people."""
        return get_timezone_name(zone(timezone), "long", locale=self.locale)

    def price(self, money: Money) -> str:
        """An amount with its currency."""
        amount = money.amount_minor / 10 ** get_currency_precision(money.currency)
        return format_currency(amount, money.currency, locale=self.locale)

    def listed(self, names: Sequence[str]) -> str:
        """Names in a row, with the word for "and"."""
        return format_list([self.isolated(name) for name in names], locale=self.locale)

    def distance(self, minutes: int) -> str:
        """A length of time in words, such as "24 hours"."""
        return format_timedelta(timedelta(minutes=minutes), granularity="minute", threshold=1.5, locale=self.locale)

    def _filled(self, sentence: str, values: Mapping[str, str]) -> str:
        return sentence.format_map({name: self.isolated(value) for name, value in values.items()})


def without_isolates(text: str) -> str:
    """Text for places that show the marks of direction, or count them: subjects and text messages."""
    return text.translate(_ISOLATES)


@lru_cache(maxsize=256)
def find_language(tag: str) -> Language | None:
    """The language of a BCP 47 tag; None for one in which nothing can be said."""
    if len(tag) > _LONGEST_TAG:
        return None
    name = tag.replace("-", "_")
    try:
        locale = Locale.parse(_COUNTRIES.get(name, name))
    except (UnknownLocaleError, ValueError):
        return None
    if locale.language not in LANGUAGES:
        return None
    sentences, plural = _catalogue(locale.language)
    return Language(tag=tag.replace("_", "-"), locale=locale, sentences=sentences, plural=plural)


def default_language() -> Language:
    """The language that is left where no other has a text."""
    found = find_language(DEFAULT_LANGUAGE)
    assert found is not None, "there is a catalogue of the default language"
    return found


@cache
def _catalogue(language: str) -> tuple[Mapping[str, tuple[str, ...]], Callable[[int], int]]:
    """The sentences of a catalogue by key, each with its forms, and the rule that chooses among these."""
    file = resources.files(__package__).joinpath("catalogues", f"{language}.po")
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale=language, abort_invalid=True)
    sentences = {
        entry.context: (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        for entry in catalogue
        if entry.context is not None
    }
    return sentences, c2py(catalogue.plural_expr)
