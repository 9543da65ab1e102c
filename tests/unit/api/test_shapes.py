from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from api.answers import answer
from api.schemas.appointment_requests import AppointmentsQuery
from api.schemas.appointments import AppointmentAnswer, BookedAnswer, RepeatedAnswer, appointment_answer
from api.schemas.appointments import booked_answer as shaped_booking
from api.schemas.availability import (
    ListingParameters,
    NextParameters,
    dates_answer,
    day_answer,
    day_count_answer,
    next_answer,
)
from api.schemas.holds import HoldAnswer, hold_answer
from availability.model import DatedAnswer, Day, DayCount, Listing, PriceRange, Reason, Slot
from bookings.model import Appointment, Booked, CustomerDetails, Policy, Status
from catalogue.model.catalogue import Catalogue
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.reschedule import ReschedulePolicy
from holds.model import Hold, HoldStatus, Part
from kernel.errors import NotFound
from kernel.ids import AppointmentId, CustomerId, HoldId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Span, to_minute
from tests.support.documents import catalogue_of, small_document

_NINE = to_minute(datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
_NOW = datetime(2026, 11, 30, 15, 1, 12, tzinfo=UTC)


@pytest.fixture
def catalogue() -> Catalogue:
    return catalogue_of(small_document())


def _hold(catalogue: Catalogue, **changes: object) -> Hold:
    noa, chair = (catalogue.find_resource(key) for key in ("noa", "chair"))
    assert noa is not None
    assert chair is not None
    service = catalogue.services[0]
    fields: dict[str, Any] = {
        "id": HoldId("hld_1"),
        "status": HoldStatus.HELD,
        "service_id": service.id,
        "resource": None,
        "span": Span(_NINE, _NINE + 30),
        "parts": (
            Part(role="staff", resource_id=noa.id, span=Span(_NINE, _NINE + 10)),
            Part(role="chair", resource_id=chair.id, span=Span(_NINE, _NINE + 30)),
            Part(role="staff", resource_id=noa.id, span=Span(_NINE + 20, _NINE + 30)),
        ),
        "claims": (),
        "party": 1,
        "price": Money(amount_minor=9000, currency="ILS"),
        "placed_at": _NOW,
        "expires_at": _NOW,
        "extendable_until": _NOW,
        "appointment_id": None,
        "catalogue_version": "1",
    }
    return Hold(**{**fields, **changes})


def _appointment(catalogue: Catalogue, **changes: object) -> Appointment:
    hold = _hold(catalogue)
    fields: dict[str, Any] = {
        "id": AppointmentId("apt_1"),
        "hold_id": hold.id,
        "status": Status.CONFIRMED,
        "service_id": hold.service_id,
        "span": hold.span,
        "timezone": "Asia/Jerusalem",
        "parts": hold.parts,
        "party": 1,
        "price": hold.price,
        "customer_id": CustomerId("cus_1"),
        "customer": CustomerDetails(name="Dana"),
        "policy": Policy(cancellation=CancellationPolicy(), reschedule=ReschedulePolicy()),
        "notes": None,
        "metadata": {},
        "details_digest": None,
        "times_rescheduled": 0,
        "approve_by": None,
        "cancelled_at": None,
        "cancel_reason": None,
        "cancelled_by": None,
        "finished_at": None,
        "fee": None,
        "kept_fee": None,
        "fee_start": None,
        "version": 1,
        "created_at": _NOW,
        "updated_at": _NOW,
    }
    return Appointment(**{**fields, **changes})


def _sent(body: Mapping[str, object]) -> dict[str, Any]:
    sent: dict[str, Any] = orjson.loads(answer(body).body)
    return sent


def test_hold_has_the_form_that_is_documented(catalogue: Catalogue) -> None:
    sent = _sent(hold_answer(_hold(catalogue), catalogue))

    TypeAdapter(HoldAnswer).validate_python(sent)
    assert sent["start"] == "2026-12-01T07:00:00Z"
    assert sent["resources"] == [{"role": "staff", "resource": "noa"}, {"role": "chair", "resource": "chair"}]
    assert sent["service"] == catalogue.services[0].key
    assert "appointment" not in sent


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (HoldStatus.HELD, "held"),
        (HoldStatus.PINNED, "held"),
        (HoldStatus.CONFIRMED, "confirmed"),
        (HoldStatus.EXPIRED, "expired"),
    ],
)
def test_hold_that_is_being_confirmed_is_shown_as_held(catalogue: Catalogue, status: HoldStatus, shown: str) -> None:
    sent = _sent(hold_answer(_hold(catalogue, status=status), catalogue))

    assert sent["status"] == shown


def test_instants_are_shown_in_the_zone_that_is_named(catalogue: Catalogue) -> None:
    sent = _sent(hold_answer(_hold(catalogue), catalogue, "America/New_York"))

    assert sent["start"] == "2026-12-01T02:00:00-05:00"
    assert sent["expires_at"] == "2026-11-30T10:01:12-05:00"


def test_objects_this_process_has_not_heard_of_are_shown_by_id(catalogue: Catalogue) -> None:
    part = Part(role="staff", resource_id=ResourceId("res_new"), span=Span(_NINE, _NINE + 30))

    sent = _sent(hold_answer(_hold(catalogue, service_id=ServiceId("svc_new"), parts=(part,)), catalogue))

    assert sent["service"] == "svc_new"
    assert sent["resources"] == [{"role": "staff", "resource": "res_new"}]


def test_appointment_has_the_form_that_is_documented(catalogue: Catalogue) -> None:
    sent = _sent(appointment_answer(_appointment(catalogue), catalogue))

    TypeAdapter(AppointmentAnswer).validate_python(sent)
    assert "fee" not in sent


def test_booking_has_the_form_that_is_documented(catalogue: Catalogue) -> None:
    booked = Booked(appointment=_appointment(catalogue), token="hft_1", created=True)

    sent = _sent(shaped_booking(booked, catalogue))

    TypeAdapter(BookedAnswer).validate_python(sent)
    assert sent["token"] == "hft_1"


def test_booking_without_a_token_is_answered_without_anything_personal(catalogue: Catalogue) -> None:
    personal = {"notes": "Knee", "metadata": {"crm": "81"}, "cancel_reason": "Fell ill"}
    booked = Booked(appointment=_appointment(catalogue, **personal), token=None, created=False)

    sent = _sent(shaped_booking(booked, catalogue))

    TypeAdapter(RepeatedAnswer).validate_python(sent)
    assert sent["id"] == "apt_1"
    hidden: dict[str, object] = {"customer": None, "notes": None, "metadata": {}, "cancel_reason": None, "token": None}
    assert {name: sent[name] for name in hidden} == hidden


def test_refund_is_the_rest_of_the_price(catalogue: Catalogue) -> None:
    cancelled = _appointment(catalogue, status=Status.CANCELLED, fee=Money(amount_minor=4500, currency="ILS"))

    sent = _sent(appointment_answer(cancelled, catalogue))

    assert sent["fee"] == {"amount_minor": 4500, "currency": "ILS"}
    assert sent["refund"] == {"amount_minor": 4500, "currency": "ILS"}


_ONE_PRICE = PriceRange(Money(amount_minor=9000, currency="ILS"), Money(amount_minor=9000, currency="ILS"))
_LISTING = Listing(
    service="haircut",
    timezone="Asia/Jerusalem",
    days=(
        Day(
            date=date(2026, 12, 1),
            slots=(
                Slot(start=_NINE, end=_NINE + 30, resources=("noa", "dan"), remaining=2, prices=_ONE_PRICE),
                Slot(
                    start=_NINE + 30,
                    end=_NINE + 60,
                    resources=("noa",),
                    remaining=1,
                    prices=PriceRange(
                        Money(amount_minor=9000, currency="ILS"), Money(amount_minor=12000, currency="ILS")
                    ),
                    held_by_you=True,
                ),
            ),
        ),
        Day(date=date(2026, 12, 2), slots=(), reason=Reason.CLOSED),
    ),
)
_FIRST = {
    "start": "2026-12-01T09:00:00+02:00",
    "end": "2026-12-01T09:30:00+02:00",
    "resources": ["noa", "dan"],
    "remaining": 2,
    "price": {"amount_minor": 9000, "currency": "ILS"},
}
_SECOND = {
    "start": "2026-12-01T09:30:00+02:00",
    "end": "2026-12-01T10:00:00+02:00",
    "resources": ["noa"],
    "remaining": 1,
    "price_from": {"amount_minor": 9000, "currency": "ILS"},
    "price_to": {"amount_minor": 12000, "currency": "ILS"},
    "held_by_you": True,
}


def test_listing_is_answered_in_its_zone() -> None:
    days = tuple(day_answer(day, _LISTING.timezone) for day in _LISTING.days)

    assert _sent(dates_answer(DatedAnswer(service=_LISTING.service, timezone=_LISTING.timezone, days=days))) == {
        "service": "haircut",
        "timezone": "Asia/Jerusalem",
        "days": [
            {"date": "2026-12-01", "slots": [_FIRST, _SECOND]},
            {"date": "2026-12-02", "slots": [], "reason": "closed"},
        ],
    }


def test_days_are_counted() -> None:
    counts = (
        DayCount(date=date(2026, 12, 1), slots=2, first=_NINE),
        DayCount(date=date(2026, 12, 2), slots=0, first=None, reason=Reason.CLOSED),
    )
    days = tuple(day_count_answer(day, _LISTING.timezone) for day in counts)

    assert _sent(dates_answer(DatedAnswer(service=_LISTING.service, timezone=_LISTING.timezone, days=days)))[
        "days"
    ] == [
        {"date": "2026-12-01", "available": True, "slots": 2, "first": "2026-12-01T09:00:00+02:00"},
        {"date": "2026-12-02", "available": False, "slots": 0, "first": None, "reason": "closed"},
    ]


def test_next_starts_are_one_list() -> None:
    assert _sent(next_answer(_LISTING))["slots"] == [_FIRST, _SECOND]


def test_listing_query_may_span_the_longest_range() -> None:
    query = ListingParameters.model_validate(
        {"service": "haircut", "from": "2026-12-01", "to": "2027-01-31", "resource": ["noa"], "utm_source": "mail"}
    ).query(by_visitor=False)

    assert (query.last - query.first).days == 61
    assert query.resources == ("noa",)


def test_next_query_needs_no_dates() -> None:
    query = NextParameters.model_validate({"service": "haircut", "limit": "3"})

    assert query.limit == 3
    assert query.query(by_visitor=False).service == "haircut"


@pytest.mark.parametrize(
    ("sides", "starts_from", "starts_before"),
    [
        # Local dates of the business, the last one inclusive.
        (
            {"from": "2026-12-01", "to": "2026-12-01"},
            datetime(2026, 11, 30, 22, tzinfo=UTC),
            datetime(2026, 12, 1, 22, tzinfo=UTC),
        ),
        ({"from": "2026-12-01T09:00:00+02:00"}, datetime(2026, 12, 1, 7, tzinfo=UTC), None),
        # An unescaped plus sign arrives as a space.
        ({"to": "2026-12-01T09:00:00 02:00"}, None, datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ({}, None, None),
    ],
)
def test_appointments_are_asked_for_by_date_or_instant(
    catalogue: Catalogue, sides: dict[str, str], starts_from: datetime | None, starts_before: datetime | None
) -> None:
    wanted = AppointmentsQuery.model_validate(sides).filter(catalogue, catalogue)

    assert wanted.starts_from == starts_from
    assert wanted.starts_before == starts_before


def test_appointments_that_overlap_a_date_end_after_its_first_instant(catalogue: Catalogue) -> None:
    query = {"from": "2026-12-01", "to": "2026-12-01", "overlapping": "true"}

    wanted = AppointmentsQuery.model_validate(query).filter(catalogue, catalogue)

    assert wanted.starts_from is None
    assert wanted.ends_after == datetime(2026, 11, 30, 22, tzinfo=UTC)
    assert wanted.starts_before == datetime(2026, 12, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize("name", ["resource", "service"])
def test_appointments_of_what_never_was_are_not_found(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(NotFound):
        AppointmentsQuery.model_validate({name: "nobody"}).filter(catalogue, catalogue)
