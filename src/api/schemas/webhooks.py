"""Webhook endpoints and deliveries in requests and answers."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, field_validator, with_config
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel, storable
from catalogue.model.document_fields import ExactInstant
from catalogue.model.rules.rule import UNSET
from outbound.targets import MAX_URL_CHARACTERS
from webhooks.deliveries.service import Replay
from webhooks.endpoint_service import EndpointChange, NewSecret
from webhooks.model import (
    MOST_TYPES,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    EndpointDetails,
    Payload,
)

_MAX_DESCRIPTION: Final = 200
MOST_OVERLAP_MINUTES: Final = 10_080
"""A week: long enough to give a new secret to every receiver."""
_ID: Final = "whe_01kbc9x3v4h5m6n7p8q9r0s1t2"

ENDPOINT_EXAMPLE: Final[JsonDict] = {
    "id": _ID,
    "url": "https://hooks.fade.example/holdfast",
    "types": ["appointment.*"],
    "payload": "thin",
    "description": "Accounting",
    "enabled": True,
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "previous_secret_until": None,
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
NEW_ENDPOINT_EXAMPLE: Final[JsonDict] = {
    **ENDPOINT_EXAMPLE,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
}
DELIVERY_EXAMPLE: Final[JsonDict] = {
    "id": "whd_019ad4b2e1c000001a1b2c3d4e",
    "endpoint": _ID,
    "event": "evt_019ad4b2e0f81a2b3c4d5e6f70",
    "type": "appointment.confirmed",
    "subject": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "status": "pending",
    "attempts": 1,
    "next_attempt_at": "2026-11-30T15:01:18Z",
    "last_attempt_at": "2026-11-30T15:01:12Z",
    "delivered_at": None,
    "duration_ms": 84,
    "response": {"status": 500, "body": "Internal Server Error"},
    "error": None,
    "created_at": "2026-11-30T15:01:12Z",
}
REFUSED_DELIVERY_EXAMPLE: Final[JsonDict] = {
    **DELIVERY_EXAMPLE,
    "response": None,
    "error": {
        "code": "target_not_allowed",
        "detail": "The address of this host is private. Requests go to public addresses, and to networks that the "
        "operator lists in HOLDFAST_OUTBOUND_ALLOW.",
    },
}
REPLAY_EXAMPLE: Final[JsonDict] = {"scheduled": 50, "next_from": None}

_Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS),
    AfterValidator(storable),
    Field(description="Where events are sent to: https, or http. Its host has public addresses only."),
]
_Types = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=100)]],
    Field(
        min_length=1,
        max_length=MOST_TYPES,
        description="Types of events: `appointment.confirmed`, all of a family (`appointment.*`), or all (`*`).",
    ),
]
_PayloadField = Annotated[
    Payload,
    Field(
        strict=False,
        description="`thin`: the event, without personal data. `full`: also what it is about, as a secret key sees it "
        "when it is sent, in `data.object`.",
    ),
]
_Description = Annotated[str, StringConstraints(max_length=_MAX_DESCRIPTION), AfterValidator(storable)]


class CreateWebhookEndpoint(RequestModel):
    """An endpoint to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": ENDPOINT_EXAMPLE["url"], "types": ["appointment.*"], "description": "Accounting"}]
        }
    )

    url: _Url
    types: _Types
    payload: _PayloadField = Payload.THIN
    description: Annotated[_Description | None, Field(description="For you.")] = None

    def details(self) -> EndpointDetails:
        """The endpoint as the use case takes it."""
        return EndpointDetails(
            url=self.url, types=tuple(self.types), payload=self.payload, description=self.description
        )


class ChangeWebhookEndpoint(RequestModel):
    """Fields to change; the rest stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    url: Annotated[_Url | SkipJsonSchema[None], Field(description="The new URL.")] = None
    types: Annotated[_Types | SkipJsonSchema[None], Field(description="The new types.")] = None
    payload: Annotated[_PayloadField | SkipJsonSchema[None], Field(description="The new payload.")] = None
    description: Annotated[_Description | None, Field(description="The new description; null removes it.")] = None
    enabled: Annotated[
        bool | SkipJsonSchema[None],
        Field(
            description="False: nothing is sent, and deliveries are held. True: what happens from now on is sent; what "
            "is held waits for a replay."
        ),
    ] = None

    @field_validator("url", "types", "payload", "enabled", mode="before")
    @classmethod
    def _is_not_taken_away(cls, sent: object) -> object:
        if sent is None:
            message = "must not be null; leave it out to keep it"
            raise ValueError(message)
        return sent

    def change(self) -> EndpointChange:
        """The change as the use case takes it. Of these, only a description may be taken away."""
        return EndpointChange(
            url=UNSET if self.url is None else self.url,
            types=UNSET if self.types is None else tuple(self.types),
            payload=UNSET if self.payload is None else self.payload,
            description=self.description if "description" in self.model_fields_set else UNSET,
            is_enabled=UNSET if self.enabled is None else self.enabled,
        )


class RotateSecret(RequestModel):
    """Terms of a rotation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_minutes": 60}]})

    overlap_minutes: Annotated[
        int,
        Field(
            ge=0, le=MOST_OVERLAP_MINUTES, description="For so long deliveries are signed with the old secret as well."
        ),
    ] = 1440


class ReplayEvents(RequestModel):
    """A stretch of time."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={"examples": [{"from": "2026-11-30T00:00:00Z", "to": "2026-12-01T00:00:00Z"}]},
    )

    since: Annotated[ExactInstant, Field(alias="from", description="The first instant; events are kept for 30 days.")]
    until: Annotated[ExactInstant, Field(alias="to", description="The end, exclusive; at most 31 days later.")]
    undelivered_only: Annotated[
        bool, Field(description="True: leave out what has been delivered. Otherwise all of it is sent again.")
    ] = False


class _EndpointFields(TypedDict):
    id: str
    url: str
    types: list[str]
    payload: Payload
    description: str | None
    enabled: bool
    disabled_reason: Annotated[
        DisabledReason | None,
        Field(
            description="`owner`: you disabled it. `gone`: it answered 410. `failing`: nothing reached it "
            "for five days."
        ),
    ]
    disabled_at: datetime | None
    failing_since: Annotated[datetime | None, Field(description="The first failure since its last success.")]
    previous_secret_until: Annotated[
        datetime | None,
        Field(description="During a rotation: until then the old secret signs as well; null otherwise."),
    ]
    version: Annotated[int, Field(description="Counts the changes; the ETag.")]
    created_at: datetime
    updated_at: datetime


@with_config(ConfigDict(json_schema_extra={"examples": [ENDPOINT_EXAMPLE]}))
class WebhookEndpointAnswer(_EndpointFields):
    """An address that is told of events."""


@with_config(ConfigDict(json_schema_extra={"examples": [NEW_ENDPOINT_EXAMPLE]}))
class NewWebhookEndpointAnswer(_EndpointFields):
    """An endpoint with its secret, which is shown this once."""

    secret: Annotated[str, Field(description="Signs every delivery, after Standard Webhooks.")]


class WebhookEndpointsAnswer(TypedDict):
    """All endpoints, the oldest first."""

    data: list[WebhookEndpointAnswer]


class DeliveryResponse(TypedDict):
    """The answer of the endpoint to the last attempt."""

    status: int
    body: Annotated[str, Field(description="The first 20 kB.")]


class DeliveryError(TypedDict):
    """The cause for which the last attempt had no answer."""

    code: Annotated[
        str,
        Field(
            description="`target_not_allowed`, `unknown_host`, `no_connection`, `tls`, `timeout`, `no_answer`, "
            "`event_gone`, or `internal`: a fault of the engine."
        ),
    ]
    detail: str


@with_config(ConfigDict(json_schema_extra={"examples": [DELIVERY_EXAMPLE, REFUSED_DELIVERY_EXAMPLE]}))
class WebhookDeliveryAnswer(TypedDict):
    """An event on its way to an endpoint, with the outcome of the last attempt."""

    id: str
    endpoint: str
    event: Annotated[str, Field(description="The id of the event, and the header `webhook-id`.")]
    type: str
    subject: str
    status: Annotated[
        DeliveryStatus,
        Field(
            description="`pending`: under way, or waiting for its next attempt. `held`: the endpoint was disabled, and "
            "nothing was sent. `failed`: given up. `dropped`: the event is kept no longer."
        ),
    ]
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    delivered_at: datetime | None
    duration_ms: int | None
    response: DeliveryResponse | None
    error: DeliveryError | None
    created_at: datetime


class WebhookDeliveriesAnswer(TypedDict):
    """A page of deliveries, the latest first."""

    data: list[WebhookDeliveryAnswer]
    next_cursor: str | None


@with_config(ConfigDict(json_schema_extra={"examples": [REPLAY_EXAMPLE]}))
class ReplayAnswer(TypedDict):
    """Events that a replay will send."""

    scheduled: Annotated[int, Field(description="Deliveries that are pending now.")]
    next_from: Annotated[
        datetime | None,
        Field(description="Where to go on with another replay, since one takes 5,000 events; null at the end."),
    ]


def endpoint_answer(endpoint: Endpoint) -> WebhookEndpointAnswer:
    """The answer that describes the endpoint now."""
    until = endpoint.previous_until
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "types": list(endpoint.types),
        "payload": endpoint.payload,
        "description": endpoint.description,
        "enabled": endpoint.is_enabled,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.health.failing_since,
        "previous_secret_until": None if endpoint.previous_secret_at(datetime.now(UTC)) is None else until,
        "version": endpoint.version,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def new_endpoint_answer(new: NewSecret) -> NewWebhookEndpointAnswer:
    """The answer that shows a secret."""
    return {**endpoint_answer(new.endpoint), "secret": new.secret}


def delivery_answer(delivery: Delivery) -> WebhookDeliveryAnswer:
    """The answer that describes the delivery."""
    told = delivery.answer
    response: DeliveryResponse | None = None
    error: DeliveryError | None = None
    if told is not None and told.status is not None:
        response = {"status": told.status, "body": told.body or ""}
    elif told is not None:
        error = {"code": told.error or "", "detail": told.detail or ""}
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint_id,
        "event": delivery.event_id,
        "type": delivery.type,
        "subject": delivery.subject,
        "status": delivery.status,
        "attempts": delivery.attempt,
        "next_attempt_at": delivery.due_at if delivery.status is DeliveryStatus.PENDING else None,
        "last_attempt_at": delivery.attempted_at,
        "delivered_at": delivery.delivered_at,
        "duration_ms": delivery.duration_ms,
        "response": response,
        "error": error,
        "created_at": delivery.created_at,
    }


def replay_answer(replay: Replay) -> ReplayAnswer:
    """The answer to a replay."""
    return {"scheduled": replay.scheduled, "next_from": replay.next_from}
