"""Rows of sessions of users."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from access.roles import Role
from kernel.ids import ResourceId, TenantId, UserId
from persistence.tables import user_sessions, users


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUser:
    """A user with a session that has not ended."""

    id: UserId
    role: Role
    resource_id: ResourceId | None


class UserSessionRepository:
    """Sessions of the users of one business, inside the caller's transaction."""

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
