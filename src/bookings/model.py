"""Appointments as values, with the refusals that only they have."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import orjson

from availability.model import Override
from catalogue.model.choices import NO_CHOICES, Choices
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.reschedule import ReschedulePolicy
from catalogue.model.rules.verification import Verification
from holds.model import Part
from kernel.errors import DomainError
from kernel.ids import AppointmentId, CustomerId, HoldId, LocationId, ResourceId, ServiceId
from kernel.money import Money
from kernel.operation import ActorKind
from kernel.spans import Minute, Span


class Status(StrEnum):
    """Status of an appointment (bookings.lifecycle has the allowed changes)."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


class CancellationReason(StrEnum):
    """Cause of the end of an appointment that did not take place, as its event names it; the list is closed."""

    REQUESTED = "requested"
    """The party that cancelled it asked for it."""
    WITHDRAWN = "withdrawn"
    """Its customer took back a request that was still pending."""
    DECLINED = "declined"
    APPROVAL_EXPIRED = "approval_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDetails:
    """Contact details that the visitor gave."""

    name: str
    email: str | None = None
    phone: str | None = None
    timezone: str | None = None

    @property
    def told_apart_by(self) -> Verification | None:
        """The kind of code that proves the address by which customers are told apart; None: there is no address."""
        if self.email:
            return Verification.EMAIL
        return Verification.SMS if self.phone else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Everything that a visitor gives for a booking besides its time."""

    customer: CustomerDetails
    notes: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    """By the key of the question."""

    @property
    def digest(self) -> str:
        """SHA-256 of all of it in canonical JSON: the same for the same details sent twice."""
        return hashlib.sha256(orjson.dumps(self._sent, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Text of all of it, the same for the same details sent twice."""
        answers = f"|{dict(self.answers)!r}" if self.answers else ""
        # As programs spelled it that knew no answers: a request may be repeated to a newer one.
        return f"Details(customer={self.customer!r}, notes={self.notes!r}, metadata={self.metadata!r}){answers}"

    @property
    def _sent(self) -> Mapping[str, object]:
        """The members; without answers as before there were any, so that digests of older programs go on to match."""
        members = {"customer": self.customer, "notes": self.notes, "metadata": self.metadata}
        return {**members, "answers": self.answers} if self.answers else members


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in force when the appointment was booked; later changes of the catalogue do not touch them."""

    cancellation: CancellationPolicy
    reschedule: ReschedulePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A booked visit."""

    id: AppointmentId
    hold_id: HoldId
    status: Status
    service_id: ServiceId
    span: Span
    """The visit, without buffers."""
    timezone: str
    """The location's, an IANA name."""
    location_id: LocationId | None = None
    """None: it is that of its first resource."""
    parts: tuple[Part, ...]
    """The resources with their shares, without buffers; kept when the appointment is cancelled."""
    party: int
    price: Money
    customer_id: CustomerId
    customer: CustomerDetails
    """As given at booking."""
    policy: Policy
    overrides: tuple[Override, ...] = ()
    """The rules that the business waived for its present time."""
    choices: Choices = NO_CHOICES
    """Its length and add-ons, as they were when it was booked, moved or amended."""
    notes: str | None
    metadata: Mapping[str, str]
    answers: Mapping[str, str] = field(default_factory=dict)
    """To the questions of the service, or of the business, by key, as given at booking."""
    led_to: tuple[ResourceId, ...] = ()
    """Resources that the answers led to, to one of which it moves; empty: to any."""
    details_digest: str | None
    """Digest of the details as they were sent; None where an older program kept none."""
    times_rescheduled: int
    approve_by: datetime | None
    """The last instant at which it can be approved; None once it is not pending."""
    cancelled_at: datetime | None
    cancel_reason: str | None
    cancelled_by: ActorKind | None
    """None while it is not cancelled, and where an older program cancelled it."""
    finished_at: datetime | None
    """Time of its completion or no-show; None while it is neither, and where an older program wrote it."""
    fee: Money | None
    """Price of the cancellation or the no-show; None while neither happened."""
    kept_fee: Money | None
    """The least that a cancellation by the customer costs: what it already cost when the customer moved it."""
    fee_start: Minute | None
    """The start from which cancellation fees count back; None: that of the visit."""
    is_proved: bool = False
    """True if its customer has proved the address that tells them apart, or the business booked it."""
    client: str | None = field(default=None, repr=False)
    """A keyed digest of the client that booked it; None: it named none."""
    version: int
    created_at: datetime
    updated_at: datetime
    personal_key: bytes | None = field(default=None, repr=False, compare=False)
    """The sealed key of its personal data as it was read; None where that is in plain text, or not stored yet."""
    is_erased: bool = False
    """True if the personal data of its customer was erased: what stands in its place says nothing of anybody."""

    @property
    def names(self) -> frozenset[str]:
        """Ids of the service, the resources and the location."""
        at = () if self.location_id is None else (self.location_id,)
        return frozenset({self.service_id, *at, *(part.resource_id for part in self.parts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """An appointment as the answer to its booking."""

    appointment: Appointment
    token: str | None
    """Lets its bearer read, move and cancel this appointment only.

    None: another party may have booked it, so the answer leaves out everything personal.
    """
    created: bool
    """False: the appointment existed before, and this repeats the first answer."""
    gave_way: tuple[HoldId, ...] = ()
    """The holds of others that were ended for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedResource:
    """Another resource that serves in a role since a move; None on a side that has nobody for it."""

    role: str
    before: ResourceId | None
    after: ResourceId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled:
    """An appointment that was moved."""

    appointment: Appointment
    previous: Appointment
    """As it was before the move."""
    gave_way: tuple[HoldId, ...]
    """The holds of others that were ended for its new time."""
    changed_resources: tuple[ChangedResource, ...]
    """By role; empty where the same resources serve as before."""
    is_planned: bool = False
    """True: nothing has changed, and this is what the move would come to."""

    @property
    def names(self) -> frozenset[str]:
        """The ids of everything in the catalogue that the appointment and the changes name."""
        return self.appointment.names | self.previous.names


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentFilter:
    """Criteria of a list of appointments; None leaves a side open."""

    starts_from: datetime | None = None
    starts_before: datetime | None = None
    ends_after: datetime | None = None
    resource_id: ResourceId | None = None
    service_id: ServiceId | None = None
    location_id: LocationId | None = None
    status: Status | None = None
    customer_id: CustomerId | None = None
    created_since: datetime | None = None
    updated_since: datetime | None = None


class InvalidTransition(DomainError):
    """The appointment's status does not allow this (facts `from` and `to`)."""

    code = "invalid_transition"


class CutoffPassed(DomainError):
    """The policy lets the customer do this only earlier."""

    code = "cutoff_passed"


class LimitReached(DomainError):
    """A number that a rule limits has been reached."""

    code = "limit_reached"
