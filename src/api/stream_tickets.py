"""Stream tickets: what a browser opens a stream with, for its EventSource sends no headers."""

import base64
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from access.roles import Role
from api.authentication import Caller, CallerKind
from bookings.token_service import TokenService
from kernel.errors import Unauthorized
from kernel.ids import CustomerId, ResourceId, TenantId
from kernel.operation import Actor, ActorKind, Operation, Own

LIFE_SECONDS: Final = 60
"""Time to open a stream in. An address is written into logs and histories, so what is in it is soon worth nothing."""
MOST_CHARACTERS: Final = 200
"""The longest ticket has 192."""
_PREFIX: Final = "stk_"
# The business; a letter for kind and role; the end of the ticket, and that of an access token behind it, in seconds
# since 1970; the actor, with the resource or the customer that is its own; the session, or the identity provider, that
# an access token rests on; the signature.
_TICKET: Final = re.compile(
    r"stk_([0-9a-f]{32})([a-z])([0-9]{10})([0-9]{10})?([a-z]{3}_[0-9a-z]+)((?:\.(?:res|cus)_[0-9a-z]{26})?)"
    r"((?:\.(?:ses|idp)_[0-9a-z]+)?)([A-Za-z0-9_-]{43})"
)
_KINDS: Final = {
    "s": (CallerKind.SECRET, Role.OWNER),
    "p": (CallerKind.PUBLISHABLE, Role.VISITOR),
    "o": (CallerKind.ACCESS_TOKEN, Role.OWNER),
    "m": (CallerKind.ACCESS_TOKEN, Role.MANAGER),
    "t": (CallerKind.ACCESS_TOKEN, Role.STAFF),
    "c": (CallerKind.ACCESS_TOKEN, Role.CUSTOMER),
}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
_SIDES: Final = {Role.VISITOR: ActorKind.CUSTOMER, Role.CUSTOMER: ActorKind.CUSTOMER}


class StreamTickets:
    """Tickets stand for the credential that asked for them. They are signed by the business, not stored."""

    def __init__(self, tokens: TokenService, *, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._now = now

    async def make(self, caller: Caller) -> tuple[str, int]:
        """A ticket that stands for the caller's credential, and its end in seconds since 1970."""
        tenant_id = caller.operation.tenant_id
        until = int(self._now()) + LIFE_SECONDS
        secret = await self._tokens.secret(tenant_id)
        assert secret is not None, "a business with a key has a secret"
        expires = "" if caller.until is None else f"{int(caller.until.timestamp()):010}"
        grant = f".{caller.grant_id}" if caller.grant_id else ""
        actor = f"{caller.operation.actor.id}{_own_text(caller.own)}{grant}"
        return _signed(secret, f"{tenant_id.hex}{_LETTERS[caller.kind, caller.role]}{until}{expires}{actor}"), until

    async def caller(self, ticket: str, request_id: str | None) -> Caller:
        """The caller that a ticket stands for. Raises Unauthorized, StoreUnavailable."""
        match = _TICKET.fullmatch(ticket)
        if match is None or match[2] not in _KINDS or int(match[3]) <= self._now():
            raise _unusable()
        tenant_id = TenantId(UUID(hex=match[1]))
        secret = await self._tokens.secret(tenant_id)
        body = ticket[len(_PREFIX) : match.start(8)]
        if secret is None or not hmac.compare_digest(ticket, _signed(secret, body)):
            raise _unusable()
        kind, role = _KINDS[match[2]]
        is_by_key = kind is not CallerKind.ACCESS_TOKEN
        return Caller(
            operation=Operation(tenant_id, Actor(_SIDES.get(role, ActorKind.BUSINESS), match[5]), request_id),
            kind=kind,
            role=role,
            own=None if is_by_key else _own(match[6].removeprefix(".")),
            key_id=match[5] if is_by_key else "",
            grant_id=match[7].removeprefix("."),
            until=None if match[4] is None else datetime.fromtimestamp(int(match[4]), UTC),
        )


def _own_text(own: Own | None) -> str:
    owned = None if own is None else own.resource_id or own.customer_id
    return "" if owned is None else f".{owned}"


def _own(text: str) -> Own:
    if text.startswith("res_"):
        return Own(resource_id=ResourceId(text))
    return Own(customer_id=CustomerId(text)) if text else Own()


def _signed(secret: bytes, body: str) -> str:
    signature = hmac.digest(secret, f"stream:{body}".encode(), "sha256")
    return f"{_PREFIX}{body}{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _unusable() -> Unauthorized:
    return Unauthorized(
        f"This is no stream ticket, or it is older than {LIFE_SECONDS} s. Get one by POST /v1/stream-tickets; keys "
        "belong into the header Authorization."
    )
