"""Rates of activities, as settings spell them and requests meet them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

from kernel.errors import DomainError

_UNIT_SECONDS: Final[Mapping[str, int]] = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE: Final = re.compile(r"(?P<activity>[a-z]+)=(?P<most>\d{1,9})/(?P<unit>second|minute|hour|day)")
_NONE: Final = "none"
_MISSPELLED: Final = "must be rates such as list=300/minute,booked=6/hour (per second, minute, hour or day), or none"


class Activity(StrEnum):
    """Work of one kind that requests cause."""

    LIST = "list"
    """Listings of free times, and the storefront."""
    HOLD = "hold"
    """Placing and extending holds."""
    BOOK = "book"
    """Attempts to confirm a hold or to book directly."""
    BOOKED = "booked"
    """Appointments that came of them."""
    CODE = "code"
    """Codes that are sent to visitors."""
    OTHER = "other"


class Rate(NamedTuple):
    """The most of an activity in some time."""

    most: int
    seconds: int


Rates = Mapping[Activity, Rate]
"""The rates of one source of requests; an activity without one has no limit."""


def parse_rates(text: str) -> Rates:
    """Read the rates of a setting. Raises ValueError with words for the operator."""
    rates: dict[Activity, Rate] = {}
    for part in () if text.strip() == _NONE else text.split(","):
        found = _RATE.fullmatch(part.strip())
        if found is None or found["activity"] not in set(Activity) or int(found["most"]) == 0:
            raise ValueError(_MISSPELLED)
        rates[Activity(found["activity"])] = Rate(int(found["most"]), _UNIT_SECONDS[found["unit"]])
    return MappingProxyType(rates)


class Source(StrEnum):
    """Kind of origin that requests which are counted together share."""

    ADDRESS = "address"
    NETWORK = "network"
    """A neighbourhood of addresses, which most likely have one owner."""
    KEY = "key"
    """The credential."""
    CONTACT = "contact"
    """The e-mail address or telephone number that a message goes to, as a digest."""
    BUSINESS = "business"
    """All visitors of the business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rates of each source of requests."""

    address: Rates
    network: Rates
    visitors_key: Rates
    """Credential that visitors have."""
    secret_key: Rates
    """Credential on the side of the business."""
    business: Rates


_ACTIVITIES: Final[Mapping[str, Activity]] = {
    "getStorefront": Activity.LIST,
    "listAvailability": Activity.LIST,
    "listAvailableDays": Activity.LIST,
    "listNextAvailability": Activity.LIST,
    "placeHold": Activity.HOLD,
    "extendHold": Activity.HOLD,
    "confirmHold": Activity.BOOK,
    "bookAppointment": Activity.BOOK,
    "sendVerificationCode": Activity.CODE,
}


def activity_of(operation_id: str) -> Activity:
    """The activity that the requests of an operation count as."""
    return _ACTIVITIES.get(operation_id, Activity.OTHER)


class RateLimited(DomainError):
    """The caller asks for more than its rate; nothing was done."""

    code: ClassVar[str] = "rate_limited"


def rate_refusal(source: Source, activity: Activity, rate: Rate, wait_seconds: int) -> RateLimited:
    """Build the refusal of a request that would exceed a rate."""
    return RateLimited(
        f"At most {rate.most} in {rate.seconds} seconds for each {source} ({activity}). "
        f"Please try again in {wait_seconds} seconds.",
        policy=f"{source}-{activity}",
        limit=rate.most,
        window_seconds=rate.seconds,
        retry_after_seconds=wait_seconds,
    )
