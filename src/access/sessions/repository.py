"""Rows of sessions of users, of their sign-in links, and of attempts to get some."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from access.roles import Role
from access.sessions.model import UserSession
from kernel.ids import ResourceId, SecretId, TenantId, UserId, UserSessionId
from persistence.tables import sign_in_attempts, sign_in_links, user_sessions, users

# Old rows go with every new one, so that nobody needs to tidy up; skipped where somebody else does it.
_FORGET: Final = text(
    """
    DELETE FROM sign_in_attempts WHERE digest IN (
        SELECT digest FROM sign_in_attempts WHERE since < :before ORDER BY since LIMIT 10 FOR UPDATE SKIP LOCKED
    )
    """
)
_COUNT: Final = text(
    """
    INSERT INTO sign_in_attempts AS stored (digest, since, attempts) VALUES (:digest, :now, 1)
    ON CONFLICT (digest) DO UPDATE SET
        since = CASE WHEN stored.since < :before THEN excluded.since ELSE stored.since END,
        attempts = CASE WHEN stored.since < :before THEN 1 ELSE least(stored.attempts + 1, 1000000) END
    RETURNING since, attempts
    """
)
_SESSION: Final = (
    user_sessions.c.id,
    user_sessions.c.user_id,
    user_sessions.c.secret_id,
    user_sessions.c.refreshes,
    user_sessions.c.refreshed_at,
    user_sessions.c.expires_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUser:
    """A user with a session that has not ended."""

    id: UserId
    role: Role
    resource_id: ResourceId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Attempts that were counted together."""

    since: datetime
    number: int


async def count_attempt(connection: AsyncConnection, digest: bytes, *, now: datetime, within: timedelta) -> Attempts:
    """Count one more attempt of those within a time."""
    before = now - within
    await connection.execute(_FORGET, {"before": before})
    row = (await connection.execute(_COUNT, {"digest": digest, "now": now, "before": before})).one()
    return Attempts(since=row.since, number=row.attempts)


async def forget_attempts(connection: AsyncConnection, digest: bytes) -> None:
    """Forget attempts, since one of them succeeded."""
    await connection.execute(delete(sign_in_attempts).where(sign_in_attempts.c.digest == digest))


class UserSessionRepository:
    """Sessions and sign-in links of the users of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_user(self, session_id: str, now: datetime) -> SessionUser | None:
        """Find the user of a session, with the rights of now; None where the session has ended."""
        row = (
            await self._connection.execute(
                select(users.c.id, users.c.role, users.c.resource_id)
                .join(
                    user_sessions,
                    (user_sessions.c.tenant_id == users.c.tenant_id) & (user_sessions.c.user_id == users.c.id),
                )
                .where(
                    user_sessions.c.tenant_id == self._tenant_id,
                    user_sessions.c.id == session_id,
                    user_sessions.c.expires_at > now,
                )
            )
        ).first()
        if row is None:
            return None
        resource_id = None if row.resource_id is None else ResourceId(row.resource_id)
        return SessionUser(id=UserId(row.id), role=Role(row.role), resource_id=resource_id)

    async def find_roles(self, session_ids: Collection[str], now: datetime) -> Mapping[str, str]:
        """Find the roles that the users of sessions have now; sessions that have ended are left out."""
        query = (
            select(user_sessions.c.id, users.c.role)
            .join(users, (users.c.tenant_id == user_sessions.c.tenant_id) & (users.c.id == user_sessions.c.user_id))
            .where(
                user_sessions.c.tenant_id == self._tenant_id,
                user_sessions.c.id.in_(session_ids),
                user_sessions.c.expires_at > now,
            )
        )
        return {row.id: row.role for row in await self._connection.execute(query)}

    async def find_locked(self, session_id: str, now: datetime) -> UserSession | None:
        """Find a session that has not ended, and lock it."""
        query = (
            select(*_SESSION)
            .where(
                user_sessions.c.tenant_id == self._tenant_id,
                user_sessions.c.id == session_id,
                user_sessions.c.expires_at > now,
            )
            .with_for_update()
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else _session_of(row)

    async def find_all_of(self, user_id: UserId) -> list[UserSession]:
        """Find all sessions of a user, the newest first."""
        query = (
            select(*_SESSION)
            .where(user_sessions.c.tenant_id == self._tenant_id, user_sessions.c.user_id == user_id)
            .order_by(user_sessions.c.id.desc())
        )
        return [_session_of(row) for row in await self._connection.execute(query)]

    async def find_secrets_of(self, user_id: UserId) -> list[SecretId]:
        """Find the secrets of all sessions of a user."""
        return [session.secret_id for session in await self.find_all_of(user_id)]

    async def add(self, session: UserSession) -> None:
        """Add a session."""
        await self._connection.execute(
            insert(user_sessions).values(
                tenant_id=self._tenant_id,
                id=session.id,
                user_id=session.user_id,
                secret_id=session.secret_id,
                refreshes=session.refreshes,
                refreshed_at=list(session.refreshed_at),
                expires_at=session.expires_at,
            )
        )

    async def save(self, session: UserSession) -> None:
        """Store what a refresh changes of a session."""
        await self._connection.execute(
            update(user_sessions)
            .where(user_sessions.c.tenant_id == self._tenant_id, user_sessions.c.id == session.id)
            .values(
                refreshes=session.refreshes,
                refreshed_at=list(session.refreshed_at),
                expires_at=session.expires_at,
            )
        )

    async def delete(self, session_ids: Sequence[UserSessionId]) -> None:
        """End sessions; their secrets are deleted after them."""
        await self._connection.execute(
            delete(user_sessions).where(
                user_sessions.c.tenant_id == self._tenant_id, user_sessions.c.id.in_(session_ids)
            )
        )

    async def add_link(self, user_id: UserId, digest: bytes, *, expires_at: datetime, most: int, now: datetime) -> None:
        """Add a sign-in link; those that work no more go, and of the others all but the latest."""
        links = sign_in_links
        of_user = (links.c.tenant_id == self._tenant_id) & (links.c.user_id == user_id)
        latest = (
            select(links.c.digest)
            .where(of_user, links.c.expires_at > now)
            .order_by(links.c.expires_at.desc())
            .limit(most - 1)
        )
        await self._connection.execute(delete(links).where(of_user, links.c.digest.not_in(latest)))
        await self._connection.execute(
            insert(links).values(tenant_id=self._tenant_id, digest=digest, user_id=user_id, expires_at=expires_at)
        )

    async def take_link(self, digest: bytes, now: datetime) -> UserId | None:
        """Use a sign-in link up: the user that it signs in, once."""
        row = (
            await self._connection.execute(
                delete(sign_in_links)
                .where(
                    sign_in_links.c.tenant_id == self._tenant_id,
                    sign_in_links.c.digest == digest,
                    sign_in_links.c.expires_at > now,
                )
                .returning(sign_in_links.c.user_id)
            )
        ).first()
        return None if row is None else UserId(row.user_id)

    async def delete_links(self, user_id: UserId) -> None:
        """Let the sign-in links of a user work no more."""
        await self._connection.execute(
            delete(sign_in_links).where(
                sign_in_links.c.tenant_id == self._tenant_id, sign_in_links.c.user_id == user_id
            )
        )


def _session_of(row: Any) -> UserSession:  # noqa: ANN401 - rows of few columns have a type for each number of them
    return UserSession(
        id=UserSessionId(row.id),
        user_id=UserId(row.user_id),
        secret_id=SecretId(row.secret_id),
        refreshes=row.refreshes,
        refreshed_at=tuple(row.refreshed_at),
        expires_at=row.expires_at,
    )
