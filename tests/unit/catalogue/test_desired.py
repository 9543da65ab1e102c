"""Values that a document is read into, and documents that they are written as."""

from datetime import date
from typing import Any

import pytest

from catalogue.diff import diff
from catalogue.document import business_document
from catalogue.model.catalogue import Catalogue
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.hold_life import HoldLife
from catalogue.model.rules.level import Rules
from catalogue.model.rules.rule import UNSET
from catalogue.model.rules.window import BusinessDaysWindow, FixedWindow, RollingWindow
from catalogue.model.wall_clock import WallSpan
from kernel.money import Money
from tests.support.documents import catalogue_of, desired_by, example, small_document


@pytest.mark.parametrize(
    ("start", "end", "span", "rendered_end"),
    [
        ("09:00", "18:00", WallSpan(540, 1080), "18:00"),
        ("09:00", "24:00", WallSpan(540, 1440), "24:00"),
        ("09:00", "00:00", WallSpan(540, 1440), "24:00"),
        ("22:00", "02:00", WallSpan(1320, 1560), "02:00"),
        ("00:00", "24:00", WallSpan(0, 1440), "24:00"),
        ("09:00", "08:59", WallSpan(540, 1979), "08:59"),
    ],
)
def test_span_runs_past_midnight_when_its_end_is_before_its_start(
    start: str, end: str, span: WallSpan, rendered_end: str
) -> None:
    document = small_document()
    document["resources"][0]["hours"] = [{"days": ["sun"], "start": start, "end": end}]

    catalogue = catalogue_of(document)
    rendered: Any = business_document(catalogue, {})

    assert catalogue.resources[0].schedule.hours[0].span == span
    assert rendered["resources"][0]["hours"] == [{"days": ["sun"], "start": start, "end": rendered_end}]


def test_absent_fields_take_their_defaults() -> None:
    document = small_document()

    catalogue = catalogue_of(document)

    service = catalogue.services[0]
    assert catalogue.locations[0].timezone == "Asia/Jerusalem"
    assert catalogue.resources[0].location_id == catalogue.locations[0].id
    assert catalogue.resources[0].schedule.timezone == "Asia/Jerusalem"
    assert service.price == Money(amount_minor=0, currency="ILS")
    assert (service.grid.step_minutes, service.requires[0].duration_minutes) == (None, None)
    assert service.rules == Rules()


@pytest.mark.parametrize(
    ("document", "rules"),
    [
        ({}, Rules()),
        (
            {"window": None, "daily_limit": None, "customer_limit": None},
            Rules(window=None, daily_limit=None, customer_limit=None),
        ),
        ({"window": {"days": 0}}, Rules(window=RollingWindow(days=0))),
        ({"window": {"business_days": 20}}, Rules(window=BusinessDaysWindow(business_days=20))),
        (
            {"window": {"until": date(2027, 1, 2)}},
            Rules(window=FixedWindow(from_date=None, until_date=date(2027, 1, 2))),
        ),
        ({"hold": {"ttl_seconds": 3600}}, Rules(hold=HoldLife(ttl_seconds=3600, max_total_seconds=3600))),
        ({"hold": {"ttl_seconds": 5}}, Rules(hold=HoldLife(ttl_seconds=5, max_total_seconds=1200))),
        ({"lead_time_minutes": 0, "approval": False}, Rules(lead_time_minutes=0, approval=None)),
        ({"approval": True}, Rules(approval=Approval())),
        ({"approval": {"within_minutes": 1440}}, Rules(approval=Approval(within_minutes=1440))),
    ],
)
def test_rule_is_unset_when_absent_and_unlimited_when_null(document: dict[str, object], rules: Rules) -> None:
    whole = small_document()
    whole["services"][0]["rules"] = document

    catalogue = catalogue_of(whole)

    assert catalogue.services[0].rules == rules
    assert catalogue.business.rules.window is UNSET


@pytest.mark.parametrize("document", [small_document(), example("barbershop")], ids=["small", "barbershop"])
def test_rendered_document_changes_nothing_when_applied(document: dict[str, Any]) -> None:
    desired = desired_by(document)
    stored = Catalogue(desired.business, desired.locations, desired.resources, desired.services)

    rendered = business_document(stored, desired.time_off)
    again = desired_by(rendered, stored)

    todo = diff(stored, desired.time_off, again)
    assert todo.changes == ()
    assert business_document(stored, again.time_off) == rendered


def test_description_may_have_lines_and_is_left_out_where_there_is_none() -> None:
    document = small_document()
    document["services"][0]["description"] = "Wash and cut.\n\nCome with dry hair."
    document["resources"][0]["description"] = None

    rendered: Any = business_document(catalogue_of(document), {})

    assert rendered["services"][0]["description"] == "Wash and cut.\n\nCome with dry hair."
    assert "description" not in rendered["resources"][0]
    assert "address" not in rendered["locations"][0]
