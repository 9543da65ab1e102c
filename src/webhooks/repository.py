"""Rows of webhook endpoints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import NotFound
from kernel.ids import SecretId, TenantId, WebhookEndpointId
from persistence.tables import api_keys, events, webhook_endpoints
from webhooks.health import EndpointHealth
from webhooks.model import DisabledReason, Endpoint, FormerSettings, Payload

_ENDPOINTS_OF: Final = text("SELECT tenant_id, id FROM webhook_endpoints_of(CAST(:businesses AS uuid[]))")


async def find_endpoints_of(
    connection: AsyncConnection, businesses: Sequence[TenantId]
) -> list[tuple[TenantId, WebhookEndpointId]]:
    """Find the endpoints of these businesses, past row-level security: ids, and nothing else of them."""
    rows = await connection.execute(_ENDPOINTS_OF, {"businesses": list(businesses)})
    return [(TenantId(UUID(str(row.tenant_id))), WebhookEndpointId(row.id)) for row in rows]


async def find_businesses(connection: AsyncConnection, *, after: TenantId | None, limit: int) -> list[TenantId]:
    """Find businesses by their ids: each has keys, which are never deleted."""
    query = select(api_keys.c.tenant_id).distinct().order_by(api_keys.c.tenant_id).limit(limit)
    if after is not None:
        query = query.where(api_keys.c.tenant_id > after)
    return [TenantId(UUID(str(tenant_id))) for tenant_id in await connection.scalars(query)]


class EndpointRepository:
    """Endpoints of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def count(self) -> int:
        """Count them; writers of one business take turns until their transactions end."""
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"webhooks {self._tenant_id}"}
        )
        count = select(func.count()).where(webhook_endpoints.c.tenant_id == self._tenant_id)
        return int(await self._connection.scalar(count) or 0)

    async def add(self, endpoint: Endpoint) -> None:
        """Add an endpoint."""
        await self._connection.execute(
            insert(webhook_endpoints).values(tenant_id=self._tenant_id, id=endpoint.id, **_columns(endpoint))
        )

    async def save(self, endpoint: Endpoint) -> None:
        """Write every field of an endpoint that was found for update."""
        await self._connection.execute(
            update(webhook_endpoints)
            .where(webhook_endpoints.c.tenant_id == self._tenant_id, webhook_endpoints.c.id == endpoint.id)
            .values(**_columns(endpoint))
        )

    async def delete(self, endpoint_id: WebhookEndpointId) -> None:
        """Delete an endpoint, and with it its deliveries."""
        await self._connection.execute(
            delete(webhook_endpoints).where(
                webhook_endpoints.c.tenant_id == self._tenant_id, webhook_endpoints.c.id == endpoint_id
            )
        )

    async def find_all(self) -> list[Endpoint]:
        """Find all of them, the oldest first."""
        statement = select(webhook_endpoints).where(webhook_endpoints.c.tenant_id == self._tenant_id)
        rows = await self._connection.execute(statement.order_by(webhook_endpoints.c.id))
        return [_endpoint(row) for row in rows]

    async def find(self, endpoint_id: str, *, for_update: bool = False) -> Endpoint | None:
        """Find an endpoint; `for_update` locks it until the transaction ends."""
        statement = select(webhook_endpoints).where(
            webhook_endpoints.c.tenant_id == self._tenant_id, webhook_endpoints.c.id == endpoint_id
        )
        row = (await self._connection.execute(statement.with_for_update() if for_update else statement)).one_or_none()
        return None if row is None else _endpoint(row)

    async def get(self, endpoint_id: str, *, for_update: bool = False) -> Endpoint:
        """Find an endpoint that a caller names. Raises NotFound."""
        endpoint = await self.find(endpoint_id, for_update=for_update)
        if endpoint is None:
            detail = f'There is no webhook endpoint "{endpoint_id}".'
            raise NotFound(detail)
        return endpoint

    async def find_last_place(self) -> int:
        """Find the place of the latest event in the feed of the business; 0 where there is none."""
        last = select(func.max(events.c.seq)).where(events.c.tenant_id == self._tenant_id)
        return int(await self._connection.scalar(last) or 0)


def _columns(endpoint: Endpoint) -> dict[str, object]:
    return {
        "url": endpoint.url,
        "types": list(endpoint.types),
        "payload": endpoint.payload.value,
        "description": endpoint.description,
        "disabled_reason": None if endpoint.disabled_reason is None else endpoint.disabled_reason.value,
        "disabled_at": endpoint.disabled_at,
        "secret_id": endpoint.secret_id,
        "previous_secret_id": endpoint.previous_secret_id,
        "previous_until": endpoint.previous_until,
        "place": endpoint.place,
        "former": [{"until": one.until, "types": list(one.types), "is_held": one.is_held} for one in endpoint.former],
        "revision": endpoint.revision,
        "held_revision": endpoint.held_revision,
        "revised": endpoint.revised,
        "failures": endpoint.health.failures,
        "failing_since": endpoint.health.failing_since,
        "failed_at": endpoint.health.failed_at,
        "is_lasting": endpoint.health.is_lasting,
        "rests_until": endpoint.health.rests_until,
        "version": endpoint.version,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        id=WebhookEndpointId(row.id),
        url=row.url,
        types=tuple(row.types),
        payload=Payload(row.payload),
        description=row.description,
        disabled_reason=None if row.disabled_reason is None else DisabledReason(row.disabled_reason),
        disabled_at=row.disabled_at,
        secret_id=SecretId(row.secret_id),
        previous_secret_id=None if row.previous_secret_id is None else SecretId(row.previous_secret_id),
        previous_until=row.previous_until,
        place=row.place,
        former=tuple(
            FormerSettings(until=one["until"], types=tuple(one["types"]), is_held=one["is_held"]) for one in row.former
        ),
        revision=row.revision,
        held_revision=row.held_revision,
        revised=row.revised,
        health=EndpointHealth(
            failures=row.failures,
            failing_since=row.failing_since,
            failed_at=row.failed_at,
            is_lasting=row.is_lasting,
            rests_until=row.rests_until,
        ),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def earliest(*times: datetime | None) -> datetime | None:
    """The earliest of some times, of which each may be absent."""
    return min((time for time in times if time is not None), default=None)
