"""Verification of the tokens of identity providers."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from access.providers.key_source import KeysUnavailable, fetch_keys
from access.providers.model import FETCH_PAUSE, IdentityProvider, ProviderSubject, key_for, statement_of
from access.providers.repository import IdentityProviderRepository, find_businesses
from access.roles import Role
from access.subject import Subject, provider_id_of
from access.web_tokens import TokenKey, WebToken, expiry_if_good
from availability.state.catalogue_snapshots import CatalogueSnapshots
from bookings.token_service import TokenService
from catalogue.lookup import find_live_object
from catalogue.model.objects import ObjectKind
from kernel.clock import Clock
from kernel.errors import NotFound, StoreUnavailable
from kernel.ids import ResourceId, TenantId, external_id_for
from kernel.operation import by_system
from outbound.client import OutboundClient
from persistence.errors import postgres_errors
from persistence.unit_of_work import UnitOfWork

_NAME: Final = "identity-provider"
_WAIT_SECONDS: Final = 3.0
"""A request with an unknown key waits for so long; a provider that takes longer is heard by later ones."""

_log = structlog.get_logger(__name__)


class ProviderTokenVerifier:
    """Finds whom a token of a provider speaks of, in the one business that accepts its issuer and audience."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        outbound: OutboundClient,
        tokens: TokenService,
        catalogues: CatalogueSnapshots,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)
        self._outbound = outbound
        self._tokens = tokens
        self._catalogues = catalogues
        self._clock = clock
        self._fetches: dict[TenantId, asyncio.Task[None]] = {}

    async def find(self, token: WebToken) -> Subject | None:
        """The subject of a token; None for one that is not good. Raises StoreUnavailable."""
        provider = await self._provider_of(token)
        if provider is None:
            return None
        key = await self._key_of(provider, token)
        if key is None:
            return None
        expires_at = expiry_if_good(token, key, audience=provider.details.audience, now=self._clock.now())
        statement = None if expires_at is None else statement_of(token.claims, provider.details.claims)
        if expires_at is None or statement is None:
            return None
        resource_id = await self._resource_id(provider.tenant_id, statement)
        if statement.role is Role.STAFF and resource_id is None:
            return None
        secret = await self._tokens.secret(provider.tenant_id)
        assert secret is not None, "a business with a provider has a secret"
        return Subject(
            tenant_id=provider.tenant_id,
            role=statement.role,
            expires_at=expires_at,
            customer_id=statement.customer_id,
            external_id=external_id_for(secret, provider.details.issuer, statement.external),
            resource_id=resource_id,
            provider_id=provider_id_of(provider.details.issuer, provider.details.audience),
        )

    async def fetched(self) -> None:
        """Wait for the fetches that are under way beside requests."""
        await asyncio.gather(*self._fetches.values())

    async def _provider_of(self, token: WebToken) -> IdentityProvider | None:
        """The provider that a token names, if exactly one business accepts it."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                found = await find_businesses(connection, token.issuer, token.audiences)
        if len(found) != 1:
            return None
        return await self._read(found[0])

    async def _read(self, tenant_id: TenantId) -> IdentityProvider | None:
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await IdentityProviderRepository(connection, tenant_id).find()

    async def _key_of(self, provider: IdentityProvider, token: WebToken) -> TokenKey | None:
        """The key that a token names. One that is not known is looked for once more, where it may be by now."""
        now = self._clock.now()
        key = key_for(provider.keys_at(now), token.key_id)
        if provider.details.jwks_url is None:
            return key
        if key is not None:
            if provider.is_outdated(now):
                # Those who have a good key do not wait for a provider that may be slow.
                self._fetch(provider)
            return key
        await asyncio.wait({self._fetch(provider)}, timeout=_WAIT_SECONDS)
        again = await self._read(provider.tenant_id)
        return None if again is None else key_for(again.keys_at(now), token.key_id)

    def _fetch(self, provider: IdentityProvider) -> asyncio.Task[None]:
        """The fetch of the keys that is under way in this process, or a new one."""
        running = self._fetches.get(provider.tenant_id)
        if running is None:
            running = asyncio.create_task(self._fetch_now(provider))
            self._fetches[provider.tenant_id] = running
            running.add_done_callback(lambda _: self._fetches.pop(provider.tenant_id, None))
        return running

    async def _fetch_now(self, provider: IdentityProvider) -> None:
        """Fetch the keys, unless some process has tried within FETCH_PAUSE."""
        url, operation = provider.details.jwks_url, by_system(provider.tenant_id, _NAME)
        assert url is not None, "keys that are set are not fetched"
        try:
            now = self._clock.now()
            async with self._unit_of_work.begin(operation) as tx:
                repository = IdentityProviderRepository(tx.connection, tx.tenant_id)
                if not await repository.claim_fetch(now, not_since=now - FETCH_PAUSE):
                    return
            keys = await fetch_keys(self._outbound, url)
            async with self._unit_of_work.begin(operation) as tx:
                await IdentityProviderRepository(tx.connection, tx.tenant_id).save_keys(url, keys, now)
        except KeysUnavailable as failure:
            _log.warning("identity_provider.no_keys", business=str(provider.tenant_id), reason=failure.reason)
        except StoreUnavailable:
            _log.warning("identity_provider.no_database", business=str(provider.tenant_id))

    async def _resource_id(self, tenant_id: TenantId, statement: ProviderSubject) -> ResourceId | None:
        """The live resource that a token names, by its id or key."""
        if statement.resource is None:
            return None
        catalogue = await self._catalogues.catalogue(tenant_id, naming=[statement.resource])
        try:
            return ResourceId(find_live_object(ObjectKind.RESOURCE, statement.resource, catalogue).id)
        except NotFound:
            return None
