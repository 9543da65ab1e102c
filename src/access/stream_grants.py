"""Grants of open streams: which of them have ended, because a session, a role or an identity provider has."""

from collections import defaultdict
from collections.abc import Collection

from access.providers.repository import IdentityProviderRepository
from access.sessions.repository import UserSessionRepository
from access.subject import provider_id_of
from events.open_streams import StreamGrant
from kernel.clock import Clock
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork

_SESSION_PREFIX = "ses_"


class StreamGrants:
    """Finds the grants of open streams that hold no longer."""

    def __init__(self, *, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def find_ended(self, grants: Collection[StreamGrant]) -> Collection[StreamGrant]:
        """Find those of users who signed out, were removed or have another role, and of providers that are gone.

        Two statements for each business at most. Raises StoreUnavailable.
        """
        by_business: dict[TenantId, list[StreamGrant]] = defaultdict(list)
        for grant in grants:
            by_business[grant.tenant_id].append(grant)
        return [one for tenant_id, some in by_business.items() for one in await self._ended_in(tenant_id, some)]

    async def _ended_in(self, tenant_id: TenantId, grants: Collection[StreamGrant]) -> list[StreamGrant]:
        session_ids = [grant.id for grant in grants if grant.id.startswith(_SESSION_PREFIX)]
        provider_id = None
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            roles = await UserSessionRepository(connection, tenant_id).find_roles(session_ids, self._clock.now())
            if len(session_ids) < len(grants):
                provider = await IdentityProviderRepository(connection, tenant_id).find()
                if provider is not None:
                    provider_id = provider_id_of(provider.details.issuer, provider.details.audience)
        return [grant for grant in grants if grant.id != provider_id and roles.get(grant.id) != grant.role]
