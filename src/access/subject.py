"""Seam for JSON web tokens: who a token speaks of, and what verifies it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from access.roles import Role
from kernel.ids import CustomerId, ResourceId, TenantId, UserId, UserSessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The person or program that a verified token speaks of, as things stand now."""

    tenant_id: TenantId
    role: Role
    expires_at: datetime
    """The end of the token, without leeway."""
    user_id: UserId | None = None
    """A user of the business, signed in by us."""
    customer_id: CustomerId | None = None
    """The customer that a token of an identity provider names."""
    external_id: str | None = None
    """`ext_…`, where an identity provider vouches for somebody: a keyed digest of the token's `sub`."""
    resource_id: ResourceId | None = None
    """The resource whose calendar is this person's own. Staff without one have none."""
    session_id: UserSessionId | None = None
    """The session behind a token of ours."""
    provider_id: str | None = None
    """The identity provider that vouches (provider_id_of)."""

    @property
    def grant_id(self) -> str:
        """The session, or the identity provider, that the token rests on. Where that ends, so do open streams."""
        return self.session_id or self.provider_id or ""

    @property
    def actor_id(self) -> str:
        """The id under which events, log lines and the audit log name the subject."""
        actor_id = self.user_id or self.customer_id or self.external_id
        assert actor_id is not None, "a subject is somebody"
        return actor_id


def provider_id_of(issuer: str, audience: str) -> str:
    """`idp_…`: a short name of an issuer and its audience, which streams and their tickets carry."""
    return f"idp_{sha256(f'{issuer} {audience}'.encode()).hexdigest()[:16]}"


class JwtVerifier(Protocol):
    """Verifies JSON web tokens, ours and those of the identity providers of businesses."""

    async def verify(self, raw: str) -> Subject | None:
        """The subject of a token; None for any that is not good now, whatever the reason. Raises StoreUnavailable.

        What ends a session, removes a user or changes a role is seen within a second.
        """
