"""Who calls: credentials read from requests, and remembered for a few seconds."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Scope

from api.headers import first_of_each
from bookings import token
from bookings.token_service import TokenService
from catalogue.tenants import Credential, KeyKind, TenantService
from kernel.errors import Forbidden, StoreUnavailable, Unauthorized
from kernel.ids import AppointmentId, TenantId
from kernel.operation import Actor, ActorKind, Operation
from telemetry import logs

TOKEN_HEADER: Final = "Appointment-Token"  # noqa: S105 - the name of a header
_RAW_TOKEN_HEADER: Final = TOKEN_HEADER.lower().encode()
FRESH_SECONDS: Final = 10.0
"""So long a revoked key may go on opening things."""
STALE_SECONDS: Final = 3600.0
"""So long a key that was good stays good while the database does not answer: holds and warm listings go on."""
REMEMBERED: Final = 10_000
"""Keys kept by one process, about 3 MB."""


class CallerKind(StrEnum):
    """What a caller has shown."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PUBLISHABLE = "publishable"
    TOKEN = "token"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose business a request is about, and what it may do there."""

    operation: Operation
    """What the caller's use cases are told: the business, who acts, and which request it is."""
    kind: CallerKind
    appointment_id: AppointmentId | None = None
    """The one appointment whose token was shown."""

    @property
    def tenant_id(self) -> TenantId:
        """The business."""
        return self.operation.tenant_id


class Authenticator:
    """Tells callers by the headers of their requests."""

    def __init__(
        self, *, tenants: TenantService, tokens: TokenService, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._tenants = tenants
        self._tokens = tokens
        self._elapsed = elapsed
        self._known: OrderedDict[bytes, tuple[float, Credential]] = OrderedDict()

    async def caller(self, request: Request) -> Caller:
        """Who sent the request; worked out once per request.

        Raises Unauthorized, Forbidden when key and token are of two businesses, or StoreUnavailable.
        """
        return await self.caller_of(request.scope, first_of_each(request.scope["headers"]))

    async def caller_of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        """The same, of a request that is not made into an object."""
        state = scope.setdefault("state", {})
        caller = state.get("caller")
        if not isinstance(caller, Caller):
            caller = state["caller"] = await self._identify(scope, headers)
            logs.note(business=caller.tenant_id, actor=str(caller.operation.actor))
        return caller

    async def _identify(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        request_id = scope["state"].get("request_id")
        scheme, _, raw = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        raw = raw.strip()
        if scheme.lower() != "bearer" or not raw:
            detail = "Send your key as: Authorization: Bearer hfs_…"
            raise Unauthorized(detail)
        if raw.startswith(token.PREFIX):
            tenant_id, its_appointment = await self._verify(raw)
            actor = Actor(ActorKind.CUSTOMER, its_appointment)
            operation = Operation(tenant_id, actor, request_id)
            return Caller(operation=operation, kind=CallerKind.TOKEN, appointment_id=its_appointment)
        credential = await self._credential(raw)
        if credential.kind is KeyKind.SECRET:
            actor = Actor(ActorKind.BUSINESS, credential.key_id)
            return Caller(operation=Operation(credential.tenant_id, actor, request_id), kind=CallerKind.SECRET)
        shown = headers.get(_RAW_TOKEN_HEADER, b"").decode("latin-1") or _token_in(scope["query_string"])
        appointment_id: AppointmentId | None = None
        if shown:
            tenant_id, appointment_id = await self._verify(shown)
            if tenant_id != credential.tenant_id:
                detail = "The appointment token belongs to another business than the key."
                raise Forbidden(detail)
        actor = Actor(ActorKind.CUSTOMER, appointment_id or credential.key_id)
        return Caller(
            operation=Operation(credential.tenant_id, actor, request_id),
            kind=CallerKind.PUBLISHABLE,
            appointment_id=appointment_id,
        )

    async def _verify(self, text: str) -> tuple[TenantId, AppointmentId]:
        found = await self._tokens.verify(text)
        if found is None:
            detail = "The appointment token opens nothing."
            raise Unauthorized(detail)
        return found

    async def _credential(self, raw_key: str) -> Credential:
        digest = hashlib.sha256(raw_key.encode()).digest()
        now = self._elapsed()
        read_at, known = self._known.get(digest, (now, None))
        if known is not None and now - read_at <= FRESH_SECONDS:
            return known
        try:
            found = await self._tenants.authenticate(raw_key)
        except StoreUnavailable:
            if known is not None and now - read_at <= STALE_SECONDS:
                return known
            raise
        if found is None:
            self._known.pop(digest, None)
            detail = "The key opens nothing: it is misspelled, or was revoked."
            raise Unauthorized(detail)
        self._remember(digest, now, found)
        return found

    def _remember(self, digest: bytes, now: float, credential: Credential) -> None:
        self._known[digest] = (now, credential)
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _token_in(query: bytes) -> str | None:
    # Most queries have none, and that is seen without taking them apart: the name is there, or spelled with escapes.
    return QueryParams(query).get("token") if b"token" in query or b"%" in query else None
