"""Webhook endpoints and deliveries as values."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from kernel.errors import DomainError
from kernel.ids import EventId, SecretId, TenantId, WebhookDeliveryId, WebhookEndpointId
from webhooks.health import EndpointHealth

MOST_ENDPOINTS: Final = 16
"""Endpoints of one business: each is told of every event. More receivers belong behind one of their own."""
MOST_TYPES: Final = 50
"""Types or patterns of one endpoint: more than there are types."""
PING_TYPE: Final = "webhook_endpoint.ping"
"""The type of what a ping sends. It is in no feed."""
DISABLED_TYPE: Final = "webhook_endpoint.disabled"
"""The type of the event that tells the other endpoints."""
INTERNAL: Final = "internal"
"""The cause of an attempt that failed before anything was sent, by a fault of the engine."""
SECRET_PURPOSE: Final = "webhook_endpoint"  # noqa: S105 - a name, by which secrets are bound to their place

SubjectView: TypeAlias = Callable[[TenantId, str], Awaitable[Mapping[str, object] | None]]
"""Reads what an event is about, as a secret key sees it now; None for what is gone, or has no view."""


class EndpointDisabled(DomainError):
    """The endpoint is disabled, so nothing is sent to it."""

    code = "webhook_endpoint_disabled"

    def __init__(self) -> None:
        super().__init__("The endpoint is disabled. Enable it first, with PATCH and enabled: true.")


class SecretRotating(DomainError):
    """A rotation of the secret is not over."""

    code = "secret_rotating"


class Payload(StrEnum):
    """Contents of a delivery."""

    THIN = "thin"
    """The event: ids, times and states."""
    FULL = "full"
    """Event with the object that it is about, personal data included."""


class DisabledReason(StrEnum):
    """The cause for which an endpoint is disabled."""

    OWNER = "owner"
    """Its owner disabled it."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """For five days nothing reached it."""


class DeliveryStatus(StrEnum):
    """State of a delivery."""

    PENDING = "pending"
    """It is under way, or waits for its next attempt."""
    HELD = "held"
    """Its endpoint was disabled: nothing was sent, and nothing will be unless it is asked for."""
    DELIVERED = "delivered"
    """The endpoint has answered 2xx."""
    FAILED = "failed"
    """Its last attempt has failed."""
    DROPPED = "dropped"
    """The event is kept no longer, so it cannot be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerSettings:
    """Settings of an endpoint that are in force for events up to a place, which it has not considered yet."""

    until: int
    """In the feed: that of the last of these events."""
    types: tuple[str, ...]
    is_held: bool
    """It was disabled then, or has been since: they are not sent unless they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that a business is told of its events at."""

    id: WebhookEndpointId
    url: str
    types: tuple[str, ...]
    payload: Payload
    description: str | None
    disabled_reason: DisabledReason | None
    """None: it is enabled."""
    disabled_at: datetime | None
    secret_id: SecretId
    previous_secret_id: SecretId | None
    previous_until: datetime | None
    place: int
    """In the feed: that of the last event that was considered."""
    former: tuple[FormerSettings, ...] = ()
    """In the order of the events; those that came later are judged by the settings that it has now."""
    revision: int = 0
    """Raised by whatever changes all that is pending: when it is disabled, and when its URL changes."""
    held_revision: int = 0
    """Deliveries asked for at a lower revision are held: that of when it was disabled last."""
    revised: int = 0
    """Nothing that is pending was asked for at a lower revision."""
    health: EndpointHealth
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_enabled(self) -> bool:
        """True if events are sent to it."""
        return self.disabled_reason is None

    @property
    def is_revising(self) -> bool:
        """True if something pending may have to be held first, or be due at once. Until then nothing is sent."""
        return self.revised < self.revision

    def rests(self, now: datetime) -> bool:
        """True if it is to be left alone now. One that is disabled is sent pings, whatever it asked for before."""
        return self.is_enabled and self.health.rests_until is not None and self.health.rests_until > now

    def previous_secret_at(self, now: datetime) -> SecretId | None:
        """The secret before the current one, while it signs as well."""
        rotating = self.previous_until is not None and now < self.previous_until
        return self.previous_secret_id if rotating else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDetails:
    """The part of an endpoint that its owner decides."""

    url: str
    types: tuple[str, ...]
    payload: Payload
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAnswer:
    """The answer to an attempt, or the cause for which there was none."""

    status: int | None
    body: str | None
    """The first 20 kB."""
    error: str | None
    """None: there was an answer."""
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint."""

    id: WebhookDeliveryId
    endpoint_id: WebhookEndpointId
    event_id: EventId
    type: str
    subject: str
    status: DeliveryStatus
    attempt: int
    """Attempts so far."""
    due_at: datetime
    attempted_at: datetime | None
    duration_ms: int | None
    answer: DeliveryAnswer | None
    delivered_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyDelivery:
    """A delivery that is to be sent now, with what its event says."""

    id: WebhookDeliveryId
    event_id: EventId
    type: str
    subject: str
    attempt: int
    due_at: datetime
    """The time at which it became due; one that is asked for again meanwhile has another."""
    event: Mapping[str, object] | None
    """In its public form; None: it is kept no longer."""

    @property
    def is_ping(self) -> bool:
        """True for a ping, which is tried once and tells nothing of the endpoint's health."""
        return self.type == PING_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """The outcome of one attempt."""

    delivery: ReadyDelivery
    status: DeliveryStatus
    next_at: datetime | None
    """None: it is not tried again."""
    at: datetime
    duration_ms: int
    answer: DeliveryAnswer
    rest_seconds: float | None = None
    """Seconds for which the endpoint asked to be left alone."""
    is_gone: bool = False
    """The endpoint says that it is not to be told of anything any more."""

    @property
    def tells_of_endpoint(self) -> bool:
        """True if the outcome is the endpoint's doing. Its owner only tries it out by a ping."""
        is_sent = self.status is not DeliveryStatus.DROPPED and self.answer.error != INTERNAL
        return is_sent and not self.delivery.is_ping


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBatch:
    """Deliveries of one endpoint that are due, and what they are sent with."""

    endpoint: Endpoint
    secrets: Sequence[bytes]
    deliveries: Sequence[ReadyDelivery]
    next_at: datetime | None
    """The next time at which there is something to do; None: not before another event."""
