"""Rule on the dates that can be booked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_WINDOW_DAYS
from catalogue.model.document_fields import LocalDate
from catalogue.model.documents import Document, FaultsError, JsonObject, present
from catalogue.model.rules.rule import RuleCodec, from_record, or_null, record_of
from kernel.errors import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingWindow:
    """Bookable until the end of the local date that many days after today's."""

    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDaysWindow:
    """Bookable until the end of the last of that many coming local dates with working time, today among them."""

    business_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWindow:
    """Bookable on local dates between the two, both inclusive; an absent one is no limit."""

    from_date: date | None
    until_date: date | None


Window = RollingWindow | BusinessDaysWindow | FixedWindow


class WindowDocument(Document):
    """Dates that can be booked: `days`, or `business_days`, or `from` and `until` (one of them may be absent)."""

    days: Annotated[int, Field(ge=0, le=MAX_WINDOW_DAYS)] | None = None
    business_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] | None = None
    from_date: LocalDate | None = Field(default=None, alias="from")
    until_date: LocalDate | None = Field(default=None, alias="until")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        fixed = self.from_date is not None or self.until_date is not None
        if (self.days is not None) + (self.business_days is not None) + fixed != 1:
            detail = "give one of days, business_days, or from and until"
            raise ValueError(detail)
        if self.from_date and self.until_date and self.until_date < self.from_date:
            raise FaultsError([FieldError("until", "must not be before from")])
        return self


def _desired(entry: WindowDocument) -> Window:
    if entry.days is not None:
        return RollingWindow(days=entry.days)
    if entry.business_days is not None:
        return BusinessDaysWindow(business_days=entry.business_days)
    return FixedWindow(from_date=entry.from_date, until_date=entry.until_date)


def _document(window: Window) -> JsonObject:
    match window:
        case RollingWindow():
            return {"days": window.days}
        case BusinessDaysWindow():
            return {"business_days": window.business_days}
        case FixedWindow():
            return present(**{"from": _iso(window.from_date), "until": _iso(window.until_date)})


def _stored(record: Mapping[str, object]) -> Window:
    if "days" in record:
        return from_record(RollingWindow, record)
    if "business_days" in record:
        return from_record(BusinessDaysWindow, record)
    return FixedWindow(from_date=_date(record.get("from")), until_date=_date(record.get("until")))


def _record(window: Window) -> JsonObject:
    if isinstance(window, FixedWindow):
        return present(**{"from": _iso(window.from_date), "until": _iso(window.until_date)})
    return record_of(window)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: object) -> date | None:
    return None if text is None else date.fromisoformat(str(text))


WINDOW: Final = or_null(RuleCodec(desired=_desired, document=_document, stored=_stored, record=_record))
