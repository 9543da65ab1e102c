"""JSON web tokens: what one claims, and whether a key has signed it for us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LEEWAY: Final = timedelta(seconds=60)
"""The difference of two servers' clocks that is forgiven."""
MOST_CHARACTERS: Final = 8192
"""A longer header would not pass most proxies either."""
MOST_AUDIENCES: Final = 8
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
# Whatever an arbitrary text makes of the parsers: numbers without end, lists within lists.
_UNREADABLE: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A public key and the one algorithm that it is made for."""

    algorithm: str
    """RS256, ES256 or EdDSA."""
    key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class WebToken:
    """A token's own claims. None of them is true before a key has been found that signed it."""

    raw: str
    key_id: str | None
    algorithm: str
    issuer: str
    audiences: tuple[str, ...]
    claims: Mapping[str, Any]


def looks_like_token(raw: str) -> bool:
    """True if the text has the shape of a JSON web token: no other credential has dots."""
    return raw.count(".") == 2  # noqa: PLR2004 - header, claims, signature


def is_plain(value: object) -> bool:
    """True if JSON has made the value, and the stores can hold it: no NUL, no half of a surrogate pair, no vast number.

    Anybody may send these, and the parser of tokens takes them.
    """
    try:
        return b"\\u0000" not in orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False


def read_token(raw: str) -> WebToken | None:
    """Read a token without believing it; None for what is no token that anybody may verify."""
    if len(raw) > MOST_CHARACTERS or not raw.isascii():
        return None
    try:
        header = jwt.get_unverified_header(raw)
        claims = jwt.decode(raw, options={"verify_signature": False})
    except _UNREADABLE:
        return None
    if not is_plain(header) or not is_plain(claims):
        return None
    key_id, algorithm, issuer = header.get("kid"), header.get("alg"), claims.get("iss")
    audience = claims.get("aud")
    audiences: list[Any] = audience if isinstance(audience, list) else [audience]
    # A critical extension is one that must be understood, and none is. Keys that a header brings along are not read.
    if "crit" in header or not isinstance(algorithm, str) or not isinstance(issuer, str):
        return None
    if not 0 < len(audiences) <= MOST_AUDIENCES or not all(isinstance(one, str) for one in audiences):
        return None
    return WebToken(
        raw=raw,
        key_id=key_id if isinstance(key_id, str) else None,
        algorithm=algorithm,
        issuer=issuer,
        audiences=tuple(audiences),
        claims=claims,
    )


def expiry_if_good(token: WebToken, key: TokenKey, *, audience: str, now: datetime) -> datetime | None:
    """The end of a token that the key has signed, for that audience, and that is valid now; None for any other.

    The caller has found the key by the token's issuer.
    """
    if token.algorithm != key.algorithm or audience not in token.audiences:
        return None
    try:
        jwt.decode(
            token.raw,
            key.key,
            algorithms=[key.algorithm],
            options={
                "verify_aud": False,
                "verify_iss": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except _UNREADABLE:
        return None
    return _expiry_within(token.claims, now)


def _expiry_within(claims: Mapping[str, Any], now: datetime) -> datetime | None:
    """The end of the time in which a token is good, if now is within it, give or take the leeway."""
    expires_at, begins_at = _instant(claims.get("exp")), _instant(claims.get("nbf", 0))
    if expires_at is None or begins_at is None or now >= expires_at + LEEWAY or now < begins_at - LEEWAY:
        return None
    return expires_at


def _instant(seconds: object) -> datetime | None:
    """The instant of a number of seconds since 1970; None for what is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return datetime.fromtimestamp(seconds, UTC) if 0 <= seconds <= _LATEST else None
