"""What a process remembers of listings: for whom, how much, and for how long."""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from availability.listing.date_cache import MOST_DATES, DateCache, DateInputs, ListingKey, Renderer
from availability.state.daily_limits import FullDates
from kernel.ids import ServiceId, TenantId

_DAY: Final = date(2026, 12, 1)
_FORM: Final[Renderer[object, str]] = Renderer(render=str, size_of=len)


def _asked(number: int = 1, tenant: int = 1) -> ListingKey:
    return ListingKey(
        tenant_id=TenantId(UUID(int=tenant)),
        service_id=ServiceId(f"svc_{number}"),
        party=1,
        requested_resources=frozenset(),
        timezone="UTC",
        explain=False,
        renderer=_FORM,
    )


def _basis(bitmaps: int = 1) -> DateInputs:
    return DateInputs(
        catalogue=0,
        earliest=(),
        today=(_DAY,),
        bitmaps=[bytes(360)] * bitmaps,
        held=(),
        own=(),
        own_claims=(),
        full_dates=FullDates(),
        moving=None,
    )


def test_same_is_shown_of_the_same_alone() -> None:
    remembered = DateCache()
    remembered.store(_asked(), _DAY, _basis(), "shown")

    assert remembered.find_unchanged(_asked(), {_DAY: _basis()}) == {_DAY: "shown"}
    assert remembered.find_unchanged(_asked(), {_DAY: _basis(bitmaps=2)}) == {}
    assert remembered.find_unchanged(_asked(), {_DAY + timedelta(days=1): _basis()}) == {}


def test_one_business_never_sees_what_another_was_shown() -> None:
    remembered = DateCache()
    remembered.store(_asked(tenant=1), _DAY, _basis(), "shown")

    assert remembered.find_unchanged(_asked(tenant=2), {_DAY: _basis()}) == {}


def test_questions_asked_longest_ago_are_forgotten_first() -> None:
    remembered = DateCache(most_bytes=40_000)
    for number in range(3):
        remembered.store(_asked(number), _DAY, _basis(bitmaps=30), "shown")
        assert remembered.find_unchanged(_asked(0), {_DAY: _basis(bitmaps=30)})

    remembered.store(_asked(3), _DAY, _basis(bitmaps=30), "shown")

    kept = [number for number in range(4) if remembered.find_unchanged(_asked(number), {_DAY: _basis(bitmaps=30)})]
    assert kept == [0, 2, 3]
    assert len(remembered) <= 40_000


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    remembered = DateCache(most_bytes=10_000)

    remembered.store(_asked(), _DAY, _basis(bitmaps=100), "shown")

    assert remembered.find_unchanged(_asked(), {_DAY: _basis(bitmaps=100)}) == {}
    assert len(remembered) == 0


def test_a_date_shown_anew_takes_the_place_of_itself() -> None:
    remembered = DateCache()
    remembered.store(_asked(), _DAY, _basis(), "shown")
    once = len(remembered)

    remembered.store(_asked(), _DAY, _basis(bitmaps=2), "shown anew")
    remembered.store(_asked(), _DAY, _basis(), "shown")

    assert len(remembered) == once


def test_dates_of_one_question_are_bounded() -> None:
    remembered = DateCache()
    for number in range(MOST_DATES):
        remembered.store(_asked(), _DAY + timedelta(days=number), _basis(), "shown")
    full = len(remembered)

    remembered.store(_asked(), _DAY + timedelta(days=MOST_DATES), _basis(), "shown")

    assert len(remembered) < full
    assert remembered.find_unchanged(_asked(), {_DAY: _basis()}) == {}
