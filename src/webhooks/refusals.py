"""Refusals of stored endpoints: those that the guarded client would not reach now."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.ids import TenantId, WebhookEndpointId
from outbound.client import OutboundClient, OutboundFailed, TargetNotAllowed
from outbound.targets import read_target
from persistence.unit_of_work import UnitOfWork
from webhooks.model import Endpoint
from webhooks.repository import EndpointRepository, find_businesses, find_endpoints_of

# Businesses that are listed at once.
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRefusal:
    """An endpoint whose address may not be reached."""

    tenant_id: TenantId
    endpoint_id: WebhookEndpointId
    detail: str

    @property
    def sentence(self) -> str:
        """The finding, with the setting that would allow the address."""
        return f"{self.endpoint_id} of business {self.tenant_id} would be sent nothing. {self.detail}"


class RefusalFinder:
    """Looks up the host of every enabled endpoint, as a delivery would, and sends nothing."""

    def __init__(self, *, engine: AsyncEngine, outbound: OutboundClient) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)
        self._outbound = outbound

    async def find_refused(self) -> list[EndpointRefusal]:
        """Find the endpoints that would be refused. Raises StoreUnavailable."""
        refused = []
        async for tenant_id in self._businesses():
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                endpoints = await EndpointRepository(connection, tenant_id).find_all()
            enabled = [endpoint for endpoint in endpoints if endpoint.is_enabled]
            details = await asyncio.gather(*(self._refusal(endpoint) for endpoint in enabled))
            refused += [
                EndpointRefusal(tenant_id=tenant_id, endpoint_id=endpoint.id, detail=detail)
                for endpoint, detail in zip(enabled, details, strict=True)
                if detail is not None
            ]
        return refused

    async def _refusal(self, endpoint: Endpoint) -> str | None:
        try:
            await self._outbound.check(read_target(endpoint.url))
        except TargetNotAllowed as refusal:
            return refusal.detail
        except OutboundFailed:
            # That says nothing of what is allowed.
            return None
        return None

    async def _businesses(self) -> AsyncIterator[TenantId]:
        """Businesses that have endpoints."""
        after: TenantId | None = None
        while True:
            async with self._engine.connect() as connection:
                page = await find_businesses(connection, after=after, limit=_PAGE)
                found = await find_endpoints_of(connection, page)
            for tenant_id in dict.fromkeys(tenant_id for tenant_id, _ in found):
                yield tenant_id
            if len(page) < _PAGE:
                return
            after = page[-1]
