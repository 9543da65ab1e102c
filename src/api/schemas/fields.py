"""Forms that fields of several resources share."""

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
    """The text, unless Postgres or JSON could not hold it: raises ValueError then."""
    if _NOT_STORABLE.search(text) is not None:
        detail = "must not contain NUL or half of a surrogate pair"
        raise ValueError(detail)
    return text


Text = Annotated[str, AfterValidator(storable)]
Reference = Annotated[Name, AfterValidator(storable)]
"""An id or a key."""
Party = Annotated[int, Field(ge=1, le=MAX_PARTY, description="How many people come.")]
Client = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=MAX_CLIENT_CHARACTERS),
    Field(description="Who asks, in your words (a session, say): asking twice gives the same hold."),
]


class RequestModel(BaseModel):
    """What clients send: exactly the fields it names, none converted from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MoneyAnswer(TypedDict):
    """An amount in the currency's smallest unit, and its ISO 4217 code."""

    amount_minor: int
    currency: str


class UsedResource(TypedDict):
    """Which resource fills which role of a visit."""

    role: str
    resource: str


def money_answer(money: Money) -> MoneyAnswer:
    """The amount as answered."""
    return {"amount_minor": money.amount_minor, "currency": money.currency}


# Every listing shows the same instants again; this many take about 7 MB.
@lru_cache(maxsize=32_768)
def shown(minute: Minute, timezone: str | None) -> datetime:
    """The instant in the zone it is to be shown in; UTC if there is none."""
    return shown_instant(to_datetime(minute), timezone)


ShownInstant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""Spelled by `shown_text`."""


@lru_cache(maxsize=65_536)
def shown_text(minute: Minute, timezone: str) -> str:
    """The instant in the zone, spelled: listings ask for the same ones again and again."""
    text = shown(minute, timezone).isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def shown_instant(instant: datetime, timezone: str | None) -> datetime:
    """The same, of an instant."""
    return instant.astimezone(UTC if timezone is None else zone(timezone))


def resource_name(resource_id: ResourceId, catalogue: Catalogue) -> str:
    """The resource's key.

    Its id where this process has not heard of the resource yet: another one made it a moment ago.
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
