"""API keys as values, with the refusals that only they have."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from catalogue.tenants import KeyKind
from kernel.errors import DomainError
from kernel.ids import ApiKeyId

MOST_KEYS: Final = 100
"""Keys of a business that open it at once: several for each of its programs, and a list that is read at one glance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that opens a business, without the key itself."""

    id: ApiKeyId
    kind: KeyKind
    name: str | None
    created_at: datetime
    last_used_at: datetime | None
    """To the hour; None: never, or not since this is noted."""
    expires_at: datetime | None
    """Until then it opens the business, since it was rotated; None: until it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key with its text, which is never available again."""

    key: ApiKey
    text: str = field(repr=False)


class LastKey(DomainError):
    """Without this key nobody could act as the owner of the business."""

    code = "last_key"
