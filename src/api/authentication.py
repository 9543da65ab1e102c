"""Authentication: from the credential in a request to its caller."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from access.permissions import PERMISSIONS, Reach, admitted_roles
from access.roles import USER_ROLES, Role
from access.subject import JwtVerifier, Subject
from access.web_tokens import looks_like_token
from api.allowed_origins import AllowedOrigins, hide
from api.revoked_keys import RevokedKeys
from bookings import token
from bookings.token_service import TokenService
from catalogue.tenants import Credential, KeyKind, TenantService
from events.open_streams import StreamGrant
from kernel.errors import Forbidden, StoreUnavailable, Unauthorized
from kernel.ids import ApiKeyId, AppointmentId, TenantId
from kernel.operation import Actor, ActorKind, Operation, Own
from telemetry import logs

TOKEN_HEADER: Final = "Appointment-Token"  # noqa: S105 - the name of a header
FRESH_SECONDS: Final = 10.0
"""A cached key is looked up again after this long; that it was revoked is learnt at once (api.revoked_keys)."""
STALE_SECONDS: Final = 3600.0
"""A cached key keeps working for this long while the database does not answer: holds and warm listings go on."""
MAX_CACHED_KEYS: Final = 10_000
"""Keys cached by one process, about 3 MB."""
_ROLES_OF_TOKENS: Final = (*USER_ROLES, Role.CUSTOMER)
_SECRET_NEEDED: Final = "This requires a secret key. Keep that on your back end."  # noqa: S105 - a sentence
# One sentence for every fault: whoever forges tokens learns nothing from it.
_BAD_WEB_TOKEN: Final = "This token is not valid, or no longer."  # noqa: S105 - a sentence


class CallerKind(StrEnum):
    """The kind of credential behind a request."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PUBLISHABLE = "publishable"
    TOKEN = "token"  # noqa: S105 - the name of a kind
    ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated sender of a request, within one business."""

    operation: Operation
    """Passed to use cases: the business, the actor and the request id."""
    kind: CallerKind
    role: Role
    own: Own | None = None
    """Objects that belong to it, where it has a role with objects of its own."""
    key_id: str = ""
    """The API key that came with the request, if one did."""
    appointment_id: AppointmentId | None = None
    """The appointment whose token came with the request."""
    until: datetime | None = None
    """The end of an access token; None: the credential has none that is known."""
    grant_id: str = ""
    """The session, or the identity provider, behind an access token; empty: another credential came."""
    subject: Subject | None = None
    """The person that a JSON web token speaks of, if one came with the request."""

    @property
    def grant(self) -> StreamGrant | None:
        """The ground of streams that the caller opens; None where a key is."""
        return StreamGrant(self.operation.tenant_id, self.grant_id, self.role) if self.grant_id else None

    def permitted(self, operation_id: str, path: Mapping[str, str]) -> "Caller":
        """The caller as an operation on that path admits it, limited to its own objects if need be. Raises Forbidden.

        An appointment's token opens just that one; what the other roles own is found out by the use case.
        """
        permission = PERMISSIONS[operation_id]
        reach = permission[self.role]
        if reach is Reach.ALL:
            return self
        if self.kind is CallerKind.ACCESS_TOKEN:
            if reach is Reach.NO:
                raise _forbidden_to_role(operation_id)
            return replace(self, operation=replace(self.operation, own=self.own))
        if permission[Role.HOLDER] is not Reach.OWN or path.get("appointment_id") != self.appointment_id:
            raise _forbidden_to_credential(permission, self.kind)
        return self

    def require_business(self) -> None:
        """Admit the side of the business. Raises Forbidden."""
        if self.operation.is_by_customer:
            raise Forbidden(_SECRET_NEEDED)

    def moving(self, appointment_id: str) -> Operation:
        """The operation of who may learn of an appointment's time by asking for another. Raises Forbidden.

        Where it is limited to the caller's own, the use case finds out whether the appointment is.
        """
        if self.kind is CallerKind.ACCESS_TOKEN:
            return self.permitted("rescheduleAppointment", {}).operation
        if self.operation.is_by_customer and self.appointment_id != appointment_id:
            raise Forbidden("Send the token of the appointment to be moved, or use a secret key on your back end.")
        return self.operation


def _no_network(_scope: Scope) -> None:
    return None


async def _admit(_tenant_id: TenantId) -> None:
    pass


class Authenticator:
    """Finds the caller of a request by its headers, with a cache of keys."""

    def __init__(
        self,
        *,
        tenants: TenantService,
        tokens: TokenService,
        web_tokens: JwtVerifier,
        origins: AllowedOrigins,
        network: Callable[[Scope], str | None] = _no_network,
        check_business: Callable[[TenantId], Awaitable[None]] = _admit,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`network`: that of a sender; `check_business` raises where no credential of a business is good."""
        self._check_business = check_business
        self._tenants = tenants
        self._network = network
        self._tokens = tokens
        self._web_tokens = web_tokens
        self._origins = origins
        self._elapsed = elapsed
        self._cache: OrderedDict[bytes, tuple[float, Credential]] = OrderedDict()
        self._revoked = RevokedKeys(find=tenants.find_revoked_lately, forget=self._forget)
        self._notes: set[asyncio.Task[None]] = set()

    async def caller(self, scope: Scope) -> Caller:
        """The caller of the request, authenticated once per request.

        Raises Unauthorized, Forbidden if key and token belong to two businesses, OriginNotAllowed, BusinessSuspended,
        or StoreUnavailable.
        """
        state = scope.setdefault("state", {})
        caller: Caller | None = state.get("caller")
        if caller is None:
            caller = self._for_audit(scope, await self._authenticate(scope, state.get("request_id")))
            logs.note(business=caller.operation.tenant_id, actor=caller.operation.actor)
            await self._judge_origin(scope, caller)
            await self._check_business(caller.operation.tenant_id)
            state["caller"] = caller
        return caller

    async def _judge_origin(self, scope: Scope, caller: Caller) -> None:
        """Let pages of allowed origins read the answer. A page that has a secret key has published it: none may."""
        if caller.kind is CallerKind.SECRET:
            hide(scope)
        else:
            await self._origins.admit(scope, caller.operation.tenant_id)

    def _for_audit(self, scope: Scope, caller: Caller) -> Caller:
        """The caller with what the audit log says of the request: the operation, and the network of the business."""
        operation = caller.operation
        action = getattr(scope.get("route"), "operation_id", None) or operation.action
        origin = None if operation.is_by_customer else self._network(scope)
        # Each request passes here: `replace` would take twice the time, for either of the two.
        operation = Operation(operation.tenant_id, operation.actor, operation.request_id, operation.own, action, origin)
        return Caller(
            operation=operation,
            kind=caller.kind,
            role=caller.role,
            own=caller.own,
            key_id=caller.key_id,
            appointment_id=caller.appointment_id,
            until=caller.until,
            grant_id=caller.grant_id,
            subject=caller.subject,
        )

    async def _authenticate(self, scope: Scope, request_id: str | None) -> Caller:
        headers = Headers(scope=scope)
        scheme, _, raw = headers.get("authorization", "").partition(" ")
        raw = raw.strip()
        if scheme.lower() != "bearer" or not raw:
            raise Unauthorized("Send your key in the header Authorization: Bearer hfs_…")
        if raw.startswith(token.PREFIX):
            tenant_id, appointment_id = await self._verify(raw)
            operation = Operation(tenant_id, Actor(ActorKind.CUSTOMER, appointment_id), request_id)
            return Caller(operation=operation, kind=CallerKind.TOKEN, role=Role.HOLDER, appointment_id=appointment_id)
        if looks_like_token(raw):
            return await self._caller_of_token(raw, request_id)
        credential = await self._credential(raw, hashlib.sha256(raw.encode()).digest())
        if credential.kind is KeyKind.SECRET:
            actor = Actor(ActorKind.BUSINESS, credential.key_id)
            operation = Operation(credential.tenant_id, actor, request_id)
            return Caller(operation=operation, kind=CallerKind.SECRET, role=Role.OWNER, key_id=credential.key_id)
        token_appointment = await self._appointment_of_token(
            headers.get(TOKEN_HEADER) or _token_in(scope["query_string"]), credential
        )
        actor = Actor(ActorKind.CUSTOMER, token_appointment or credential.key_id)
        return Caller(
            operation=Operation(credential.tenant_id, actor, request_id),
            kind=CallerKind.PUBLISHABLE,
            role=Role.VISITOR,
            key_id=credential.key_id,
            appointment_id=token_appointment,
        )

    async def _caller_of_token(self, raw: str, request_id: str | None) -> Caller:
        """The caller that a JSON web token speaks of."""
        subject = await self._web_tokens.verify(raw)
        if subject is None:
            raise Unauthorized(_BAD_WEB_TOKEN)
        side = ActorKind.CUSTOMER if subject.role is Role.CUSTOMER else ActorKind.BUSINESS
        return Caller(
            operation=Operation(subject.tenant_id, Actor(side, subject.actor_id), request_id),
            kind=CallerKind.ACCESS_TOKEN,
            role=subject.role,
            own=Own(resource_id=subject.resource_id, customer_id=subject.customer_id),
            until=subject.expires_at,
            grant_id=subject.grant_id,
            subject=subject,
        )

    async def _credential(self, raw_key: str, digest: bytes) -> Credential:
        """The credential of a key, cached unless it was revoked."""
        now = self._elapsed()
        if now >= self._revoked.next_at and digest in self._cache:
            await self._revoked.catch_up(now)
        read_at, credential = self._cache.get(digest, (0.0, None))
        if credential is None or now - read_at > FRESH_SECONDS:
            credential = await self._look_up(raw_key, digest)
        return credential

    async def _look_up(self, raw_key: str, digest: bytes) -> Credential:
        """The credential of a key as the database has it; the cached one while that does not answer."""
        now = self._elapsed()
        try:
            credential = await self._tenants.authenticate(raw_key)
        except StoreUnavailable:
            read_at, cached = self._cache.get(digest, (now, None))
            if cached is not None and now - read_at <= STALE_SECONDS:
                return cached
            raise
        # It may have been read just before it was revoked.
        if credential is None or credential.key_id in self._revoked.lately:
            self._cache.pop(digest, None)
            raise Unauthorized("Unknown or revoked API key.")
        left = credential.expires_in
        # One that ends soon is looked up again then.
        self._remember(digest, now if left is None else now + min(left - FRESH_SECONDS, 0.0), credential)
        if not credential.is_use_noted:
            note = asyncio.create_task(self._note_use(credential.key_id), name="use of a key")
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
        return credential

    async def _note_use(self, key_id: ApiKeyId) -> None:
        with suppress(StoreUnavailable):
            await self._tenants.note_use(key_id)

    def _forget(self, key_ids: Collection[str]) -> None:
        """Look these keys up again when they come."""
        for digest in [digest for digest, (_, one) in self._cache.items() if one.key_id in key_ids]:
            del self._cache[digest]

    def _remember(self, digest: bytes, now: float, credential: Credential) -> None:
        self._cache[digest] = (now, credential)
        self._cache.move_to_end(digest)
        if len(self._cache) > MAX_CACHED_KEYS:
            self._cache.popitem(last=False)

    async def _appointment_of_token(self, text: str | None, credential: Credential) -> AppointmentId | None:
        """The appointment whose token came beside a publishable key."""
        if not text:
            return None
        tenant_id, appointment_id = await self._verify(text)
        if tenant_id != credential.tenant_id:
            raise Forbidden("The appointment token and the key belong to different businesses.")
        return appointment_id

    async def _verify(self, text: str) -> tuple[TenantId, AppointmentId]:
        verified = await self._tokens.verify(text)
        if verified is None:
            raise Unauthorized("This appointment token is not valid, or its visit ended too long ago.")
        return verified


def caller_in(scope: Scope) -> Caller | None:
    """The caller of a request that was authenticated before; None otherwise."""
    caller = scope.get("state", {}).get("caller")
    return caller if isinstance(caller, Caller) else None


def _token_in(query: bytes) -> str | None:
    # Most queries have no token, which is clear without parsing: its name is absent, and no escape can spell it.
    return QueryParams(query).get("token") if b"token" in query or b"%" in query else None


def _forbidden_to_role(operation_id: str) -> Forbidden:
    roles = [role.value for role in admitted_roles(operation_id) if role in _ROLES_OF_TOKENS]
    detail = f"This requires the role {' or '.join(roles)}."
    return Forbidden(detail, roles=roles)


def _forbidden_to_credential(permission: Mapping[Role, Reach], kind: CallerKind) -> Forbidden:
    if permission[Role.HOLDER] is Reach.OWN:
        return Forbidden("Send this appointment's token, or use a secret key on your back end.")
    if permission[Role.VISITOR] is Reach.ALL and kind is CallerKind.TOKEN:
        return Forbidden("An appointment token gives access to its appointment only. Use a publishable key for this.")
    return Forbidden(_SECRET_NEEDED)
