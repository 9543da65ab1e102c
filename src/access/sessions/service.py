"""Use cases on sessions of users: opening one by a sign-in link, refreshing it, ending it."""

import hmac
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import structlog

from access.sessions.access_tokens import make_access_token
from access.sessions.model import (
    MOST_SESSIONS,
    SECRET_BYTES,
    SECRET_PURPOSE,
    SESSION_LIFE,
    RefreshClaim,
    RefreshFate,
    SessionTokens,
    UserSession,
    read_refresh_token,
    refresh_fate,
    refresh_token,
    refreshed_at_with,
    tenant_of_code,
)
from access.sessions.repository import UserSessionRepository, forget_attempts
from access.sessions.sign_in_service import attempts_digest, code_digest
from access.signing.keys import signing_key
from access.users.model import SECRET_PURPOSE as USER_PURPOSE
from access.users.model import UserContact, compared_email
from access.users.repository import UserRepository
from catalogue.repositories.tenants import TenantRepository
from kernel.clock import Clock
from kernel.errors import NotFound, Unauthorized
from kernel.ids import TenantId, UserSessionId, new_user_session_id
from kernel.operation import Actor, ActorKind, Operation, by_system
from persistence.audit import AuditLog, AuditNote
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork

_BAD_CODE = "This sign-in link is not valid, or was used, or is older than 15 minutes. Ask for another one."
_BAD_REFRESH_TOKEN = "This refresh token is not valid, or no longer. Sign in again."  # noqa: S105 - a sentence
_LOOP_NAME = "sign-in"

_log = structlog.get_logger(__name__)


CheckBusiness: TypeAlias = Callable[[TenantId], Awaitable[None]]
"""Lets a business pass, or raises."""


async def _admit(_tenant_id: TenantId) -> None:
    pass


class UserSessionService:
    """Use cases on sessions. That one has ended is seen by every process within a second."""

    def __init__(
        self, *, unit_of_work: UnitOfWork, keys: MasterKeys, clock: Clock, check_business: CheckBusiness = _admit
    ) -> None:
        """`check_business` raises where the credentials of a business are refused."""
        self._check_business = check_business
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._clock = clock

    async def open(self, code: str, *, request_id: str | None = None) -> SessionTokens:
        """Sign a user in by the code of a link, which is used up.

        Raises Unauthorized, MasterKeyMissing, and as `check_business` does, which leaves the code as it is.
        """
        tenant_id = tenant_of_code(code)
        if tenant_id is None:
            raise Unauthorized(_BAD_CODE)
        await self._check_business(tenant_id)
        now = self._clock.now()
        async with self._unit_of_work.begin(by_system(tenant_id, _LOOP_NAME)) as tx:
            repository, secrets = UserSessionRepository(tx.connection, tenant_id), self._secrets(tx)
            user_id = await repository.take_link(code_digest(code), now)
            if user_id is None:
                raise Unauthorized(_BAD_CODE)
            secret = os.urandom(SECRET_BYTES)
            session = UserSession(
                id=new_user_session_id(),
                user_id=user_id,
                secret_id=await secrets.add(SECRET_PURPOSE, secret),
                refreshes=0,
                refreshed_at=(),
                expires_at=now + SESSION_LIFE,
            )
            await self._make_room(tx, session)
            await repository.add(session)
            tokens = await self._tokens(tx, session, secret)
            by_user = Operation(tenant_id, Actor(ActorKind.BUSINESS, user_id), request_id, action="createSession")
            await AuditLog(tx.connection, by_user).add(AuditNote(subject=user_id, more_subjects=[session.id]))
            await forget_attempts(tx.connection, attempts_digest(self._keys, compared_email(tokens.user.contact.email)))
        return tokens

    async def refresh(self, text: str) -> SessionTokens:
        """Prolong a session by its refresh token, which is used up, and get the next one.

        Repeated within REPEAT_WITHIN, it gets the same next one; later, the session ends. Raises Unauthorized,
        MasterKeyMissing, SecretUnreadable, and as `check_business` does.
        """
        claim = read_refresh_token(text)
        if claim is None:
            raise Unauthorized(_BAD_REFRESH_TOKEN)
        await self._check_business(claim.tenant_id)
        async with self._unit_of_work.begin(by_system(claim.tenant_id, _LOOP_NAME, "endReusedSession")) as tx:
            tokens = await self._refresh(tx, claim, text)
        if tokens is None:
            # After the commit: that the session has ended must last.
            raise Unauthorized(_BAD_REFRESH_TOKEN)
        return tokens

    async def end(self, operation: Operation, session_id: UserSessionId | None) -> None:
        """End a session; one that has ended stays so. Raises NotFound where the caller has none."""
        if session_id is None:
            raise NotFound("No session is behind this credential.")
        async with self._unit_of_work.begin(operation) as tx:
            repository = UserSessionRepository(tx.connection, tx.tenant_id)
            found = await repository.find_locked(session_id, self._clock.now())
            if found is not None:
                await self._end(tx, [found])
                await tx.audit.add(AuditNote(subject=found.user_id, more_subjects=[found.id]))

    async def _refresh(self, tx: Transaction, claim: RefreshClaim, text: str) -> SessionTokens | None:
        """The tokens that follow; None for a token that is not good."""
        repository, now = UserSessionRepository(tx.connection, tx.tenant_id), self._clock.now()
        session = await repository.find_locked(claim.session_id, now)
        if session is None:
            return None
        secret = await self._secrets(tx).open(SECRET_PURPOSE, session.secret_id)
        if not _is_genuine(text, secret, claim):
            # Whoever makes tokens up ends nobody's session.
            return None
        match refresh_fate(session, claim.number, now):
            case RefreshFate.END:
                _log.warning("session.reused", business=str(tx.tenant_id), session=session.id, user=session.user_id)
                await self._end(tx, [session])
                await tx.audit.add(AuditNote(subject=session.user_id, more_subjects=[session.id]))
                return None
            case RefreshFate.REPEAT:
                return await self._tokens(tx, session, secret, number=claim.number + 1)
            case RefreshFate.ROTATE:
                session = replace(
                    session,
                    refreshes=claim.number + 1,
                    refreshed_at=refreshed_at_with(session.refreshed_at, now),
                    expires_at=now + SESSION_LIFE,
                )
                await repository.save(session)
                return await self._tokens(tx, session, secret)

    async def _tokens(
        self, tx: Transaction, session: UserSession, secret: bytes, *, number: int | None = None
    ) -> SessionTokens:
        stored = await UserRepository(tx.connection, tx.tenant_id).get(session.user_id)
        user = stored.user(UserContact.opened(await self._secrets(tx).open(USER_PURPOSE, stored.secret_id)))
        now = self._clock.now()
        access_token, expires_at = make_access_token(
            await signing_key(tx, self._keys, now),
            tenant_id=tx.tenant_id,
            user_id=user.id,
            session_id=session.id,
            now=now,
        )
        following = session.refreshes if number is None else number
        claim = RefreshClaim(tenant_id=tx.tenant_id, session_id=session.id, number=following)
        return SessionTokens(
            user=user,
            tenant_id=tx.tenant_id,
            business=await TenantRepository(tx.connection).name(tx.tenant_id) or "",
            access_token=access_token,
            expires_at=expires_at,
            refresh_token=refresh_token(secret, claim),
        )

    async def _make_room(self, tx: Transaction, session: UserSession) -> None:
        """End the user's sessions that nobody refreshes any more, and the oldest if there are too many."""
        now = self._clock.now()
        found = await UserSessionRepository(tx.connection, tx.tenant_id).find_all_of(session.user_id)
        live = [one for one in found if one.expires_at > now]
        await self._end(tx, [*(one for one in found if one.expires_at <= now), *live[MOST_SESSIONS - 1 :]])

    async def _end(self, tx: Transaction, ended: list[UserSession]) -> None:
        await UserSessionRepository(tx.connection, tx.tenant_id).delete([session.id for session in ended])
        await self._secrets(tx).delete(*(session.secret_id for session in ended))

    def _secrets(self, tx: Transaction) -> SecretStore:
        return SecretStore(tx.connection, tx.tenant_id, self._keys)


def _is_genuine(text: str, secret: bytes, claim: RefreshClaim) -> bool:
    return hmac.compare_digest(text, refresh_token(secret, claim))
