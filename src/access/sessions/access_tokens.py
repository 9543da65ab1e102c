"""Access tokens: what a signed-in user sends with each request."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from access.signing.model import ALGORITHM, SigningKey
from access.web_tokens import TokenKey
from kernel.ids import TenantId, UserId, UserSessionId

ISSUER: Final = "holdfast"
"""The issuer of our own tokens, which no identity provider may be named."""
LIFE: Final = timedelta(minutes=15)
"""Life of an access token. The rights of its user are asked for each time, so it need not be short."""


def make_access_token(
    key: SigningKey, *, tenant_id: TenantId, user_id: UserId, session_id: UserSessionId, now: datetime
) -> tuple[str, datetime]:
    """A signed token, and its end. It says who somebody is, not what they may do."""
    issued_at = int(now.timestamp())
    expires_at = issued_at + int(LIFE.total_seconds())
    claims = {
        "iss": ISSUER,
        "aud": str(tenant_id),
        "sub": user_id,
        "sid": session_id,
        "iat": issued_at,
        "exp": expires_at,
    }
    raw = jwt.encode(claims, key.private_key, algorithm=ALGORITHM, headers={"kid": key.id, "typ": "at+jwt"})
    return raw, datetime.fromtimestamp(expires_at, now.tzinfo)


def tenant_of(audiences: tuple[str, ...]) -> TenantId | None:
    """The business that a token of ours is for; None for an audience that is none."""
    if len(audiences) != 1:
        return None
    try:
        return TenantId(UUID(audiences[0]))
    except ValueError:
        return None


def session_of(claims: Mapping[str, Any]) -> str | None:
    """The session that a token of ours names."""
    session_id = claims.get("sid")
    return session_id if isinstance(session_id, str) else None


def token_key(public_key: bytes) -> TokenKey:
    """A signing key as it verifies tokens."""
    return TokenKey(algorithm=ALGORITHM, key=Ed25519PublicKey.from_public_bytes(public_key))
