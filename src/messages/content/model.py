"""Facts that a message tells of, and what is written of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from kernel.money import Money

LANGUAGES: Final = ("en", "he", "ar", "fr", "de", "es")
"""The languages in which everything can be said."""
DEFAULT_LANGUAGE: Final = "en"


class MessageKind(StrEnum):
    """The occasions on which somebody is written to."""

    CONFIRMED = "confirmed"
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    PAYMENT_DUE = "payment_due"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    WAITLIST_OFFER = "waitlist_offer"
    SIGN_IN_LINK = "sign_in_link"
    CODE = "code"
    FOLLOW_UP = "follow_up"
    """After a visit; a business may have several, by names of its own."""


class Audience(StrEnum):
    """Side of a visit that is written to."""

    CUSTOMER = "customer"
    STAFF = "staff"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessFacts:
    """The business as a message shows it."""

    name: str
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """The visit that a message is about."""

    appointment_id: str
    version: int
    service: str
    resources: tuple[str, ...] = ()
    """Names of those who serve, as customers may read them."""
    location: str | None = None
    address: str | None = None
    start: datetime
    """Aware, as `end` and all other times."""
    end: datetime
    timezone: str
    """The zone in which times are told."""
    price: Money | None = None
    party: int = 1
    add_ons: tuple[str, ...] = ()
    customer_name: str | None = None
    """Told to staff and owners; to customers by templates of the business alone, and never in a subject."""
    previous_start: datetime | None = None
    """The start before a move."""
    fee: Money | None = None
    """The fee that a cancellation costs."""
    cancelled_by: str | None = None
    """`customer`, or any other value for those who are not."""
    approve_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The pages that a message leads to."""

    manage: str | None = None
    """One's own appointment (`/a/…`); for staff, the console."""
    preferences: str | None = None
    """Choice of what one is told (`/u/…`)."""
    action: str | None = None
    """The page of the step that is asked for: sign-in, payment, offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """All that a message may tell."""

    kind: MessageKind
    audience: Audience
    business: BusinessFacts
    visit: VisitFacts | None = None
    """None for sign-in links and codes alone."""
    links: Links = field(default_factory=Links)
    code: str | None = None
    minutes: int | None = None
    """The time for which a code or a link works."""
    amount: Money | None = None
    """The amount that is due, was not taken, or was returned."""
    due_by: datetime | None = None
    """The end of the time to pay, or to accept an offer."""
    minutes_before: int | None = None
    """The distance of a reminder from its visit."""
    template: str | None = None
    """Name of a template of the business's own, where it is not that of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateText:
    """A template of a business for one kind, channel and language: Jinja with bounds (docs/reference)."""

    text: str
    """For a text message all of it; for a push its body."""
    subject: str | None = None
    """For a push, its title."""
    html: str | None = None


Templates = Mapping[str, Mapping[str, Mapping[str, TemplateText]]]
"""Templates of a business: by kind (or a name of its own), then channel, then language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message in one language, as each channel carries it."""

    locale: str
    """The language of the mail, as a BCP 47 tag."""
    subject: str
    text: str
    html: str
    sms: str
    push_title: str
    push_body: str
    missing: tuple[str, ...] = ()
    """Languages that were wanted before, and in which there is no text: for a metric (`<channel>:<language>`)."""
    refused: tuple[str, ...] = ()
    """Channels whose template of the business failed, so that the built-in text stands in its place."""
