"""Rows of identity providers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from access.providers.model import IdentityProvider, ProviderClaims, ProviderDetails
from kernel.ids import TenantId
from persistence.tables import identity_providers

_PROVIDERS_OF: Final = text("SELECT tenant_id FROM identity_providers_of(:issuer, :audiences)").bindparams(
    bindparam("audiences", type_=ARRAY(Text))
)


async def find_businesses(connection: AsyncConnection, issuer: str, audiences: Sequence[str]) -> list[TenantId]:
    """Find the businesses that accept tokens of an issuer for any of these audiences, past row-level security."""
    rows = await connection.execute(_PROVIDERS_OF, {"issuer": issuer, "audiences": list(audiences)})
    return [TenantId(UUID(str(row.tenant_id))) for row in rows]


class IdentityProviderRepository:
    """The identity provider of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lock(self, issuer: str, audience: str) -> None:
        """Let businesses that would accept the same tokens take turns until their transactions end."""
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"identity provider {len(issuer)} {issuer}{audience}"},
        )

    async def find(self) -> IdentityProvider | None:
        """Find the provider."""
        table = identity_providers
        row = (await self._connection.execute(select(table).where(table.c.tenant_id == self._tenant_id))).first()
        return None if row is None else _provider_of(row)

    async def save(self, provider: IdentityProvider) -> None:
        """Store the provider in the place of a former one."""
        details, table = provider.details, identity_providers
        values = {
            "issuer": details.issuer,
            "audience": details.audience,
            "jwks_url": details.jwks_url,
            "public_keys": details.public_keys,
            "role_claim": details.claims.role,
            "resource_claim": details.claims.resource,
            "customer_claim": details.claims.customer_id,
            "fetched_keys": provider.fetched_keys,
            "fetched_at": provider.fetched_at,
            "fetch_tried_at": provider.fetched_at,
            "version": provider.version,
            "updated_at": provider.updated_at,
        }
        await self._connection.execute(
            insert(table)
            .values(tenant_id=self._tenant_id, created_at=provider.created_at, **values)
            .on_conflict_do_update(index_elements=["tenant_id"], set_=values)
        )

    async def delete(self) -> None:
        """Delete the provider."""
        table = identity_providers
        await self._connection.execute(delete(table).where(table.c.tenant_id == self._tenant_id))

    async def claim_fetch(self, now: datetime, *, not_since: datetime) -> bool:
        """Note that the keys are being fetched now, unless that was tried since; True for whoever is to fetch them."""
        table = identity_providers
        claimed = await self._connection.execute(
            update(table)
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.fetch_tried_at.is_(None) | (table.c.fetch_tried_at <= not_since),
            )
            .values(fetch_tried_at=now)
            .returning(table.c.tenant_id)
        )
        return claimed.first() is not None

    async def save_keys(self, url: str, keys: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Store keys that were fetched, if they still come from there."""
        table = identity_providers
        await self._connection.execute(
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.jwks_url == url)
            .values(fetched_keys=list(keys), fetched_at=now)
        )


def _provider_of(row: Any) -> IdentityProvider:  # noqa: ANN401 - rows of few columns have a type for each number of them
    return IdentityProvider(
        tenant_id=TenantId(UUID(str(row.tenant_id))),
        details=ProviderDetails(
            issuer=row.issuer,
            audience=row.audience,
            jwks_url=row.jwks_url,
            public_keys=row.public_keys,
            claims=ProviderClaims(role=row.role_claim, resource=row.resource_claim, customer_id=row.customer_claim),
        ),
        fetched_keys=row.fetched_keys or [],
        fetched_at=row.fetched_at,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
