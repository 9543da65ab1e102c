"""API keys in requests and answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from access.api_keys.model import ApiKey, NewApiKey
from api.schemas.fields import RequestModel, Text
from api.schemas.webhooks import MOST_OVERLAP_MINUTES
from catalogue.tenants import KeyKind

KEY_EXAMPLE: Final[JsonDict] = {
    "id": "key_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "kind": "secret",
    "name": "Cash register",
    "created_at": "2026-11-30T06:05:00Z",
    "last_used_at": "2026-12-01T07:00:00Z",
    "expires_at": None,
}
NEW_KEY_EXAMPLE: Final[JsonDict] = {
    **KEY_EXAMPLE,
    "last_used_at": None,
    "key": "hfs_Yq0v3m1cJr8wq3a4Jb7R0dXo9hM2n5pVtK6sLzE1uQw",
}


class CreateApiKey(RequestModel):
    """A key to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Cash register", "kind": "secret"}]})

    name: Annotated[Text, Field(min_length=1, max_length=100, description="What uses it; for you to tell keys apart.")]
    kind: Annotated[
        KeyKind,
        Field(strict=False, description="`secret`: acts as the owner, for back ends. `publishable`: for widgets."),
    ] = KeyKind.SECRET


class RotateApiKey(RequestModel):
    """Terms of a rotation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_minutes": 60}]})

    overlap_minutes: Annotated[
        int, Field(ge=0, le=MOST_OVERLAP_MINUTES, description="For so long the old key goes on to work.")
    ] = 1440


class _KeyFields(TypedDict):
    id: str
    kind: KeyKind
    name: Annotated[str | None, Field(description="Null: it was made on the command line.")]
    created_at: datetime
    last_used_at: Annotated[
        datetime | None, Field(description="To the hour. Null: it was never used, or not since this is noted.")
    ]
    expires_at: Annotated[
        datetime | None, Field(description="After a rotation: until then it works. Null: until it is revoked.")
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [KEY_EXAMPLE]}))
class ApiKeyAnswer(_KeyFields):
    """A key that opens the business."""


@with_config(ConfigDict(json_schema_extra={"examples": [NEW_KEY_EXAMPLE]}))
class NewApiKeyAnswer(_KeyFields):
    """A key with its text, which is shown this once."""

    key: Annotated[str, Field(description="Send it as `Authorization: Bearer …`.")]


class ApiKeysAnswer(TypedDict):
    """All keys that open the business, the oldest first."""

    data: list[ApiKeyAnswer]


def key_answer(key: ApiKey) -> ApiKeyAnswer:
    """The answer that describes a key."""
    return {
        "id": key.id,
        "kind": key.kind,
        "name": key.name,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
    }


def new_key_answer(issued: NewApiKey) -> NewApiKeyAnswer:
    """The answer that shows a key."""
    return {**key_answer(issued.key), "key": issued.text}
