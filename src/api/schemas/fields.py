"""Fields that several requests and answers share."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import Name
from holds.model import Part
from kernel.ids import ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Minute, to_datetime
from kernel.zones import zone

MAX_PARTY: Final = 1000
"""The largest capacity a resource may have."""
MAX_CLIENT_CHARACTERS: Final = 200
"""A session id, an e-mail address or a telephone number."""
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text. Raises ValueError if Postgres or JSON cannot hold it."""
    if _NOT_STORABLE.search(text) is not None:
        detail = "must not contain NUL or half of a surrogate pair"
        raise ValueError(detail)
    return text


Text = Annotated[str, AfterValidator(storable)]
Reference = Annotated[Name, AfterValidator(storable)]
"""An id or a key."""
Party = Annotated[int, Field(ge=1, le=MAX_PARTY, description="Number of people.")]
Client = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=MAX_CLIENT_CHARACTERS),
    Field(description="Your name for the client, such as a session id. The same client gets the same hold again."),
]


class RequestModel(BaseModel):
    """A body: exactly the fields of the model, without conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MoneyAnswer(TypedDict):
    """An amount in the currency's smallest unit, and its ISO 4217 code."""

    amount_minor: int
    currency: str


class UsedResource(TypedDict):
    """The resource in one role of a visit."""

    role: str
    resource: str


def money_answer(money: Money) -> MoneyAnswer:
    """The answer that describes the amount."""
    return {"amount_minor": money.amount_minor, "currency": money.currency}


# Listings repeat the same instants; this many take about 7 MB.
@lru_cache(maxsize=32_768)
def minute_in_zone(minute: Minute, timezone: str | None) -> datetime:
    """The minute as an instant in the zone; UTC if None."""
    return instant_in_zone(to_datetime(minute), timezone)


InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant rendered by `instant_text`."""


@lru_cache(maxsize=65_536)
def instant_text(minute: Minute, timezone: str) -> str:
    """The minute in the zone as RFC 3339, cached because listings repeat the same instants."""
    text = minute_in_zone(minute, timezone).isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def instant_in_zone(instant: datetime, timezone: str | None) -> datetime:
    """The instant in the zone; UTC if None."""
    return instant.astimezone(UTC if timezone is None else zone(timezone))


def resource_name(resource_id: ResourceId, catalogue: Catalogue) -> str:
    """The resource's key.

    Its id if this process does not know the resource yet, because another process has just created it.
    """
    resource = catalogue.resource_by_id.get(resource_id)
    return resource_id if resource is None else resource.key


def service_name(service_id: ServiceId, catalogue: Catalogue) -> str:
    """The service's key, or its id as in resource_name."""
    service = catalogue.service_by_id.get(service_id)
    return service_id if service is None else service.key


def used_resources(parts: tuple[Part, ...], catalogue: Catalogue) -> list[UsedResource]:
    """Each resource once per role, however many parts of the visit it has."""
    pairs = dict.fromkeys((part.role, part.resource_id) for part in parts)
    return [{"role": role, "resource": resource_name(resource_id, catalogue)} for role, resource_id in pairs]
