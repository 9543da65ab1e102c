"""The business document as clients write it: its fields, their forms, and what can be wrong with one part alone."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from catalogue.limits import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_ADVANCE_MINUTES,
    MAX_AMOUNT_MINOR,
    MAX_BLOCKED_MINUTES,
    MAX_CAPACITY,
    MAX_COUNT,
    MAX_CUSTOMER_APPOINTMENTS,
    MAX_DAILY_APPOINTMENTS,
    MAX_HOLD_SECONDS,
    MAX_HOLDS_PER_CLIENT,
    MAX_LOCATIONS,
    MAX_NAME_CHARACTERS,
    MAX_OVERRIDES,
    MAX_REASON_CHARACTERS,
    MAX_REQUIREMENTS,
    MAX_RESCHEDULES,
    MAX_RESOURCES,
    MAX_SERVICES,
    MAX_SPANS_PER_DATE,
    MAX_TIME_OFF,
    MAX_TIME_OFF_MINUTES,
    MAX_WEEKLY_SPANS,
    MAX_WINDOW_DAYS,
)
from catalogue.model import Align, Assign, Weekday
from kernel.errors import FieldError
from kernel.ids import KEY_PATTERN
from kernel.spans import MINUTES_PER_DAY, to_minute
from kernel.zones import UnknownZoneError, zone

CURRENCY_PATTERN: Final = r"^[A-Z]{3}$"
_WALL_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d:\d\d)")


class FaultsError(ValueError):
    """What is wrong with a part of a document that has several fields; pointers are relative to the part."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in self.errors))


def refuse_if(*faults: tuple[bool, str, str]) -> None:
    """Raise FaultsError for those of (is it so?, pointer, detail) that are so."""
    errors = [FieldError(pointer, detail) for found, pointer, detail in faults if found]
    if errors:
        raise FaultsError(errors)


def _one_line(text: str) -> str:
    # Postgres stores no NUL and no half of a surrogate pair; other control characters serve no name.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        detail = "must not contain control characters"
        raise ValueError(detail)
    if not text.strip():
        detail = "must not be blank"
        raise ValueError(detail)
    return text


def _known_zone(name: str) -> str:
    try:
        zone(name)
    except UnknownZoneError:
        detail = f'"{name}" is not an IANA time zone such as "Europe/Paris" (an offset such as "+02:00" is not a zone)'
        raise ValueError(detail) from None
    return name


def _wall_minute(value: object) -> int:
    """Minutes since local midnight, from "HH:MM"."""
    if not isinstance(value, str) or not _WALL_TIME.fullmatch(value):
        # YAML 1.1 reads an unquoted 13:00 as the number 780.
        detail = 'must be a time from "00:00" to "24:00", spelled HH:MM (in YAML, between quotes)'
        raise ValueError(detail)
    return int(value[:2]) * 60 + int(value[3:])


def _before_midnight(minute: int) -> int:
    if minute >= MINUTES_PER_DAY:
        detail = 'must be before "24:00": a span starts on its own date'
        raise ValueError(detail)
    return minute


def read_date(value: object) -> date:
    """A calendar date from YYYY-MM-DD, or from what YAML has already made of it. Raises ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            detail = f"{value} is not in the calendar"
            raise ValueError(detail) from None
    if not isinstance(value, date) or isinstance(value, datetime):
        detail = "must be a date spelled YYYY-MM-DD"
        raise ValueError(detail)  # noqa: TRY004 - Pydantic reports ValueError only
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        detail = f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(detail)
    return value


def read_instant(value: object) -> datetime:
    """An aware instant on a whole minute from RFC 3339, or from what YAML has already made of it. Raises ValueError."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            detail = f"{value} is not in the calendar"
            raise ValueError(detail) from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        detail = 'must be an instant with its offset from UTC, such as "2027-01-03T00:00:00+02:00"'
        raise ValueError(detail)
    if value.second or value.microsecond:
        detail = "must be on a whole minute"
        raise ValueError(detail)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        detail = f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(detail)
    return value


Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
# An id or a key: which object it names is found out later (catalogue.references).
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Word = Annotated[str, StringConstraints(pattern=r"^\w[\w-]{0,62}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARACTERS), AfterValidator(_one_line)]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
WallTime = Annotated[
    int,
    BeforeValidator(_wall_minute),
    WithJsonSchema({"type": "string", "pattern": f"^({_WALL_TIME.pattern})$", "examples": ["09:00"]}),
]
LocalDate = Annotated[date, PlainValidator(read_date), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[datetime, PlainValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Percent = Annotated[int, Field(ge=0, le=100)]
AdvanceMinutes = Annotated[int, Field(ge=0, le=MAX_ADVANCE_MINUTES)]
BlockedMinutes = Annotated[int, Field(ge=0, le=MAX_BLOCKED_MINUTES)]
DurationMinutes = Annotated[int, Field(ge=1, le=MAX_BLOCKED_MINUTES)]
HoldSeconds = Annotated[int, Field(ge=1, le=MAX_HOLD_SECONDS)]
DailyLimit = Annotated[int, Field(ge=1, le=MAX_DAILY_APPOINTMENTS)]


class Document(BaseModel):
    """A part of a document: exactly the fields it names, none converted from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MoneyDocument(Document):
    """An amount in the currency's smallest unit, and its ISO 4217 code."""

    amount_minor: Annotated[int, Field(ge=0, le=MAX_AMOUNT_MINOR)]
    currency: Currency


class WindowDocument(Document):
    """How far ahead can be booked: `days`, or `business_days`, or `from` and `until` (one of them may be absent)."""

    days: Annotated[int, Field(ge=0, le=MAX_WINDOW_DAYS)] | None = None
    business_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] | None = None
    from_date: LocalDate | None = Field(default=None, alias="from")
    until_date: LocalDate | None = Field(default=None, alias="until")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        fixed = self.from_date is not None or self.until_date is not None
        if (self.days is not None) + (self.business_days is not None) + fixed != 1:
            detail = "give days, or business_days, or from and until"
            raise ValueError(detail)
        if self.from_date and self.until_date and self.until_date < self.from_date:
            raise FaultsError([FieldError("until", "must not be before from")])
        return self


class CustomerLimitDocument(Document):
    """How much one customer may have booked."""

    active: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that are pending or confirmed and have not ended."
    )
    daily: Annotated[int, Field(ge=1, le=MAX_CUSTOMER_APPOINTMENTS)] | None = Field(
        default=None, description="Appointments that begin on one local date."
    )

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.active is None and self.daily is None:
            detail = "give active, or daily, or both"
            raise ValueError(detail)
        return self


class HoldDocument(Document):
    """How long a hold lives, and how many of them one client may have at once."""

    ttl_seconds: HoldSeconds = 300
    max_total_seconds: HoldSeconds | None = Field(
        default=None, description="With all extensions. Default: 1200, or ttl_seconds where that is longer."
    )
    max_per_client: Annotated[int, Field(ge=1, le=MAX_HOLDS_PER_CLIENT)] = 3

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        shorter = self.max_total_seconds is not None and self.max_total_seconds < self.ttl_seconds
        refuse_if((shorter, "max_total_seconds", "must not be less than ttl_seconds"))
        return self


class CancellationDocument(Document):
    """What a late cancellation or a no-show costs."""

    free_until_minutes: AdvanceMinutes = 0
    fee_percent: Percent = 0
    no_show_fee_percent: Percent = 0


class RescheduleDocument(Document):
    """Until when, and how often, an appointment may be moved, by whomever."""

    until_minutes: AdvanceMinutes = 0
    max_times: Annotated[int, Field(ge=0, le=MAX_RESCHEDULES)] | None = None


class ApprovalDocument(Document):
    """How long an appointment may wait to be approved."""

    within_minutes: Annotated[int, Field(ge=1, le=MAX_ADVANCE_MINUTES)]


def _one_approval(value: object, handler: ValidatorFunctionWrapHandler) -> bool | ApprovalDocument:
    """Validated as what it looks like: of a union, Pydantic would tell what is wrong with each of its forms."""
    if isinstance(value, Mapping):
        return ApprovalDocument.model_validate(value)
    if not isinstance(value, bool | ApprovalDocument):
        detail = "must be true, false, or an object with within_minutes"
        raise ValueError(detail)  # noqa: TRY004 - Pydantic reports ValueError only
    found: bool | ApprovalDocument = handler(value)
    return found


ApprovalRule = Annotated[
    bool | ApprovalDocument,
    WrapValidator(_one_approval),
    Field(description="Whether appointments wait to be approved; true: for 1440 minutes at most."),
]


class RulesDocument(Document):
    """The rules of a service, or the defaults of a business.

    A rule that is absent is not set at this level; null is "no limit".
    """

    lead_time_minutes: AdvanceMinutes = 0
    window: WindowDocument | None = None
    daily_limit: DailyLimit | None = None
    customer_limit: CustomerLimitDocument | None = None
    buffers_inside_hours: bool = False
    hold: HoldDocument = HoldDocument()
    cancellation: CancellationDocument = CancellationDocument()
    reschedule: RescheduleDocument = RescheduleDocument()
    approval: ApprovalRule = False


class ResourceRulesDocument(Document):
    """The rules of one resource: nearer than those of service and business."""

    lead_time_minutes: AdvanceMinutes = 0
    window: WindowDocument | None = None
    daily_limit: DailyLimit | None = None
    buffers_inside_hours: bool = False
    cancellation: CancellationDocument = CancellationDocument()
    reschedule: RescheduleDocument = RescheduleDocument()
    approval: ApprovalRule = False


class BusinessSection(Document):
    """The business itself, with the defaults of its services."""

    name: Title
    timezone: Zone
    currency: Currency
    rules: RulesDocument = RulesDocument()


class LocationDocument(Document):
    """A place of the business."""

    key: Key
    name: Title
    timezone: Zone | None = Field(default=None, description="Default: that of the business.")


class WallSpanDocument(Document):
    """A span on the wall clock; one whose end is at or before its start runs past midnight."""

    start: Annotated[WallTime, AfterValidator(_before_midnight)]
    end: WallTime


class WeeklySpanDocument(WallSpanDocument):
    """A span on certain days of the week, in force between two dates, both inclusive."""

    days: Annotated[list[Annotated[Weekday, Field(strict=False)]], Field(min_length=1, max_length=7)]
    valid_from: LocalDate | None = None
    valid_until: LocalDate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        backwards = bool(self.valid_from and self.valid_until and self.valid_until < self.valid_from)
        refuse_if(
            (len(set(self.days)) < len(self.days), "days", "names a day twice"),
            (backwards, "valid_until", "must not be before valid_from"),
        )
        return self


class OverrideDocument(Document):
    """The hours of one local date, in place of its weekly hours; no spans means closed."""

    date: LocalDate
    spans: Annotated[list[WallSpanDocument], Field(max_length=MAX_SPANS_PER_DATE)]


class TimeOffDocument(Document):
    """An absolute span in which a resource takes no bookings."""

    start: Instant
    end: Instant
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON_CHARACTERS), AfterValidator(_one_line)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        minutes = to_minute(self.end) - to_minute(self.start)
        longest = MAX_TIME_OFF_MINUTES // MINUTES_PER_DAY
        refuse_if(
            (minutes <= 0, "end", "must be after start"),
            (minutes > MAX_TIME_OFF_MINUTES, "end", f"must be within {longest} days of start"),
        )
        return self


class ResourceDocument(Document):
    """Somebody or something that is booked."""

    key: Key
    kind: Word = Field(description="staff, room, equipment, class, or any word")
    name: Title
    location: Name | None = Field(default=None, description="Default: the only location, where there is one.")
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] = 1
    hours: Annotated[list[WeeklySpanDocument], Field(max_length=MAX_WEEKLY_SPANS)] = []
    breaks: Annotated[list[WeeklySpanDocument], Field(max_length=MAX_WEEKLY_SPANS)] = []
    overrides: Annotated[list[OverrideDocument], Field(max_length=MAX_OVERRIDES)] | None = Field(
        default=None, description="Absent: what is stored stays. Given: exactly these."
    )
    time_off: Annotated[list[TimeOffDocument], Field(max_length=MAX_TIME_OFF)] | None = Field(
        default=None, description="Absent: what is stored stays. Given: exactly these."
    )
    rules: ResourceRulesDocument = ResourceRulesDocument()

    @model_validator(mode="after")
    def _dates_once(self) -> Self:
        seen: set[date] = set()
        errors = []
        for index, override in enumerate(self.overrides or ()):
            if override.date in seen:
                errors.append(FieldError(f"overrides[{index}].date", f"{override.date} has an override already"))
            seen.add(override.date)
        if errors:
            raise FaultsError(errors)
        return self


class GridDocument(Document):
    """Where the slots of a service start."""

    align: Annotated[Align, Field(strict=False)] = Align.OPENING
    step_minutes: DurationMinutes | None = Field(default=None, description="Default: the service's duration.")
    offset_minutes: Annotated[int, Field(ge=0, le=MINUTES_PER_DAY)] = 0


class TermsDocument(Document):
    """What differs when a certain resource serves."""

    duration_minutes: DurationMinutes | None = None
    price: MoneyDocument | None = None


class RequirementDocument(Document):
    """One entry of what a service needs: a count of a pool, for the whole visit or a part of it."""

    role: Word
    any_of: Annotated[list[Name], Field(min_length=1, max_length=MAX_RESOURCES)] | None = None
    kind: Word | None = None
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    offset_minutes: BlockedMinutes = 0
    duration_minutes: DurationMinutes | None = None
    overrides: Annotated[dict[Name, TermsDocument], Field(max_length=MAX_RESOURCES)] = {}

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if (self.any_of is None) == (self.kind is None):
            detail = "name the pool by any_of or by kind"
            raise ValueError(detail)
        return self


class ServiceDocument(Document):
    """Something that can be booked."""

    key: Key
    name: Title
    duration_minutes: DurationMinutes
    buffer_before_minutes: BlockedMinutes = 0
    buffer_after_minutes: BlockedMinutes = 0
    buffers_inside_hours: bool = False
    price: MoneyDocument | None = Field(default=None, description="Default: nothing, in the business's currency.")
    grid: GridDocument = GridDocument()
    requires: Annotated[list[RequirementDocument], Field(min_length=1, max_length=MAX_REQUIREMENTS)]
    assign: Annotated[Assign, Field(strict=False)] = Assign.LEAST_BOOKED
    rules: RulesDocument = RulesDocument()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        errors = [*self._spans_too_long(), *self._parts_outside_the_visit(), *self._foreign_prices()]
        if errors:
            raise FaultsError(errors)
        return self

    def _spans_too_long(self) -> Iterable[FieldError]:
        """A claim with its buffers must stay within the limit, whoever serves."""
        buffers = self.buffer_before_minutes + self.buffer_after_minutes
        detail = f"with the buffers, a visit takes at most {MAX_BLOCKED_MINUTES} minutes"
        if self.duration_minutes + buffers > MAX_BLOCKED_MINUTES:
            yield FieldError("duration_minutes", detail)
        for index, requirement in enumerate(self.requires):
            for name, terms in requirement.overrides.items():
                if (terms.duration_minutes or 0) + buffers > MAX_BLOCKED_MINUTES:
                    yield FieldError(f"requires[{index}].overrides.{name}.duration_minutes", detail)

    def _parts_outside_the_visit(self) -> Iterable[FieldError]:
        for index, requirement in enumerate(self.requires):
            pointer = f"requires[{index}]"
            if requirement.offset_minutes >= self.duration_minutes:
                yield FieldError(f"{pointer}.offset_minutes", "must be less than the service's duration_minutes")
            elif requirement.offset_minutes + (requirement.duration_minutes or 0) > self.duration_minutes:
                yield FieldError(f"{pointer}.duration_minutes", "must end within the service's duration_minutes")

    def _foreign_prices(self) -> Iterable[FieldError]:
        """A visit has one price, so all its parts are in one currency."""
        for index, requirement in enumerate(self.requires):
            for name, terms in requirement.overrides.items():
                if self.price and terms.price and terms.price.currency != self.price.currency:
                    detail = f"must be {self.price.currency}, as the service's price"
                    yield FieldError(f"requires[{index}].overrides.{name}.price.currency", detail)


class BusinessDocument(Document):
    """The whole set-up of a business. What is absent from it is archived."""

    business: BusinessSection
    locations: Annotated[list[LocationDocument], Field(max_length=MAX_LOCATIONS)] = []
    resources: Annotated[list[ResourceDocument], Field(max_length=MAX_RESOURCES)] = []
    services: Annotated[list[ServiceDocument], Field(max_length=MAX_SERVICES)] = []
