"""Users of a business who are signed in, written past the use cases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from access.roles import Role
from access.sessions.access_tokens import make_access_token
from access.signing.keys import signing_key
from bootstrap.context import Context
from kernel.ids import TenantId, new_secret_id, new_user_id, new_user_session_id
from kernel.operation import by_system
from persistence.unit_of_work import UnitOfWork


async def access_token(
    owner: "asyncpg.Connection[Any]",
    context: Context,
    tenant_id: TenantId,
    role: Role = Role.OWNER,
    *,
    resource_id: str | None = None,
) -> str:
    """Write a user with a session, and sign an access token of theirs."""
    user_id, session_id, now = new_user_id(), new_user_session_id(), datetime.now(UTC)
    secret_id = new_secret_id()
    await owner.execute(
        "INSERT INTO secrets (tenant_id, id, purpose, key_id, sealed) VALUES ($1, $2, 'tested', '00000000', '')",
        tenant_id,
        secret_id,
    )
    await owner.execute(
        "INSERT INTO users (tenant_id, id, role, resource_id, email_digest, email_key_id, secret_id)"
        " VALUES ($1, $2, $3, $4, $5, '00000000', $6)",
        tenant_id,
        user_id,
        role,
        resource_id,
        user_id.encode(),
        secret_id,
    )
    await owner.execute(
        "INSERT INTO user_sessions (tenant_id, id, user_id, secret_id, expires_at) VALUES ($1, $2, $3, $4, $5)",
        tenant_id,
        session_id,
        user_id,
        secret_id,
        now + timedelta(days=1),
    )
    async with UnitOfWork(context.engine).begin(by_system(tenant_id, "test")) as tx:
        key = await signing_key(tx, context.settings.master_keys, now)
    return make_access_token(key, tenant_id=tenant_id, user_id=user_id, session_id=session_id, now=now)[0]
