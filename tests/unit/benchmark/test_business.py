from datetime import date
from itertools import islice

from benchmark.business import Business, listing, places, spread
from catalogue.document import BusinessDocument
from catalogue.limits import MAX_RESOURCES
from catalogue.reading import read_document


def test_document_is_one_that_the_engine_takes() -> None:
    document = read_document(BusinessDocument, Business().document())

    assert len(document.resources) <= MAX_RESOURCES


def test_prefix_gives_names_that_no_run_had_before() -> None:
    assert set(Business("a-").names("desk", 5)).isdisjoint(Business("b-").names("desk", 5))


def test_visitors_and_customers_are_all_different() -> None:
    business = Business()

    assert business.place("visit", None, "2026-12-01T09:00:00Z") != business.place(
        "visit", None, "2026-12-01T09:00:00Z"
    )
    assert business.confirm() != business.confirm()


def test_starts_are_spread_over_the_dates() -> None:
    starts = ["2026-12-01T09:00", "2026-12-01T10:00", "2026-12-02T09:00", "2026-12-02T10:00"]

    assert spread(starts) == ["2026-12-01T09:00", "2026-12-02T09:00", "2026-12-01T10:00", "2026-12-02T10:00"]


def test_places_are_each_handed_out_once_and_to_one_resource_after_the_other() -> None:
    handed = list(places(["a", "b"], ["2026-12-01T09:00", "2026-12-02T09:00"]))

    assert list(islice(handed, 2)) == [("a", "2026-12-01T09:00"), ("b", "2026-12-01T09:00")]
    assert len(set(handed)) == len(handed) == 4


def test_listing_asks_for_dates_inclusive() -> None:
    path = listing("visit", date(2026, 12, 1), 7, ["a", "b"])

    assert path == "/v1/availability?service=visit&from=2026-12-01&to=2026-12-07&resource=a&resource=b"
