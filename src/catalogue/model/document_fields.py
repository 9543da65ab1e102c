"""Types of the fields in documents, with what each accepts."""

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from catalogue.limits import (
    CALENDAR,
    FIRST_YEAR,
    LAST_YEAR,
    MAX_ADDRESS_CHARACTERS,
    MAX_ADVANCE_MINUTES,
    MAX_BLOCKED_MINUTES,
    MAX_DAILY_APPOINTMENTS,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_HOLD_SECONDS,
    MAX_NAME_CHARACTERS,
    MAX_REASON_CHARACTERS,
)
from kernel import text
from kernel.email_address import email_address
from kernel.ids import KEY_PATTERN
from kernel.spans import MINUTES_PER_DAY, to_minute
from kernel.zones import UnknownZoneError, countries, zone

CURRENCY_PATTERN: Final = r"^[A-Z]{3}$"
COUNTRY_PATTERN: Final = r"^[A-Z]{2}$"
TELEPHONE_PATTERN: Final = r"^\+?[0-9(][0-9 ()./-]{2,38}$"
_BEFORE_MIDNIGHT: Final = r"([01]\d|2[0-3]):([0-5]\d)"
_WALL_TIME: Final = re.compile(f"{_BEFORE_MIDNIGHT}|24:00")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d:\d\d)")


def _known_zone(name: str) -> str:
    try:
        zone(name)
    except UnknownZoneError:
        detail = f'"{name}" is not an IANA time zone such as "Europe/Paris" (an offset such as "+02:00" is not a zone)'
        raise ValueError(detail) from None
    return name


def _known_country(code: str) -> str:
    if code not in countries():
        detail = f'"{code}" is not a country code by ISO 3166, such as "FR"'
        raise ValueError(detail)
    return code


def _wall_minute(value: object) -> int:
    """Minutes since local midnight, from "HH:MM"."""
    if not isinstance(value, str) or not _WALL_TIME.fullmatch(value):
        # YAML 1.1 reads an unquoted 13:00 as the number 780.
        detail = 'must be a time from "00:00" to "24:00", written as HH:MM and quoted in YAML'
        raise ValueError(detail)
    return int(value[:2]) * 60 + int(value[3:])


def before_midnight(minute: int) -> int:
    """The minute, if it lies on its own date. Raises ValueError."""
    if minute >= MINUTES_PER_DAY:
        detail = 'must be before "24:00", because a span starts on its own date'
        raise ValueError(detail)
    return minute


def read_date(value: object) -> date:
    """A calendar date from YYYY-MM-DD, or from what YAML has already made of it. Raises ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            detail = f"{value} is not a valid date"
            raise ValueError(detail) from None
    if not isinstance(value, date) or isinstance(value, datetime):
        detail = "must be a date written as YYYY-MM-DD"
        raise ValueError(detail)  # noqa: TRY004 - Pydantic reports ValueError only
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        detail = f"must be in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(detail)
    return value


def read_instant(value: object) -> datetime:
    """An aware instant on a whole minute from RFC 3339, or from what YAML has already made of it. Raises ValueError."""
    instant = _instant(value)
    if instant.second or instant.microsecond:
        detail = "must be on a whole minute"
        raise ValueError(detail)
    return instant


def _read_second(value: object) -> datetime:
    """An aware instant on a whole second, from the same. Raises ValueError."""
    instant = _instant(value)
    if instant.microsecond:
        detail = "must be on a whole second"
        raise ValueError(detail)
    return instant


def _instant(value: object) -> datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            detail = f"{value} is not a valid date and time"
            raise ValueError(detail) from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        detail = 'must be a date and time with an offset from UTC, such as "2027-01-03T00:00:00+02:00"'
        raise ValueError(detail)
    if not CALENDAR.start <= to_minute(value) < CALENDAR.end:
        detail = f"must be in the years {FIRST_YEAR} to {LAST_YEAR} (UTC)"
        raise ValueError(detail)
    return value


Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
# An id or a key; catalogue.references finds the object.
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Word = Annotated[str, StringConstraints(pattern=r"^\w[\w-]{0,62}$"), AfterValidator(text.one_line)]
# The length is checked before the folding, which takes time, and after it.
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME_CHARACTERS),
    AfterValidator(text.one_line),
    AfterValidator(text.within(MAX_NAME_CHARACTERS)),
]
Description = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_DESCRIPTION_CHARACTERS),
    AfterValidator(text.several_lines),
    AfterValidator(text.within(MAX_DESCRIPTION_CHARACTERS)),
]
Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ADDRESS_CHARACTERS),
    AfterValidator(text.several_lines),
    AfterValidator(text.within(MAX_ADDRESS_CHARACTERS)),
]
TimeOffReason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_REASON_CHARACTERS),
    AfterValidator(text.one_line),
    AfterValidator(text.within(MAX_REASON_CHARACTERS)),
]
EmailAddress = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(email_address),
    Field(
        description="Of a mailbox that the Internet can reach. Its domain is kept in lower case.",
        json_schema_extra={"format": "idn-email"},
    ),
]
Zone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_known_zone),
    Field(json_schema_extra={"format": "iana-time-zone"}),
]
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN), AfterValidator(_known_country)]
Telephone = Annotated[str, StringConstraints(pattern=TELEPHONE_PATTERN)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
WallTime = Annotated[
    int,
    BeforeValidator(_wall_minute),
    WithJsonSchema({"type": "string", "pattern": f"^({_WALL_TIME.pattern})$", "examples": ["09:00"]}),
]
StartTime = Annotated[
    int,
    BeforeValidator(_wall_minute),
    AfterValidator(before_midnight),
    WithJsonSchema({"type": "string", "pattern": f"^{_BEFORE_MIDNIGHT}$", "examples": ["09:00"]}),
]
LocalDate = Annotated[date, PlainValidator(read_date), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[datetime, PlainValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
InstantSecond = Annotated[
    datetime, PlainValidator(_read_second), WithJsonSchema({"type": "string", "format": "date-time"})
]
ExactInstant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant as finely as answers have it."""
Percent = Annotated[int, Field(ge=0, le=100)]
AdvanceMinutes = Annotated[int, Field(ge=0, le=MAX_ADVANCE_MINUTES)]
BlockedMinutes = Annotated[int, Field(ge=0, le=MAX_BLOCKED_MINUTES)]
DurationMinutes = Annotated[int, Field(ge=1, le=MAX_BLOCKED_MINUTES)]
HoldSeconds = Annotated[int, Field(ge=1, le=MAX_HOLD_SECONDS)]
DailyLimit = Annotated[int, Field(ge=1, le=MAX_DAILY_APPOINTMENTS)]
