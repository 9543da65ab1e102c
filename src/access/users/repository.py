"""Rows of users."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from access.roles import Role
from access.users.model import StoredUser, UserIds
from kernel.errors import NotFound
from kernel.ids import ResourceId, SecretId, TenantId, UserId
from persistence.tables import users

_USERS_OF: Final = text("SELECT tenant_id, id FROM users_of(:digests)").bindparams(
    bindparam("digests", type_=ARRAY(LargeBinary))
)
_COLUMNS: Final = (
    users.c.id,
    users.c.role,
    users.c.resource_id,
    users.c.locale,
    users.c.secret_id,
    users.c.email_key_id,
    users.c.version,
    users.c.created_at,
    users.c.updated_at,
)


async def find_by_email(connection: AsyncConnection, digests: Iterable[bytes]) -> list[UserIds]:
    """Find the users with an address, of all businesses, past row-level security: ids, and nothing else of them."""
    rows = await connection.execute(_USERS_OF, {"digests": list(digests)})
    return [UserIds(tenant_id=TenantId(UUID(str(row.tenant_id))), user_id=UserId(row.id)) for row in rows]


class UserRepository:
    """Users of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lock(self) -> None:
        """Let those who would change the users of the business take turns until their transactions end."""
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"users {self._tenant_id}"}
        )

    async def count(self, role: Role | None = None) -> int:
        """Count all users, or those with a role."""
        query = select(func.count()).where(users.c.tenant_id == self._tenant_id)
        return int(await self._connection.scalar(query if role is None else query.where(users.c.role == role)) or 0)

    async def find_all(self) -> list[StoredUser]:
        """Find all users, the first one first."""
        query = select(*_COLUMNS).where(users.c.tenant_id == self._tenant_id).order_by(users.c.created_at, users.c.id)
        return [_user_of(row) for row in await self._connection.execute(query)]

    async def find(self, user_id: str) -> StoredUser | None:
        """Find a user."""
        query = select(*_COLUMNS).where(users.c.tenant_id == self._tenant_id, users.c.id == user_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _user_of(row)

    async def get(self, user_id: str) -> StoredUser:
        """Read a user. Raises NotFound."""
        found = await self.find(user_id)
        if found is None:
            raise NotFound(f'There is no user "{user_id}".')
        return found

    async def find_by_email(self, digests: Iterable[bytes]) -> StoredUser | None:
        """Find the user of the business who has an address."""
        query = select(*_COLUMNS).where(users.c.tenant_id == self._tenant_id, users.c.email_digest.in_(list(digests)))
        row = (await self._connection.execute(query)).first()
        return None if row is None else _user_of(row)

    async def find_by_other_keys(self, key_id: str, limit: int) -> list[StoredUser]:
        """Find users whose address is found by the digest of another master key, and lock them."""
        query = (
            select(*_COLUMNS)
            .where(users.c.tenant_id == self._tenant_id, users.c.email_key_id != key_id)
            .order_by(users.c.id)
            .limit(limit)
            .with_for_update()
        )
        return [_user_of(row) for row in await self._connection.execute(query)]

    async def add(self, user: StoredUser, email_digest: bytes) -> None:
        """Add a user."""
        await self._connection.execute(
            insert(users).values(
                tenant_id=self._tenant_id,
                id=user.id,
                role=user.role.value,
                resource_id=user.resource_id,
                locale=user.locale,
                email_digest=email_digest,
                email_key_id=user.email_key_id,
                secret_id=user.secret_id,
                version=user.version,
                created_at=user.created_at,
                updated_at=user.updated_at,
            )
        )

    async def save(self, user: StoredUser) -> None:
        """Store what may change of a user, but for the address."""
        await self._connection.execute(
            self._of(user.id).values(
                role=user.role.value,
                resource_id=user.resource_id,
                locale=user.locale,
                version=user.version,
                updated_at=user.updated_at,
            )
        )

    async def save_email(self, user_id: UserId, *, key_id: str, digest: bytes) -> None:
        """Store by what the address of a user is found."""
        await self._connection.execute(self._of(user_id).values(email_digest=digest, email_key_id=key_id))

    async def delete(self, user_id: UserId) -> None:
        """Delete a user with their sessions and sign-in links; the secrets are deleted after them."""
        await self._connection.execute(delete(users).where(users.c.tenant_id == self._tenant_id, users.c.id == user_id))

    def _of(self, user_id: UserId) -> Any:  # noqa: ANN401 - SQLAlchemy's own type says no more
        return update(users).where(users.c.tenant_id == self._tenant_id, users.c.id == user_id)


def secret_ids_of(found: Sequence[StoredUser]) -> list[SecretId]:
    """The secrets with the personal data of users."""
    return [user.secret_id for user in found]


def _user_of(row: Any) -> StoredUser:  # noqa: ANN401 - rows of few columns have a type for each number of them
    return StoredUser(
        id=UserId(row.id),
        role=Role(row.role),
        resource_id=None if row.resource_id is None else ResourceId(row.resource_id),
        locale=row.locale,
        secret_id=SecretId(row.secret_id),
        email_key_id=row.email_key_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
