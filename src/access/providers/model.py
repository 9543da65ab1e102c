"""Identity providers as values, and what their tokens say of somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from access.roles import USER_ROLES, Role
from access.web_tokens import TokenKey, is_plain
from kernel.errors import DomainError
from kernel.ids import CustomerId, TenantId, is_id

MOST_KEYS: Final = 100
"""Keys of one provider that are looked at: providers have one or two, during a rotation three."""
FETCH_PAUSE: Final = timedelta(seconds=60)
"""The keys of a provider are fetched no more often than this, whatever tokens ask for."""
FETCH_AGAIN: Final = timedelta(hours=1)
"""Keys that were fetched so long ago are fetched again, so that one that was taken back is forgotten."""
KEYS_LAST: Final = timedelta(hours=24)
"""Keys are used for so long while they cannot be fetched again."""
_LEAST_RSA_BITS: Final = 2048
_MOST_EXTERNAL_CHARACTERS: Final = 255
_ROLES: Final = {role.value: role for role in (*USER_ROLES, Role.CUSTOMER)}
_UNREADABLE: Final = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError)


class IdentityProviderTaken(DomainError):
    """Tokens of this issuer for this audience belong to another business."""

    code = "identity_provider_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderClaims:
    """The names of the claims in which a provider says what somebody may do; None: it does not."""

    role: str | None
    resource: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDetails:
    """A provider, as a business describes it."""

    issuer: str
    audience: str
    jwks_url: str | None
    public_keys: Sequence[Mapping[str, Any]] | None
    """JSON web keys; None: those of jwks_url."""
    claims: ProviderClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """A server whose tokens a business accepts."""

    tenant_id: TenantId
    details: ProviderDetails
    fetched_keys: Sequence[Mapping[str, Any]]
    fetched_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    def keys_at(self, now: datetime) -> Mapping[str, TokenKey]:
        """The keys that verify its tokens, by their ids; one without an id has the empty one."""
        if self.details.public_keys is not None:
            return usable_keys(self.details.public_keys)
        if self.fetched_at is None or now - self.fetched_at > KEYS_LAST:
            return {}
        return usable_keys(self.fetched_keys)

    def is_outdated(self, now: datetime) -> bool:
        """True if its keys are to be fetched again, although there are some."""
        if self.details.jwks_url is None:
            return False
        return self.fetched_at is None or now - self.fetched_at > FETCH_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSubject:
    """A person, as a token of a provider describes them."""

    external: str
    """The provider's name for them."""
    role: Role
    resource: str | None
    customer_id: CustomerId | None


def read_key(record: Mapping[str, Any]) -> TokenKey:
    """Read a JSON web key. Raises ValueError, which says what is wrong with it."""
    if "d" in record or "k" in record:
        raise ValueError("is a private key, or a shared one; send public keys only, and replace this one")
    if not is_plain(record):
        raise ValueError("has NUL, half of a surrogate pair, or a number beyond 64 bits in it")
    purposes = record.get("key_ops", ["verify"])
    if record.get("use", "sig") != "sig" or not isinstance(purposes, list) or "verify" not in purposes:
        raise ValueError("is not made for signatures")
    try:
        key: Any = jwt.PyJWK.from_dict({name: value for name, value in record.items() if name != "alg"}).key
    except _UNREADABLE:
        raise ValueError("is no public key of RSA, P-256 or Ed25519 in the form of RFC 7517") from None
    algorithm = _algorithm_of(key)
    if algorithm is None or record.get("alg", algorithm) != algorithm:
        raise ValueError(f"must be RS256 with {_LEAST_RSA_BITS} bits or more, ES256 or EdDSA (Ed25519)")
    return TokenKey(algorithm=algorithm, key=key)


def usable_keys(records: Sequence[Any]) -> Mapping[str, TokenKey]:
    """The keys of a list that can be used, by their ids; others are passed over, as RFC 7517 asks for."""
    keys: dict[str, TokenKey] = {}
    for record in records[:MOST_KEYS]:
        key_id = record.get("kid", "") if isinstance(record, Mapping) else None
        if not isinstance(key_id, str) or key_id in keys:
            continue
        try:
            keys[key_id] = read_key(record)
        except ValueError:
            continue
    return keys


def key_for(keys: Mapping[str, TokenKey], key_id: str | None) -> TokenKey | None:
    """The key with that id; the only one, where neither it nor the token has one."""
    if key_id is not None:
        return keys.get(key_id)
    return keys.get("") if len(keys) == 1 else None


def statement_of(claims: Mapping[str, Any], names: ProviderClaims) -> ProviderSubject | None:
    """Read what a verified token says; None where that is not enough."""
    external = claims.get("sub")
    if not isinstance(external, str) or not 1 <= len(external) <= _MOST_EXTERNAL_CHARACTERS:
        return None
    role = _role_of(claims, names)
    customer = None if names.customer_id is None else claims.get(names.customer_id)
    if role is Role.CUSTOMER and not (isinstance(customer, str) and customer.startswith("cus_") and is_id(customer)):
        return None
    resource = None if names.resource is None else claims.get(names.resource)
    resource = resource if isinstance(resource, str) and resource else None
    # Staff without a calendar of their own have nothing to do here.
    if role is None or (role is Role.STAFF and resource is None):
        return None
    return ProviderSubject(
        external=external,
        role=role,
        resource=resource if role is not Role.CUSTOMER else None,
        customer_id=CustomerId(customer) if role is Role.CUSTOMER and isinstance(customer, str) else None,
    )


def _role_of(claims: Mapping[str, Any], names: ProviderClaims) -> Role | None:
    """The one role that a token names; where it can name none, it speaks of a customer."""
    if names.role is None:
        return Role.CUSTOMER
    said = claims.get(names.role)
    listed = said if isinstance(said, list) else [said]
    roles = {_ROLES[one] for one in listed if isinstance(one, str) and one in _ROLES}
    return roles.pop() if len(roles) == 1 else None


def _algorithm_of(key: object) -> str | None:
    match key:
        case RSAPublicKey():
            return "RS256" if key.key_size >= _LEAST_RSA_BITS else None
        case EllipticCurvePublicKey():
            return "ES256" if isinstance(key.curve, SECP256R1) else None
        case Ed25519PublicKey():
            return "EdDSA"
        case _:
            return None
