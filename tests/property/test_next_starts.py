"""Every start that `next` lists can be held: the rules offer it, and a hold's request can spell it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import event, example, given
from hypothesis import strategies as st

from api.schemas.fields import instant_text
from api.schemas.holds import PlaceHold
from availability.listing.date_plan import ListingScope, plan_listing, starts_of
from availability.rules.bitmaps import every_minute, from_spans
from availability.rules.catalogue_candidates import CatalogueCandidates
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import ResourceState, StartQuery
from availability.rules.search import search
from catalogue.limits import CALENDAR
from kernel.spans import Minute, to_datetime, to_minute
from kernel.zones import local_date
from tests.support.documents import catalogue_of

_ZONES: Final = [
    "UTC",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Jerusalem",
    "America/New_York",
    "Asia/Kathmandu",
]
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_END: Final = datetime(2199, 12, 31, 23, 59, tzinfo=UTC)
# The ends of the calendar, and an ordinary day with windows that end near it.
_NOW: Final = st.one_of(
    st.integers(0, 5 * 1440).map(lambda minutes: _END - timedelta(minutes=minutes)),
    st.integers(0, 3 * 1440).map(lambda minutes: datetime(2026, 12, 28, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.just(datetime(2001, 1, 1, tzinfo=UTC)),
)
_WINDOWS: Final = st.sampled_from(
    [None, {"days": 0}, {"days": 2}, {"business_days": 1}, {"from": "2026-12-30", "until": "2026-12-31"},
     {"from": "2199-12-30", "until": "2199-12-31"}]
)  # fmt: skip


def _document(*, zone: str, hours: tuple[str, str], window: dict[str, Any] | None, lead_time: int) -> dict[str, Any]:
    start, end = hours
    return {
        "business": {"name": "A", "timezone": zone, "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {"key": "noa", "kind": "staff", "name": "Noa", "hours": [{"days": _DAYS, "start": start, "end": end}]}
        ],
        "services": [
            {
                "key": "cut",
                "name": "Cut",
                "duration_minutes": 30,
                "buffer_after_minutes": 10,
                "grid": {"align": "clock", "step_minutes": 30},
                "requires": [{"role": "staff", "any_of": ["noa"]}],
                "rules": {"window": window, "lead_time_minutes": lead_time},
            }
        ],
    }


def _listed(index: CatalogueIndex, zone: str, now: datetime) -> list[Minute]:
    """The starts of the next dates on which nothing is taken yet, the first of them today for the viewer."""
    (service,), first = index.catalogue.services, local_date(zone, to_minute(now))
    last = min(first + timedelta(days=8), date.max)
    plan = plan_listing(index, ListingScope("cut", (), first, last, zone, 1))
    starts = starts_of(plan.dates)
    window = index.listing_window(service, starts)
    free = every_minute(window)
    states = {resource.id: ResourceState(time_off_free=free, lanes=(free,)) for resource in index.catalogue.resources}
    offers = search(index, StartQuery(service=service, now=now, starts=starts, window=window), states)
    minutes = from_spans([span for part in plan.dates for span in part.minutes], window)
    return [start for start in offers.starts() if minutes >> (window.end - 1 - start) & 1]


@given(
    zone=st.sampled_from(_ZONES),
    viewer=st.sampled_from(_ZONES),
    hours=st.sampled_from([("00:00", "24:00"), ("20:00", "03:00"), ("09:00", "17:00")]),
    window=_WINDOWS,
    lead_time=st.sampled_from([0, 60, 1440]),
    now=_NOW,
)
def test_next_lists_only_starts_that_can_be_held(
    *, zone: str, viewer: str, hours: tuple[str, str], window: dict[str, Any] | None, lead_time: int, now: datetime
) -> None:
    index = CatalogueIndex(catalogue_of(_document(zone=zone, hours=hours, window=window, lead_time=lead_time)))
    candidates = CatalogueCandidates(index)
    kind = candidates.visit_kind("cut", None, 1)
    assert kind is not None

    listed = _listed(index, viewer, now)

    event("at the end of the calendar" if listed and listed[-1] >= CALENDAR.end - 30 else "elsewhere")
    for start in listed:
        # As it was listed, and as a client may convert it.
        for spelled in (instant_text(start, viewer), instant_text(start, zone), instant_text(start, "UTC")):
            assert PlaceHold(service="cut", start=spelled).start == to_datetime(start)  # type: ignore[arg-type]
        assert candidates.allocations(kind, start, now)


@given(viewer=st.sampled_from(_ZONES), zone=st.sampled_from(_ZONES))
@example(viewer="UTC", zone="Pacific/Kiritimati")
def test_last_start_of_the_calendar_is_listed_in_every_zone(viewer: str, zone: str) -> None:
    index = CatalogueIndex(catalogue_of(_document(zone=zone, hours=("00:00", "24:00"), window=None, lead_time=0)))

    last = _listed(index, viewer, _END - timedelta(days=2))[-1]

    assert CALENDAR.end - 30 <= last < CALENDAR.end
