"""Storefront of a business: names, durations, prices and terms, and none of its inner workings."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Final, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.cancellation_terms import CancellationTerms, cancellation_terms
from api.schemas.choices import AddOnAnswer, add_on_answer
from api.schemas.fields import MoneyAnswer, money_answer
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.prices import service_prices
from availability.rules.search_budget import TooComplex
from availability.rules.visit_duration import index_with_choices
from catalogue.model.business import Business
from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import Choices, DurationOption
from catalogue.model.locations import Location
from catalogue.model.questions import Question, QuestionKind
from catalogue.model.resources import Resource
from catalogue.model.routes import AnswerRoute
from catalogue.model.rules.require import ContactDetail
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.model.rules.verification import Verification
from catalogue.model.services import Service
from catalogue.model.wall_clock import wall_time


class StorefrontBusiness(TypedDict):
    """The business."""

    name: str
    timezone: str
    currency: str
    clock: Annotated[datetime | None, Field(description="To which a sandbox has set its clock; null: the real time.")]
    questions: NotRequired[
        Annotated[
            list["StorefrontQuestion"],
            Field(description="Those whose answers choose a service where none is named. Absent where there are none."),
        ]
    ]


class StorefrontLocation(TypedDict):
    """A place to which visitors go."""

    key: str
    name: str
    address: Annotated[str | None, Field(description="May have several lines.")]
    timezone: NotRequired[Annotated[str, Field(description="Where the business has several locations.")]]


class StorefrontResource(TypedDict):
    """A person or thing that a visitor meets."""

    key: str
    name: str
    description: Annotated[str | None, Field(description="May have several lines.")]
    kind: str
    location: Annotated[str, Field(description="Key of the location.")]
    approval: Annotated[bool | None, Field(description="Of visits it leads; null: as the service says.")]
    cancellation: Annotated[CancellationTerms | None, Field(description="Of visits it leads; null: as the service.")]


class StorefrontDuration(TypedDict):
    """A length to choose, and what a visit of that length costs."""

    minutes: int
    price: Annotated[MoneyAnswer, Field(description="For one person.")]
    price_from: NotRequired[Annotated[MoneyAnswer, Field(description="As of the service.")]]
    price_to: NotRequired[Annotated[MoneyAnswer, Field(description="As of the service.")]]


class StorefrontStay(TypedDict):
    """The nights of a service that is a stay, with check-in and check-out by the wall clock."""

    nights: int
    check_in: Annotated[str, Field(examples=["15:00"])]
    check_out: Annotated[str, Field(examples=["11:00"])]


class _Options(TypedDict):
    chooses: NotRequired[
        Annotated[bool, Field(description="True: its answer decides what is booked. Ask before you list free times.")]
    ]
    options: NotRequired[Annotated[list[str], Field(description="Of a choice: the answers there are.")]]


class StorefrontQuestion(_Options):
    """Something that whoever books is asked."""

    key: str
    label: str
    type: QuestionKind
    required: bool


class StorefrontService(TypedDict):
    """Something that can be booked."""

    id: str
    key: str
    name: str
    description: Annotated[str | None, Field(description="May have several lines.")]
    duration_minutes: Annotated[int, Field(description="Of a stay, while no clock is changed.")]
    duration: NotRequired[StorefrontStay]
    price: MoneyAnswer
    price_from: NotRequired[
        Annotated[
            MoneyAnswer, Field(description="Where it depends on who serves, or when: the lowest price for one person.")
        ]
    ]
    price_to: NotRequired[Annotated[MoneyAnswer, Field(description="Beside `price_from`: the highest.")]]
    timezone: Annotated[str, Field(description="In which it is listed unless a query names one.")]
    resources: Annotated[list[str], Field(description="Keys of those a visitor may ask for; empty if none can be.")]
    approval: Annotated[bool, Field(description="Whether the business looks at each booking before it is confirmed.")]
    hold_seconds: Annotated[int, Field(description="How long a hold lives.")]
    cancellation: CancellationTerms
    durations: NotRequired[
        Annotated[
            list[StorefrontDuration],
            Field(description="The lengths to choose from, the shortest first. Absent: visits have one length."),
        ]
    ]
    add_ons: NotRequired[Annotated[list[AddOnAnswer], Field(description="The extras to choose. Absent: none.")]]
    questions: NotRequired[Annotated[list[StorefrontQuestion], Field(description="Absent where there are none.")]]
    require: NotRequired[
        Annotated[list[ContactDetail], Field(description="Contact details without which nobody books it.")]
    ]
    verify: NotRequired[
        Annotated[Verification, Field(description="What a visitor proves by a code before they book it.")]
    ]


STOREFRONT_EXAMPLE: Final[JsonDict] = {
    "business": {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS", "clock": None},
    "locations": [{"key": "main", "name": "Dizengoff 12", "address": "Dizengoff 12, Tel Aviv"}],
    "resources": [
        {
            "key": "noa",
            "name": "Noa",
            "description": "Fades and long hair.",
            "kind": "staff",
            "location": "main",
            "approval": None,
            "cancellation": None,
        }
    ],
    "services": [
        {
            "id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2",
            "key": "haircut",
            "name": "Haircut",
            "description": "Wash, cut and styling.",
            "duration_minutes": 30,
            "price": {"amount_minor": 9000, "currency": "ILS"},
            "timezone": "Asia/Jerusalem",
            "resources": ["noa"],
            "approval": False,
            "hold_seconds": 300,
            "cancellation": {"free_until_minutes": 1440, "fee_percent": 50},
        }
    ],
}


@with_config(ConfigDict(json_schema_extra={"examples": [STOREFRONT_EXAMPLE]}))
class StorefrontAnswer(TypedDict):
    """Data that a page for visitors needs before it can ask for free times."""

    business: StorefrontBusiness
    locations: list[StorefrontLocation]
    resources: list[StorefrontResource]
    services: list[StorefrontService]


def storefront_answer(index: CatalogueIndex, *, visitor: bool) -> StorefrontAnswer:
    """The live services, the resources they use and the locations of these, in the order of the business document.

    A visitor is not told of services for staff.
    """
    catalogue = index.catalogue
    business = catalogue.business
    named = (catalogue.find_service_for(service.id, visitor=visitor) for service in catalogue.services)
    services = [service for service in named if service is not None]
    pools = [catalogue.pool(entry) for service in services for entry in service.requires]
    used = {resource.id: resource for pool in pools for resource in pool}
    visited = {location_id for resource in used.values() for location_id in resource.location_ids}
    return {
        "business": _business(business),
        "locations": [_location(location, catalogue) for location in catalogue.locations if location.id in visited],
        "resources": [_resource(resource, catalogue) for resource in catalogue.resources if resource.id in used],
        "services": [_service(service, index) for service in services],
    }


def _business(business: Business) -> StorefrontBusiness:
    body: StorefrontBusiness = {
        "name": business.name,
        "timezone": business.timezone,
        "currency": business.currency,
        "clock": business.sandbox_now,
    }
    if business.questions:
        body["questions"] = [_question(question, business.routes) for question in business.questions]
    return body


def _location(location: Location, catalogue: Catalogue) -> StorefrontLocation:
    body: StorefrontLocation = {"key": location.key, "name": location.name, "address": location.address}
    if catalogue.has_several_locations:
        body["timezone"] = location.timezone
    return body


def _resource(resource: Resource, catalogue: Catalogue) -> StorefrontResource:
    approval, cancellation = resource.rules.approval, resource.rules.cancellation
    return {
        "key": resource.key,
        "name": resource.name,
        "description": resource.description,
        "kind": resource.kind,
        "location": catalogue.location_by_id[resource.location_id].key,
        "approval": None if approval is UNSET else approval is not None,
        "cancellation": None if isinstance(cancellation, Unset) else cancellation_terms(cancellation),
    }


def _service(service: Service, index: CatalogueIndex) -> StorefrontService:
    catalogue, rules = index.catalogue, index.rules(service)
    body: StorefrontService = {
        "id": service.id,
        "key": service.key,
        "name": service.name,
        "description": service.description,
        "duration_minutes": service.duration_minutes,
        "price": money_answer(service.price),
        "timezone": catalogue.timezone_of(service),
        "resources": _choices(service, catalogue),
        "approval": rules.approval is not None,
        "hold_seconds": rules.hold.ttl_seconds,
        "cancellation": cancellation_terms(rules.cancellation),
    }
    if service.durations:
        body["durations"] = [_duration(option, service, index) for option in service.durations]
    if service.add_ons:
        body["add_ons"] = [add_on_answer(add_on) for add_on in service.add_ons]
    if service.duration is not None:
        stay = service.duration
        body["duration"] = {
            "nights": stay.nights,
            "check_in": wall_time(stay.check_in),
            "check_out": wall_time(stay.check_out),
        }
    if service.questions:
        body["questions"] = [_question(question, service.routes) for question in service.questions]
    if rules.require:
        body["require"] = list(rules.require)
    if rules.verify is not None:
        body["verify"] = rules.verify
    _add_price_range(body, service, index)
    return body


def _duration(option: DurationOption, service: Service, index: CatalogueIndex) -> StorefrontDuration:
    chosen = index.memoised(index_with_choices, service.id, Choices(duration=option), None)
    body: StorefrontDuration = {"minutes": option.minutes, "price": money_answer(option.price or service.price)}
    _add_price_range(body, chosen.catalogue.service_by_id[service.id], chosen)
    return body


def _add_price_range(body: StorefrontService | StorefrontDuration, service: Service, index: CatalogueIndex) -> None:
    with suppress(TooComplex):
        lowest, highest = service_prices(index, service, party=index.any_party)
        if lowest != highest:
            body["price_from"], body["price_to"] = money_answer(lowest), money_answer(highest)


def _question(question: Question, routes: Iterable[AnswerRoute]) -> StorefrontQuestion:
    options: _Options = {"options": list(question.options)} if question.options else {}
    if any(question.key == key for route in routes for key, _ in route.conditions):
        options["chooses"] = True
    return {
        "key": question.key,
        "label": question.label,
        "type": question.type,
        **options,
        "required": question.required,
    }


def _choices(service: Service, catalogue: Catalogue) -> list[str]:
    """The pool of the entry that leads the visit; nothing if several of it come together."""
    leading = service.requires[0]
    return [resource.key for resource in catalogue.pool(leading)] if leading.count == 1 else []
