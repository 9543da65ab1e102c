"""Every thing of the catalogue has the same fields as value, document and row."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest

from catalogue.document import business_document
from catalogue.model.business import Business, BusinessRow, BusinessSection, business_row, stored_business
from catalogue.model.catalogue import Catalogue
from catalogue.model.columns import columns_of, inserted_values, updated_values
from catalogue.model.comparison import document_field_names
from catalogue.model.documents import Document
from catalogue.model.locations import Location, LocationDocument, LocationRow, location_row, stored_location
from catalogue.model.notifications.rules import NotificationsSection
from catalogue.model.requirements import requirement_resource_rows, requirement_rows, stored_requirement
from catalogue.model.resources import Resource, ResourceDocument, ResourceRow, resource_row, stored_resource
from catalogue.model.rules.level import ResourceRulesDocument, Rules, RulesDocument
from catalogue.model.schedules import (
    override_rows,
    stored_despite_closures,
    stored_overrides,
    stored_weekly_span,
    weekly_span_rows,
)
from catalogue.model.services import Service, ServiceDocument, ServiceRow, service_row, stored_service
from catalogue.model.sites import stored_located
from tests.support.documents import catalogue_of, desired_by, example


@dataclass(frozen=True, kw_only=True)
class Thing:
    """The three forms of one thing, and the fields that are not simply the same in all."""

    value: type
    document: type[Document]
    row: type
    columns: dict[str, set[str]] = field(default_factory=dict)
    """The columns of a field, where they are not one of the field's own name."""
    only_in_document: set[str] = field(default_factory=set)
    beside_document: set[str] = field(default_factory=set)
    """The fields that are sections of the whole document."""
    only_in_row: set[str]


THINGS = [
    Thing(
        value=Business,
        document=BusinessSection,
        row=BusinessRow,
        beside_document={"notifications"},
        only_in_row={
            "tenant_id",
            "mode",
            "token_secret",
            "sandbox_now",
            "version",
            "token_secret_id",
            "previous_token_secret_id",
            "previous_tokens_until",
        },
    ),
    Thing(
        value=Location,
        document=LocationDocument,
        row=LocationRow,
        only_in_row={"id", "version", "archived_at"},
    ),
    Thing(
        value=Resource,
        document=ResourceDocument,
        row=ResourceRow,
        # These have tables of their own.
        columns={
            "location": {"location_id"},
            "lanes": {"lane_kind"},
            "seats": {"seats_min", "seats_max"},
            "hours": set(),
            "breaks": set(),
            "overrides": set(),
        },
        only_in_document={"time_off"},
        only_in_row={"id", "version", "archived_at"},
    ),
    Thing(
        value=Service,
        document=ServiceDocument,
        row=ServiceRow,
        columns={
            "price": {"price_minor", "price_currency"},
            "grid": {
                "grid_align",
                "grid_step_minutes",
                "grid_offset_minutes",
                "grid_at",
                "grid_minimum_gap_minutes",
                "grid_last_start_minutes",
            },
            "assign": {"assign", "assign_period"},
            "duration": {"duration_nights", "duration_check_in", "duration_check_out"},
            # It has tables of its own.
            "requires": set(),
        },
        only_in_row={"id", "version", "archived_at"},
    ),
]

every_thing = pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.value.__name__)


@every_thing
def test_value_and_document_have_the_same_fields(thing: Thing) -> None:
    in_document = set(document_field_names(thing.value)) - thing.beside_document

    assert in_document == _fields(thing.document) - thing.only_in_document


@every_thing
def test_value_and_row_have_the_same_fields(thing: Thing) -> None:
    of_value = [thing.columns.get(name, {name}) for name in document_field_names(thing.value)]

    assert {column.name for column in columns_of(thing.row)} == set().union(*of_value) | thing.only_in_row


def _fields(document: type[Document]) -> set[str]:
    return {member.alias or name for name, member in document.model_fields.items()}


# Every field of every thing, none with its default.
_RULES: dict[str, Any] = {
    "lead_time_minutes": 60,
    "window": {"days": 60},
    "release": {
        "rolling_hours": 48,
        "fill_earlier_first": {
            "parts": [{"start": "09:00", "end": "13:00"}, {"start": "13:00", "end": "02:00"}],
            "share": 80,
        },
        "off_peak": [
            {
                "days": ["tue", "wed"],
                "start": "14:00",
                "end": "17:00",
                "percent_off": 20,
                "below_share": 40,
                "within_hours": 24,
            },
            {"start": "22:00", "end": "01:00", "percent_off": 10, "below_share": 100},
        ],
    },
    "daily_limit": 6,
    "customer_limit": {"active": 3, "daily": 2, "weekly": 4, "monthly": 9},
    "buffers_inside_hours": True,
    "hold": {
        "ttl_seconds": 60,
        "max_total_seconds": 120,
        "max_per_client": 1,
        "max_per_address": 2,
        "max_lapses": 3,
        "max_share_percent": 30,
        "max_unproven_percent": 4,
    },
    "cancellation": {
        "no_show_fee_percent": 100,
        "tiers": [{"until_minutes": 2880, "percent": 0}, {"until_minutes": 0, "amount_minor": 2000}],
        "grace_minutes": 60,
    },
    "reschedule": {"until_minutes": 120, "max_times": 3, "fee": "new", "price": "new"},
    "approval": {"within_minutes": 30, "on_move": False},
    "require": ["email", "phone"],
    "verify": "email",
}
_SPAN = {"days": ["mon"], "start": "09:00", "end": "18:00", "valid_from": "2027-01-01", "valid_until": "2027-12-31"}
_OTHER_WEEK = {"days": ["tue"], "start": "09:00", "end": "18:00", "every_weeks": 2, "starting": "2027-01-04"}
_MONTHLY = {"days": ["wed"], "start": "09:00", "end": "18:00", "nth": -1}
_PRICE = {"amount_minor": 9000, "currency": "EUR"}
_PRICES = [
    {"days": ["fri", "sat"], "start": "18:00", "end": "02:00", "price": _PRICE},
    {"start": "09:00", "end": "12:00", "percent": 80},
    {"days": ["sun"], "percent": 120},
]
_CLOSURES = [{"name": "Christmas", "from": "2026-12-24", "until": "2026-12-26", "yearly": True}]
_WHOLE: dict[str, Any] = {
    "business": {
        "name": "Fade & Co",
        "timezone": "Asia/Jerusalem",
        "currency": "ILS",
        "rules": _RULES,
        "closures": _CLOSURES,
        "questions": [{"key": "wish", "label": "What for?", "type": "choice", "options": ["Hair"], "required": True}],
        "routes": [{"if": {"wish": "Hair"}, "then": {"service": "dye", "resources": ["noa"]}}],
        "retention_days": 730,
        "allowed_origins": ["https://fade.example", "https://*.fade.example:8443"],
    },
    "notifications": {
        "sender": {"name": "Fade & Co", "email": "hello@fade.example", "reply_to": "owner@fade.example"},
        "languages": ["he", "en"],
        "quiet_hours": {"from": "21:00", "until": "08:00"},
        "customer": {
            "confirmed": ["email"],
            "rescheduled": ["email", "sms"],
            "reminders": [
                {"before_minutes": 1440, "channels": ["email"]},
                {"before_minutes": 60, "channels": ["sms", "push"]},
            ],
        },
        "staff": {"cancelled": ["http"]},
        "templates": {
            "confirmed": {
                "email": {"en": {"subject": "Booked", "text": "{{ visit.date }}", "html": "<p>{{ visit.date }}</p>"}}
            }
        },
    },
    "locations": [
        {
            "key": "main",
            "name": "Main",
            "address": "Main street 1",
            "timezone": "Europe/Paris",
            "country": "IL",
            "phone": "+972 3 123 4567",
            "closures": [{"name": "New floor", "from": "2027-02-01", "until": "2027-02-14"}],
        }
    ],
    "resources": [
        {
            "key": "noa",
            "kind": "staff",
            "name": "Noa",
            "description": "Long hair.",
            "location": "main",
            "capacity": 2,
            "lanes": "named",
            "seats": {"min": 2, "max": 4},
            "exclusive": "service",
            "hours": [],
            "located": [{"location": "main", "hours": [_SPAN, _OTHER_WEEK, _MONTHLY]}],
            "breaks": [_SPAN, _OTHER_WEEK, _MONTHLY],
            "overrides": [
                {"date": "2027-04-20", "spans": [{"start": "22:00", "end": "02:00"}], "despite_closures": True}
            ],
            "time_off": [{"start": "2027-01-03T00:00:00Z", "end": "2027-01-10T00:00:00Z", "reason": "vacation"}],
            "rules": {
                name: rule
                for name, rule in _RULES.items()
                if name not in {"hold", "customer_limit", "require", "verify"}
            },
        }
    ],
    "services": [
        {
            "key": "haircut",
            "name": "Haircut",
            "description": "Wash and cut.",
            "duration_minutes": 30,
            "buffer_before_minutes": 5,
            "buffer_after_minutes": 10,
            "buffers_inside_hours": True,
            "price": _PRICE,
            "prices": _PRICES,
            "grid": {
                "align": "gap",
                "step_minutes": 15,
                "offset_minutes": 5,
                "minimum_gap_minutes": 20,
                "last_start_minutes": 60,
            },
            "requires": [
                {
                    "role": "barber",
                    "any_of": ["noa"],
                    "count": 1,
                    "uses": 2,
                    "offset_minutes": 5,
                    "duration_minutes": 20,
                    "buffer_before_minutes": 0,
                    "buffer_after_minutes": 15,
                    "turns": "shared",
                    "overrides": {},
                }
            ],
            "assign": {"least_booked": "month"},
            "visibility": "staff",
            "durations": [30, {"minutes": 45, "price": _PRICE}],
            "add_ons": [
                {"key": "beard", "name": "Beard", "minutes": 15, "price": _PRICE},
                {"key": "tea", "name": "Tea", "minutes": 0},
            ],
            "questions": [
                {"key": "allergies", "label": "Any allergies?", "type": "text", "required": False},
                {
                    "key": "hair",
                    "label": "How long is it?",
                    "type": "choice",
                    "options": ["Short", "Long"],
                    "required": True,
                },
            ],
            "routes": [{"if": {"hair": ["Short", "Long"]}, "then": {"resources": ["noa"]}}],
            "rules": _RULES,
        },
        {
            "key": "dye",
            "name": "Dye",
            "duration_minutes": 30,
            "buffer_before_minutes": 0,
            "buffer_after_minutes": 0,
            "buffers_inside_hours": False,
            "price": _PRICE,
            "grid": {"align": "opening", "offset_minutes": 0},
            "requires": [
                {
                    "role": "barber",
                    "any_of": ["noa"],
                    "count": 1,
                    "offset_minutes": 0,
                    # A chosen length has no other with a certain resource.
                    "overrides": {"noa": {"duration_minutes": 45, "price": _PRICE}},
                }
            ],
            "assign": "priority",
            "rules": {},
        },
        {
            "key": "weekend",
            "name": "Weekend",
            # In place of minutes and grid.
            "duration": {"nights": 2, "check_in": "16:00", "check_out": "10:00"},
            "buffer_before_minutes": 0,
            "buffer_after_minutes": 60,
            "buffers_inside_hours": False,
            "price": _PRICE,
            "requires": [{"role": "room", "any_of": ["noa"], "count": 1, "offset_minutes": 0, "overrides": {}}],
            "assign": "priority",
            "rules": {},
        },
    ],
}


def test_document_with_every_field_is_written_as_it_was_read() -> None:
    desired = desired_by(_WHOLE)
    stored = Catalogue(desired.business, desired.locations, desired.resources, desired.services)

    assert business_document(stored, desired.time_off) == _WHOLE


@pytest.mark.parametrize(
    ("written", "document"),
    [
        (_WHOLE["business"], BusinessSection),
        (_WHOLE["notifications"], NotificationsSection),
        (_WHOLE["locations"][0], LocationDocument),
        (_WHOLE["resources"][0], ResourceDocument),
        ({**_WHOLE["services"][0], **_WHOLE["services"][2]}, ServiceDocument),
        (_RULES, RulesDocument),
    ],
    ids=["business", "notifications", "location", "resource", "service", "rules"],
)
def test_document_above_has_every_field(written: dict[str, Any], document: type[Document]) -> None:
    assert set(written) == _fields(document)


def test_rules_and_their_documents_have_the_same_fields() -> None:
    names = {member.name for member in fields(Rules)}

    assert set(RulesDocument.model_fields) == names
    assert set(ResourceRulesDocument.model_fields) == names - {"hold", "customer_limit", "require", "verify"}


def _read_back(row: Any) -> Any:
    """The row as a database gives it back: what is never written has its default."""
    return type(row)(**inserted_values(row))


_EXAMPLES = [catalogue_of(_WHOLE), *(catalogue_of(example(name)) for name in ("barbershop", "clinic", "gym"))]


@pytest.mark.parametrize("catalogue", _EXAMPLES, ids=["whole", "barbershop", "clinic", "gym"])
def test_rows_are_read_as_the_values_that_they_were_made_of(catalogue: Catalogue) -> None:
    assert stored_business(_read_back(business_row(catalogue.business))) == catalogue.business
    for location in catalogue.locations:
        assert stored_location(_read_back(location_row(location))) == location
    for resource in catalogue.resources:
        schedule = resource.schedule
        assert stored_resource(_read_back(resource_row(resource)), resource.lanes, schedule) == resource
        assert stored_located(resource_row(resource).located) == schedule.located
        hours = weekly_span_rows(resource.id, schedule.hours)
        overrides = override_rows(resource.id, schedule)
        assert tuple(stored_weekly_span(_read_back(row)) for row in hours) == schedule.hours
        assert stored_overrides([_read_back(row) for row in overrides]) == schedule.overrides
        assert stored_despite_closures([_read_back(row) for row in overrides]) == schedule.despite_closures
    for service in catalogue.services:
        named = requirement_resource_rows(service.id, service.requires)
        requirements = [
            stored_requirement(row, [other for other in named if other.requirement_position == row.position])
            for row in requirement_rows(service.id, service.requires)
        ]
        assert stored_service(_read_back(service_row(service)), requirements) == service


@pytest.mark.parametrize(
    ("row_of", "kept"),
    [
        (lambda catalogue: business_row(catalogue.business), {"tenant_id", "mode", "token_secret"}),
        (lambda catalogue: service_row(catalogue.services[0]), {"id"}),
    ],
)
def test_update_leaves_what_is_written_once(row_of: Callable[[Catalogue], object], kept: set[str]) -> None:
    row = row_of(_EXAMPLES[0])

    assert inserted_values(row).keys() - updated_values(row).keys() == kept
