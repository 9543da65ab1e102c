"""Stream tickets: what a browser opens a stream with, for its EventSource sends no headers."""

import base64
import hmac
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from access.roles import Role
from api.authentication import Caller, CallerKind
from bookings.token_service import TokenService
from kernel.errors import Unauthorized
from kernel.ids import TenantId
from kernel.operation import Actor, ActorKind, Operation

LIFE_SECONDS: Final = 60
"""Time to open a stream in. An address is written into logs and histories, so what is in it is soon worth nothing."""
_PREFIX: Final = "stk_"
_TICKET: Final = re.compile(r"stk_([0-9a-f]{32})([sp])(\d{10})(key_[0-9a-hjkmnp-tv-z]{26})([A-Za-z0-9_-]{43})")
_LETTERS: Final = {CallerKind.SECRET: "s", CallerKind.PUBLISHABLE: "p"}
_KINDS: Final = {
    "s": (CallerKind.SECRET, Role.OWNER, ActorKind.BUSINESS),
    "p": (CallerKind.PUBLISHABLE, Role.VISITOR, ActorKind.CUSTOMER),
}


class StreamTickets:
    """Tickets stand for the key that asked for them. They are signed by the business, not stored."""

    def __init__(self, tokens: TokenService, *, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._now = now

    async def make(self, caller: Caller) -> tuple[str, int]:
        """A ticket that stands for the caller's key, and its end in seconds since 1970."""
        tenant_id = caller.operation.tenant_id
        until = int(self._now()) + LIFE_SECONDS
        secret = await self._tokens.secret(tenant_id)
        assert secret is not None, "a business with a key has a secret"
        return _signed(secret, f"{tenant_id.hex}{_LETTERS[caller.kind]}{until}{caller.key_id}"), until

    async def caller(self, ticket: str, request_id: str | None) -> Caller:
        """The caller that a ticket stands for. Raises Unauthorized, StoreUnavailable."""
        match = _TICKET.fullmatch(ticket)
        if match is None or int(match[3]) <= self._now():
            raise _unusable()
        tenant_id = TenantId(UUID(hex=match[1]))
        secret = await self._tokens.secret(tenant_id)
        body = f"{match[1]}{match[2]}{match[3]}{match[4]}"
        if secret is None or not hmac.compare_digest(ticket, _signed(secret, body)):
            raise _unusable()
        kind, role, side = _KINDS[match[2]]
        return Caller(operation=Operation(tenant_id, Actor(side, match[4]), request_id), kind=kind, role=role)


def _signed(secret: bytes, body: str) -> str:
    signature = hmac.digest(secret, f"stream:{body}".encode(), "sha256")
    return f"{_PREFIX}{body}{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _unusable() -> Unauthorized:
    return Unauthorized(
        f"This is no stream ticket, or it is older than {LIFE_SECONDS} s. Get one by POST /v1/stream-tickets; keys "
        "belong into the header Authorization."
    )
