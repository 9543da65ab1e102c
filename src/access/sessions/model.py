"""Sessions of users as values, and the rule about refresh tokens."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from access.users.model import User
from kernel.errors import DomainError
from kernel.ids import SecretId, TenantId, UserId, UserSessionId

LINK_LIFE: Final = timedelta(minutes=15)
"""Life of a sign-in link."""
MOST_PER_EMAIL: Final = 3
"""Links that are mailed to one address within the life of one. Whoever types the address of somebody else locks nobody
out: where no more is mailed, a link that was mailed works still."""
MOST_PER_CLIENT: Final = 20
"""Requests for links from one network address within the same time."""
MOST_LINKS: Final = 5
"""Sign-in links of one user that work at once."""
SESSION_LIFE: Final = timedelta(days=30)
"""Life of a session that is not refreshed."""
MOST_SESSIONS: Final = 50
"""Sessions of one user: with the next one, the oldest ends."""
REPEAT_WITHIN: Final = timedelta(seconds=20)
"""Time in which a refresh token that was used is no sign of theft: windows of one browser refresh at once."""
MOST_REPEATABLE: Final = 20
"""The latest refresh tokens that are looked at for it."""
CODE_BYTES: Final = 32
SECRET_BYTES: Final = 32
SECRET_PURPOSE: Final = "user_session"  # noqa: S105 - a name, by which secrets are bound to their place
_CODE: Final = re.compile(r"hfc_([0-9a-f]{32})[A-Za-z0-9_-]{43}")
_REFRESH_TOKEN: Final = re.compile(r"hfr_([0-9a-f]{32})([0-9a-hjkmnp-tv-z]{26})([0-9]{8})[A-Za-z0-9_-]{43}")
_LAST: Final = 99_999_999
"""The number of refreshes of a session, of which there are ten in an hour."""


class SignInRateLimited(DomainError):
    """Too many sign-in links were asked for from one address."""

    code = "rate_limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTokens:
    """Tokens that a user gets by signing in, and by every refresh."""

    user: User
    tenant_id: TenantId
    business: str
    """The name of the business."""
    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """A session as a row has it."""

    id: UserSessionId
    user_id: UserId
    secret_id: SecretId
    refreshes: int
    """The refresh tokens that were used: the number of the one that is to be used next."""
    refreshed_at: tuple[datetime, ...]
    """Times at which the latest of them were used first, the last one last."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaim:
    """Claims of a refresh token, unverified."""

    tenant_id: TenantId
    session_id: UserSessionId
    number: int


class RefreshFate(StrEnum):
    """The consequence of a refresh token that a session has made."""

    ROTATE = "rotate"
    """It is used for the first time: its successor is the one to be used next."""
    REPEAT = "repeat"
    """It was used a moment ago: the answer is the same successor."""
    END = "end"
    """It was used long ago, so somebody has stolen it or its successor: the session ends."""


def refresh_fate(session: UserSession, number: int, now: datetime) -> RefreshFate:
    """The consequence of the refresh token with that number."""
    if number >= session.refreshes:
        # A later number was given out before a backup was restored, which does not know of it.
        return RefreshFate.ROTATE
    ago = session.refreshes - number
    used_at = session.refreshed_at[-ago] if ago <= len(session.refreshed_at) else None
    return RefreshFate.REPEAT if used_at is not None and now - used_at <= REPEAT_WITHIN else RefreshFate.END


def refreshed_at_with(refreshed_at: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """The latest uses, with one more."""
    return (*refreshed_at, now)[-MOST_REPEATABLE:]


def refresh_token(secret: bytes, claim: RefreshClaim) -> str:
    """The refresh token with that number: always the same one, so that a repetition gets the same successor again."""
    assert claim.number <= _LAST, "a session is not refreshed ten times a second for months"
    body = f"{claim.tenant_id.hex}{claim.session_id.removeprefix('ses_')}{claim.number:08}"
    signature = hmac.digest(secret, f"refresh:{body}".encode(), "sha256")
    return f"hfr_{body}{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def read_refresh_token(text: str) -> RefreshClaim | None:
    """Read what a refresh token claims; None for any other text."""
    match = _REFRESH_TOKEN.fullmatch(text)
    if match is None:
        return None
    return RefreshClaim(
        tenant_id=TenantId(UUID(hex=match[1])), session_id=UserSessionId(f"ses_{match[2]}"), number=int(match[3])
    )


def sign_in_code(tenant_id: TenantId, secret: bytes) -> str:
    """The code of a sign-in link, of 32 random bytes."""
    return f"hfc_{tenant_id.hex}{base64.urlsafe_b64encode(secret).rstrip(b'=').decode()}"


def tenant_of_code(code: str) -> TenantId | None:
    """The business that a code names; None for any other text."""
    match = _CODE.fullmatch(code)
    return None if match is None else TenantId(UUID(hex=match[1]))
