"""Holds in requests and answers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final, NotRequired, Self

from pydantic import ConfigDict, Field, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.answers import Answers, OptionalService, unless_answers_choose
from api.schemas.choices import AddOns, ChoicesAnswer, chosen_answer
from api.schemas.fields import (
    LIST_BY_DEFAULT,
    OBJECT_BY_DEFAULT,
    Client,
    MoneyAnswer,
    Party,
    Reference,
    RequestModel,
    UsedResource,
    VisitLocation,
    used_resources,
    visit_location,
)
from api.schemas.overrides import Overrides, WaivedRules
from api.schemas.starts_query import StartsQuery
from availability.routing import BY_ANSWERS
from availability.rules.choices import NONE_REQUESTED, RequestedChoices
from availability.rules.overrides import overrides_of
from catalogue.limits import MAX_HOLD_SECONDS
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import DurationMinutes, Instant
from catalogue.model.documents import FaultsError
from holds.model import Hold, HoldFilter, HoldStatus, PlaceRequest
from kernel.errors import FieldError
from kernel.ids import AppointmentId, HoldId
from kernel.spans import to_datetime
from kernel.zones import zone

TtlSeconds = Annotated[int, Field(ge=1, le=MAX_HOLD_SECONDS, description="Lifetime of the hold from now, in seconds.")]


GaveWay = Annotated[list[str], Field(description="The holds of visitors that ended for this one (`override`).")]


class VisitStart(RequestModel):
    """A start to hold or book."""

    service: OptionalService = Field(
        default=None, description="Id or key. Required, unless `answers` to the questions of the business choose it."
    )
    start: Annotated[Instant, Field(description="A start from the availability, with its offset from UTC.")]
    resource: Annotated[Reference, Field(description="Id or key. Any suitable resource if absent.")] | None = None
    location: (
        Annotated[Reference, Field(description="Id or key of the location of the slot. Any if absent.")] | None
    ) = None
    party: Party = 1
    client: Client | None = None
    ttl_seconds: TtlSeconds | None = None
    replaces: (
        Annotated[Reference, Field(description="A hold to release in the same step, if the new one is placed.")] | None
    ) = None
    replaces_optional: bool = Field(
        default=False,
        description="Place the hold also where the one to be replaced is gone: expired, released or unknown.",
    )
    override: Overrides = Field(default_factory=list, json_schema_extra=LIST_BY_DEFAULT)
    duration_minutes: (
        Annotated[DurationMinutes, Field(description="One of its `durations`. Default: `duration_minutes`.")] | None
    ) = None
    challenge: (
        Annotated[
            str,
            Field(
                max_length=2048,
                description="Response of the challenge on the page (Cloudflare Turnstile), where the engine asks "
                "visitors for one.",
            ),
        ]
        | None
    ) = None
    add_ons: AddOns = Field(
        default_factory=list, json_schema_extra=LIST_BY_DEFAULT, description="Keys of the service's add-ons."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_the_service(cls, sent: object) -> object:
        return unless_answers_choose(sent, "answers")

    def place_request(self, *, by_visitor: bool) -> PlaceRequest:
        """The request as the engine's value."""
        return PlaceRequest(
            service=BY_ANSWERS if self.service is None else self.service,
            start=self.start,
            resource=self.resource,
            location=self.location,
            party=self.party,
            client=self.client,
            ttl_seconds=self.ttl_seconds,
            replaces=None if self.replaces is None else HoldId(self.replaces),
            replaces_optional=self.replaces_optional,
            overrides=overrides_of(self.override),
            by_visitor=by_visitor,
            choices=RequestedChoices(duration_minutes=self.duration_minutes, add_ons=tuple(self.add_ons))
            if self.duration_minutes is not None or self.add_ons
            else NONE_REQUESTED,
        )


class PlaceHold(VisitStart):
    """A start to hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"service": "haircut", "start": "2026-12-01T09:00:00+02:00", "client": "session-7f3a"}]
        }
    )

    rescheduling: (
        Annotated[
            Reference,
            Field(
                description="The appointment that is to move onto the hold: its own time does not block it. A "
                "publishable key needs the `Appointment-Token` of this appointment. Service and party are the "
                "appointment's. The hold can be used for `reschedule` of this appointment only."
            ),
        ]
        | None
    ) = None

    answers: Answers = Field(default_factory=dict, json_schema_extra=OBJECT_BY_DEFAULT)

    @model_validator(mode="after")
    def _keeps_the_service_of_a_move(self) -> Self:
        if self.answers and self.rescheduling is not None:
            raise FaultsError([FieldError("answers", "a move keeps the service: leave out the answers")])
        return self

    @property
    def moving(self) -> AppointmentId | None:
        """The appointment that is to move."""
        return None if self.rescheduling is None else AppointmentId(self.rescheduling)

    def place_request(self, *, by_visitor: bool) -> PlaceRequest:
        """The request as the engine's value. Who may move an appointment knows its service."""
        request = super().place_request(by_visitor=by_visitor and self.rescheduling is None)
        if self.rescheduling is None and not self.answers:
            return request
        return replace(request, rescheduling=self.moving, answers=self.answers)


class ExtendHold(RequestModel):
    """The new lifetime of a hold."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ttl_seconds": 300}]})

    ttl_seconds: TtlSeconds


HOLD_EXAMPLE: Final[JsonDict] = {
    "id": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "service": "haircut",
    "start": "2026-12-01T07:00:00Z",
    "end": "2026-12-01T07:30:00Z",
    "resources": [{"role": "staff", "resource": "noa"}],
    "party": 1,
    "price": {"amount_minor": 9000, "currency": "ILS"},
    "status": "held",
    "expires_at": "2026-11-30T15:05:00Z",
    "extendable_until": "2026-11-30T15:20:00Z",
}


@with_config(ConfigDict(json_schema_extra={"examples": [HOLD_EXAMPLE]}))
class HoldAnswer(ChoicesAnswer):
    """A time kept until `expires_at`."""

    id: str
    service: str
    start: datetime
    end: datetime
    location: NotRequired[VisitLocation]
    resources: list[UsedResource]
    party: int
    price: MoneyAnswer
    status: Annotated[str, Field(json_schema_extra={"enum": ["held", "confirmed", "expired"]})]
    expires_at: datetime
    extendable_until: datetime
    appointment: NotRequired[Annotated[str, Field(description="The appointment that it became.")]]
    rescheduling: NotRequired[Annotated[str, Field(description="The appointment that is to move onto it.")]]
    routed_from: NotRequired[
        Annotated[
            str | None,
            Field(description="The service whose questions led to this one; null: they were those of the business."),
        ]
    ]
    override: NotRequired[WaivedRules]
    gave_way: NotRequired[GaveWay]


class HoldsAnswer(TypedDict):
    """A page of live holds in the order in which they end."""

    data: list[HoldAnswer]
    next_cursor: str | None


class HoldsQuery(StartsQuery):
    """Filters of a list of holds."""

    def filter(self, catalogue: Catalogue, live: Catalogue) -> HoldFilter:
        """The filters as the engine's value. Raises NotFound for an unknown name."""
        location_id = self.location_id(catalogue, live)
        return HoldFilter(
            service_id=self.service_id(catalogue, live),
            resource_id=self.resource_id(catalogue, live),
            location_id=location_id,
            resources_there=frozenset(one.id for one in live.resources if one.location_id == location_id),
            starts_from=self.earliest_start(catalogue),
            starts_before=self.starts_before(catalogue),
        )


def hold_answer(hold: Hold, catalogue: Catalogue, timezone: str | None = None) -> HoldAnswer:
    """The answer that describes the hold. A hold under confirmation still counts as held."""
    status = HoldStatus.HELD if hold.status is HoldStatus.PINNED else hold.status
    service = catalogue.service_by_id.get(hold.service_id)
    in_zone = UTC if timezone is None else zone(timezone)
    body: HoldAnswer = {
        "id": hold.id,
        # Another process may have just created the service; its id serves as its name until this one has it too.
        "service": hold.service_id if service is None else service.key,
        "start": to_datetime(hold.span.start).astimezone(in_zone),
        "end": to_datetime(hold.span.end).astimezone(in_zone),
        "resources": used_resources(hold.parts, catalogue),
        "party": hold.party,
        "price": {"amount_minor": hold.price.amount_minor, "currency": hold.price.currency},
        "status": status.value,
        "expires_at": hold.expires_at.astimezone(in_zone),
        "extendable_until": hold.extendable_until.astimezone(in_zone),
    }
    location = visit_location(hold.location_id, hold.parts, catalogue)
    if location is not None:
        body["location"] = location
    if hold.appointment_id is not None:
        body["appointment"] = hold.appointment_id
    if hold.rescheduling is not None:
        body["rescheduling"] = hold.rescheduling
    if hold.asked_service_id is not None:
        asked = catalogue.service_by_id.get(hold.asked_service_id)
        body["routed_from"] = hold.asked_service_id if asked is None else asked.key
    if hold.asked_by_business:
        body["routed_from"] = None
    if hold.overrides:
        body["override"] = [override.value for override in hold.overrides]
    if hold.choices:
        body.update(chosen_answer(hold.choices))  # type: ignore[typeddict-item]
    if hold.gave_way:
        body["gave_way"] = list(hold.gave_way)
    return body
