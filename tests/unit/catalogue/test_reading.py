"""Which documents are refused, and in which words."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from catalogue.model.time_off import TimeOffDocument
from catalogue.reading import read_business, read_document, read_location
from kernel.errors import ValidationFailed
from tests.support.documents import catalogue_of, empty_catalogue, example, small_document

Edit = Callable[[dict[str, Any]], object]


def faults(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationFailed) as caught:
        read_business(document, empty_catalogue())
    return [(error.pointer, error.detail) for error in caught.value.errors]


def edited(edit: Edit) -> dict[str, Any]:
    document = small_document()
    edit(document)
    return document


def noa(**fields: object) -> Edit:
    return lambda document: document["resources"][0].update(fields)


def haircut(**fields: object) -> Edit:
    return lambda document: document["services"][0].update(fields)


def rules(**fields: object) -> Edit:
    return haircut(rules=fields)


def requiring(*requirements: dict[str, object]) -> Edit:
    return haircut(requires=list(requirements))


def spans(**fields: object) -> Edit:
    return noa(hours=[{"days": ["mon"], "start": "09:00", "end": "10:00"} | fields])


@pytest.mark.parametrize(
    ("edit", "pointer", "detail"),
    [
        (lambda d: d.pop("business"), "business", "required"),
        (lambda d: d["business"].update(timezone="+02:00"), "business.timezone", "is not an IANA time zone"),
        (lambda d: d["business"].update(currency="ils"), "business.currency", "ISO 4217"),
        (lambda d: d["business"].update(name=" "), "business.name", "must not be blank"),
        (lambda d: d["business"].update(name="a\x00b"), "business.name", "must not contain U+0000"),
        (lambda d: d["locations"][0].update(address="a" * 501), "locations[0].address", "at most 500 characters"),
        (noa(description=" \n "), "resources[0].description", "must not be blank"),
        (noa(description="a\x00b"), "resources[0].description", "must not contain U+0000"),
        (haircut(description="a" * 2001), "services[0].description", "at most 2000 characters"),
        (lambda d: d.update(servces=[]), "servces", 'no such field; did you mean "services"?'),
        (lambda d: d["resources"].append(7), "resources[2]", "must be an object"),
        (lambda d: d["locations"].clear(), "resources[0].location", "the business has no location yet"),
        (
            lambda d: d["locations"].append({"key": "north", "name": "N"}),
            "resources[0].location",
            "required, because the business has several: main, north",
        ),
        (
            lambda d: d["resources"].append({"key": "noa", "kind": "staff", "name": "Other"}),
            "resources[2].key",
            '"noa" is already the key of resources[0]',
        ),
        (noa(key="Noa!"), "resources[0].key", "lower-case letters, digits and hyphens"),
        (noa(location="mian"), "resources[0].location", 'no location "mian"; did you mean "main"?'),
        (noa(capacity=0), "resources[0].capacity", "greater than or equal to 1"),
        (noa(capacity=1001), "resources[0].capacity", "less than or equal to 1000"),
        (noa(capacity=True), "resources[0].capacity", "must be a whole number"),
        (spans(start="9:00"), "resources[0].hours[0].start", "written as HH:MM"),
        (spans(start=780), "resources[0].hours[0].start", "quoted in YAML"),
        (spans(start="24:00"), "resources[0].hours[0].start", 'must be before "24:00"'),
        (spans(end="24:01"), "resources[0].hours[0].end", "written as HH:MM"),
        (spans(end="09:00"), "resources[0].hours[0].end", 'for a whole day write "00:00" to "24:00"'),
        (spans(start="00:00", end="00:00"), "resources[0].hours[0].end", "must not equal start"),
        (spans(days=[]), "resources[0].hours[0].days", "at least 1 item"),
        (spans(days=["mon", "mon"]), "resources[0].hours[0].days", "must not name a day twice"),
        (spans(days=["monday"]), "resources[0].hours[0].days[0]", "must be 'mon'"),
        (spans(valid_from="2027-02-30"), "resources[0].hours[0].valid_from", "2027-02-30 is not a valid date"),
        (
            spans(valid_from="2027-02-02", valid_until="2027-02-01"),
            "resources[0].hours[0].valid_until",
            "must not be before valid_from",
        ),
        (
            noa(overrides=[{"date": "2027-01-01", "spans": []}] * 2),
            "resources[0].overrides[1].date",
            "2027-01-01 already has an override",
        ),
        (noa(rules={"hold": {"ttl_seconds": 60}}), "resources[0].rules.hold", "no such field"),
        (noa(rules={"customer_limit": {"active": 1}}), "resources[0].rules.customer_limit", "no such field"),
        (haircut(duration_minutes=0), "services[0].duration_minutes", "greater than or equal to 1"),
        (haircut(duration_minutes="30"), "services[0].duration_minutes", "must be a whole number"),
        (haircut(duration_minutes=30.5), "services[0].duration_minutes", "must be a whole number"),
        (
            haircut(duration_minutes=10000, buffer_before_minutes=60, buffer_after_minutes=60),
            "services[0].duration_minutes",
            "a visit may take at most 10080 minutes, including the buffers",
        ),
        (haircut(price={"amount_minor": -1, "currency": "ILS"}), "services[0].price.amount_minor", "greater than or"),
        (haircut(grid={"align": "random"}), "services[0].grid.align", "must be 'opening', 'clock' or 'gap'"),
        (haircut(grid={"step_minutes": 0}), "services[0].grid.step_minutes", "greater than or equal to 1"),
        (haircut(requires=[]), "services[0].requires", "at least 1 item"),
        (requiring({"role": "a"}), "services[0].requires[0]", "give either any_of or kind"),
        (
            requiring({"role": "a", "any_of": ["noa"], "kind": "staff"}),
            "services[0].requires[0]",
            "give either any_of or kind",
        ),
        (
            requiring({"role": "a", "any_of": ["chair", "noaa"]}),
            "services[0].requires[0].any_of[1]",
            'no resource "noaa"; did you mean "noa"?',
        ),
        (
            requiring({"role": "a", "any_of": ["noaa"], "overrides": {"noaa": {"duration_minutes": 45}}}),
            "services[0].requires[0].overrides.noaa",
            'no resource "noaa"',
        ),
        (
            requiring({"role": "a", "any_of": ["noa", "noa"]}),
            "services[0].requires[0].any_of[1]",
            '"noa" is already in the pool',
        ),
        (
            requiring({"role": "a", "kind": "stafff"}),
            "services[0].requires[0].kind",
            'no resource of kind "stafff"; did you mean "staff"?',
        ),
        (
            requiring({"role": "a", "kind": "staff", "count": 2}),
            "services[0].requires[0].count",
            "must be at most 1, the size of the pool",
        ),
        (
            requiring({"role": "a", "any_of": ["noa"], "overrides": {"chair": {"duration_minutes": 45}}}),
            "services[0].requires[0].overrides.chair",
            '"chair" is not in the pool',
        ),
        (
            requiring({"role": "a", "any_of": ["noa"], "offset_minutes": 30}),
            "services[0].requires[0].offset_minutes",
            "less than the service's duration_minutes",
        ),
        (
            requiring({"role": "a", "any_of": ["noa"], "offset_minutes": 20, "duration_minutes": 11}),
            "services[0].requires[0].duration_minutes",
            "must end within",
        ),
        (
            requiring({"role": "a", "any_of": ["noa"]}, {"role": "a", "any_of": ["chair"]}),
            "services[0].requires[1]",
            "must name the same pool, count and uses",
        ),
        (
            rules(window={"days": 3, "business_days": 3}),
            "services[0].rules.window",
            "give one of days, business_days, or",
        ),
        (rules(window={}), "services[0].rules.window", "give one of days, business_days, or"),
        (
            rules(window={"from": "2027-01-02", "until": "2027-01-01"}),
            "services[0].rules.window.until",
            "must not be before from",
        ),
        (rules(customer_limit={}), "services[0].rules.customer_limit", "give one or more of active"),
        (rules(customer_limit={"active": 0}), "services[0].rules.customer_limit.active", "greater than or equal to 1"),
        (
            rules(hold={"ttl_seconds": 60, "max_total_seconds": 59}),
            "services[0].rules.hold.max_total_seconds",
            "must not be less than ttl_seconds",
        ),
        (rules(cancellation={"fee_percent": 101}), "services[0].rules.cancellation.fee_percent", "less than or equal"),
        (
            rules(cancellation={"tiers": [{"until_minutes": 0, "percent": 5}], "fee_percent": 5}),
            "services[0].rules.cancellation.tiers",
            "leave out free_until_minutes and fee_percent",
        ),
        (
            rules(cancellation={"tiers": [{"until_minutes": 60, "percent": 5}]}),
            "services[0].rules.cancellation.tiers[0].until_minutes",
            "must be 0: the last tier holds until the start",
        ),
        (
            rules(cancellation={"tiers": [{"until_minutes": 0, "percent": 5}, {"until_minutes": 0, "percent": 9}]}),
            "services[0].rules.cancellation.tiers[1].until_minutes",
            "must be less than in the tier before",
        ),
        (
            rules(cancellation={"tiers": [{"until_minutes": 0, "percent": 5, "amount_minor": 100}]}),
            "services[0].rules.cancellation.tiers[0]",
            "give percent or amount_minor",
        ),
        (
            rules(cancellation={"tiers": [{"until_minutes": 0}]}),
            "services[0].rules.cancellation.tiers[0]",
            "give percent or amount_minor",
        ),
        (
            rules(cancellation={"tiers": [{"until_minutes": 0, "percent": 101}]}),
            "services[0].rules.cancellation.tiers[0].percent",
            "less than or equal to 100",
        ),
        (
            rules(approval="yes"),
            "services[0].rules.approval",
            "must be true, false, or an object with within_minutes or on_move",
        ),
        (
            rules(approval=None),
            "services[0].rules.approval",
            "must be true, false, or an object with within_minutes or on_move",
        ),
        (
            rules(approval={"within_minutes": 0}),
            "services[0].rules.approval.within_minutes",
            "must be greater than or equal to 1",
        ),
        (
            rules(approval={}),
            "services[0].rules.approval",
            "must be true, false, or an object with within_minutes or on_move",
        ),
        (rules(reschedule={"fee": "none"}), "services[0].rules.reschedule.fee", "'keep' or 'new'"),
    ],
)
def test_document_is_refused_with_the_place_of_the_fault(edit: Edit, pointer: str, detail: str) -> None:
    document = edited(edit)

    found = faults(document)

    assert any(at == pointer and detail in why for at, why in found), found


@pytest.mark.parametrize(
    ("edit", "pointer", "detail"),
    [
        (noa(duration_minute=30), "resources[0].duration_minute", "no such field"),
        (noa(capcity=1), "resources[0].capcity", 'no such field; did you mean "capacity"?'),
        (
            requiring({"role": "a", "any_of": ["noa"], "buffers_inside_hours": True}),
            "services[0].requires[0].buffers_inside_hours",
            "no such field",
        ),
        (
            requiring({"role": "a", "any_of": ["noa"], "overrides": {"noa": {"duration_minute": 45}}}),
            "services[0].requires[0].overrides.noa.duration_minute",
            'no such field; did you mean "duration_minutes"?',
        ),
        (
            rules(window={"day": 3}),
            "services[0].rules.window.day",
            'no such field; did you mean "days"?',
        ),
    ],
)
def test_suggestion_is_a_field_of_the_same_object(edit: Edit, pointer: str, detail: str) -> None:
    assert (pointer, detail) in faults(edited(edit))


@pytest.mark.parametrize("price", [25, "25.00"])
def test_price_that_is_no_object_hears_its_form_in_the_currency_of_the_document(price: object) -> None:
    detail = "must be an object such as {amount_minor: 2500, currency: ILS}, in the smallest unit of the currency"

    assert faults(edited(haircut(price=price))) == [("services[0].price", detail)]


@pytest.mark.parametrize(
    ("edit", "pointer", "detail"),
    [
        (noa(seats=4), "resources[0].seats", "must be an object such as {min: 1, max: 4}"),
        (
            haircut(duration=45),
            "services[0].duration",
            "must be an object such as {nights: 3}; a length in minutes is `duration_minutes`",
        ),
        (
            haircut(durations=[30, "45"]),
            "services[0].durations[1]",
            "must be minutes such as 45, or an object such as {minutes: 45, price: …}",
        ),
        (
            lambda document: document["locations"][0].update(country="Israel"),
            "locations[0].country",
            "must be two capital letters by ISO 3166, such as IL",
        ),
    ],
)
def test_value_of_another_form_hears_the_form_by_an_example(edit: Edit, pointer: str, detail: str) -> None:
    assert faults(edited(edit)) == [(pointer, detail)]


def test_document_hears_of_all_its_faults_at_once() -> None:
    document = small_document()
    document["services"][0]["requires"][0]["any_of"] = ["nao"]
    document["services"][0]["durration_minutes"] = 30
    document["resources"][1]["capacity"] = 0
    document["resources"][1]["location"] = "nowhere"

    found = faults(document)

    assert [pointer for pointer, _ in found] == [
        "resources[1].capacity",
        "services[0].durration_minutes",
        "resources[1].location",
        "services[0].requires[0].any_of[0]",
    ]


def test_document_may_name_stored_objects_by_their_ids() -> None:
    stored = catalogue_of(small_document())
    document = small_document()
    document["resources"][0]["location"] = stored.locations[0].id
    document["services"][0]["requires"][0]["any_of"] = [stored.resources[0].id]

    read = read_business(document, stored)

    assert read.services[0].requires[0].any_of == [stored.resources[0].id]


def test_document_naming_one_resource_by_id_and_by_key_is_refused() -> None:
    stored = catalogue_of(small_document())
    document = small_document()
    document["services"][0]["requires"][0]["any_of"] = ["noa", stored.resources[0].id]

    with pytest.raises(ValidationFailed) as caught:
        read_business(document, stored)

    assert [error.pointer for error in caught.value.errors] == ["services[0].requires[0].any_of[1]"]


def test_fault_repeats_nothing_that_an_answer_cannot_carry() -> None:
    document = edited(requiring({"role": "a", "any_of": ["\ud800" * 5000]}))

    found = faults(document)

    assert all(len(detail.encode()) < 1000 for _, detail in found)


@pytest.mark.parametrize(
    "instant",
    [
        "2027-01-03T00:00:00+02:00",
        "2027-01-02T22:00:00Z",
        "2027-01-02T22:00Z",
        datetime(2027, 1, 2, 22, tzinfo=UTC),
    ],
)
def test_instant_is_read_when_it_has_an_offset(instant: object) -> None:
    entry = read_document(TimeOffDocument, {"start": instant, "end": "2027-01-10T00:00:00Z"})

    assert entry.start == datetime(2027, 1, 2, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"start": "2027-01-03T00:00:00"}, "start", "with an offset from UTC"),
        ({"start": "2027-01-03"}, "start", "with an offset from UTC"),
        ({"start": date(2027, 1, 3)}, "start", "with an offset from UTC"),
        ({"start": 1798927200}, "start", "with an offset from UTC"),
        ({"start": "2027-01-03T00:00:30Z"}, "start", "on a whole minute"),
        ({"start": "2027-01-03T00:00:00.5Z"}, "start", "on a whole minute"),
        ({"start": "2027-13-03T00:00:00Z"}, "start", "is not a valid date and time"),
        ({"start": "1970-01-03T00:00:00Z"}, "start", "in the years 2000 to 2199"),
        ({"start": "2027-01-10T00:00:00Z"}, "end", "must be after start"),
        ({"end": "2037-01-10T00:00:00Z"}, "end", "must be within 1100 days of start"),
        ({"reason": "a\nb"}, "reason", "must not contain U+000A (a control character)"),
    ],
)
def test_time_off_is_refused(fields: dict[str, object], pointer: str, detail: str) -> None:
    data = {"start": "2027-01-03T00:00:00Z", "end": "2027-01-10T00:00:00Z"} | fields

    with pytest.raises(ValidationFailed) as caught:
        read_document(TimeOffDocument, data)

    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert detail in caught.value.errors[0].detail


def test_example_barbershop_is_read() -> None:
    read = read_business(example("barbershop"), empty_catalogue())

    assert {service.grid.align.value for service in read.services} == {"opening", "clock", "gap"}


@pytest.mark.parametrize("phone", ["", "call us", "+", "+972 3 123 4567\n", "1" * 41])
def test_phone_of_a_location_is_a_telephone_number(phone: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read_location({"key": "main", "name": "Main", "phone": phone})

    assert [(error.pointer, error.detail) for error in caught.value.errors] == [
        ("phone", "must be a telephone number such as +972 3 123 4567")
    ]
