"""Users of a business as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from access.roles import Role
from kernel.errors import DomainError
from kernel.ids import ResourceId, SecretId, TenantId, UserId

MOST_USERS: Final = 1000
"""Users of one business."""
DIGEST_PURPOSE: Final = "user email"
SECRET_PURPOSE: Final = "user"  # noqa: S105 - a name, by which secrets are bound to their place


class LastOwner(DomainError):
    """The only owner of a business stays one."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("This is the only owner of the business. Make somebody else an owner first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserContact:
    """The personal data of a user."""

    email: str
    name: str

    def sealable(self) -> bytes:
        """The bytes that are sealed."""
        return orjson.dumps({"email": self.email, "name": self.name})

    @classmethod
    def opened(cls, sealed: bytes) -> "UserContact":
        """Read what was sealed."""
        record: Mapping[str, str] = orjson.loads(sealed)
        return cls(email=record["email"], name=record["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who works with a business."""

    id: UserId
    contact: UserContact
    role: Role
    resource_id: ResourceId | None
    locale: str | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUser:
    """A user as a row has them: without personal data, which is sealed."""

    id: UserId
    role: Role
    resource_id: ResourceId | None
    locale: str | None
    secret_id: SecretId
    email_key_id: str
    version: int
    created_at: datetime
    updated_at: datetime

    def user(self, contact: UserContact) -> User:
        """The user with their opened personal data."""
        return User(
            id=self.id,
            contact=contact,
            role=self.role,
            resource_id=self.resource_id,
            locale=self.locale,
            version=self.version,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIds:
    """A user by the ids alone, as they are found before the business is known."""

    tenant_id: TenantId
    user_id: UserId


def compared_email(email: str) -> bytes:
    """The form in which two e-mail addresses are compared: no mail server that matters tells upper case from lower."""
    return email.casefold().encode()
