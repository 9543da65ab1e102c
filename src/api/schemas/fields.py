"""Fields that several requests and answers share."""

import re
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import Name
from holds.model import Part
from kernel import text
from kernel.ids import LocationId
from kernel.money import Money
from kernel.spans import Minute, to_datetime
from kernel.zones import zone

MAX_PARTY: Final = 1000
"""The largest capacity a resource may have."""
MAX_CLIENT_CHARACTERS: Final = 200
"""Room for a random value and a prefix."""
_DIGITS: Final = re.compile(r"-?[0-9]+")
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(name: str) -> str:
    """The name. Raises ValueError if Postgres or JSON cannot hold it."""
    if _NOT_STORABLE.search(name) is not None:
        detail = "must not contain NUL or half of a surrogate pair"
        raise ValueError(detail)
    return name


def _digits(sent: object) -> object:
    """The number in a query, without what else Python calls one: 1_000, " 1", 1.0."""
    if isinstance(sent, str) and _DIGITS.fullmatch(sent) is None:
        detail = "must be a whole number"
        raise ValueError(detail)
    return sent


Digits: Final = BeforeValidator(_digits)
"""For whole numbers in queries, which are text."""
Text = Annotated[str, AfterValidator(storable)]
"""Text that is compared with stored text, and never stored itself."""
Reference = Annotated[Name, AfterValidator(storable)]
"""An id or a key."""
Party = Annotated[int, Field(ge=1, le=MAX_PARTY, description="Number of people.")]
Client = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CLIENT_CHARACTERS),
    AfterValidator(text.reference),
    Field(
        description="Your name for the client, such as a random session id. The same client gets the same hold again. "
        "With a publishable key, use a value that nobody can guess: whoever knows it can act on the hold."
    ),
]


# What the schema says of fields with a `default_factory`: pydantic copies a `default` that can be changed for each
# request, which takes longer than all the rest of the field.
LIST_BY_DEFAULT: Final[JsonDict] = {"default": []}
OBJECT_BY_DEFAULT: Final[JsonDict] = {"default": {}}


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


InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant rendered by `instant_text`."""


@lru_cache(maxsize=65_536)
def instant_text(minute: Minute, timezone: str) -> str:
    """The minute in the zone as RFC 3339, cached because listings repeat the same instants."""
    instant = to_datetime(minute).astimezone(zone(timezone)).isoformat()
    return f"{instant[:-6]}Z" if instant.endswith("+00:00") else instant


def used_resources(parts: tuple[Part, ...], catalogue: Catalogue) -> list[UsedResource]:
    """Each resource once per role, however many parts of the visit it has."""
    names = catalogue.resource_by_id
    pairs = dict.fromkeys((part.role, part.resource_id) for part in parts)
    return [
        # Another process may have just created the resource; until this one has it too, its id serves as its name.
        {"role": role, "resource": names[resource_id].key if resource_id in names else resource_id}
        for role, resource_id in pairs
    ]


VisitLocation = Annotated[str, Field(description="Key of the location of the visit. Where the business has several.")]


def visit_location(location_id: LocationId | None, parts: tuple[Part, ...], catalogue: Catalogue) -> str | None:
    """The key of the location, else of that of the first resource; None where the business has only one."""
    if location_id is None:
        lead = catalogue.resource_by_id.get(parts[0].resource_id) if catalogue.has_several_locations else None
        if lead is None:
            return None
        location_id = lead.location_id
    location = catalogue.location_by_id.get(location_id)
    return location_id if location is None else location.key
