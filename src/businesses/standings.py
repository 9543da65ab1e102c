"""Standings of businesses, suspensions and quotas, as a process learns of them within a second."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from businesses.model import BusinessSuspended
from businesses.repository import Restriction, StandingRepository
from catalogue.model.quotas import Quota
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from persistence.errors import postgres_errors

SOON_SECONDS: Final = 0.4
"""While credentials are used, the database is asked so often what changed; no request waits for it."""
LATEST_SECONDS: Final = 0.9
"""A request waits for news that are older."""
_AGAIN_ALL_SECONDS: Final = 30.0
"""After so long without news the process asks for all: what changed lately is of the last minute."""

_log = structlog.get_logger(__name__)


class Standings:
    """Asks for the standings of businesses, while credentials are used: one statement for all requests of a process.

    While the database does not answer nobody waits for it: it stays as it was known.
    """

    def __init__(self, engine: AsyncEngine, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._elapsed = elapsed
        self._restrictions: Mapping[TenantId, Restriction] = {}
        self._asking: asyncio.Task[None] | None = None
        self._is_away = False
        self._next_at = self._latest_at = float("-inf")
        self._told_at = float("-inf")

    async def check(self, tenant_id: TenantId) -> None:
        """Let the credentials of a business pass. Raises BusinessSuspended."""
        now = self._elapsed()
        if now >= self._next_at:
            await self._catch_up(now)
        if self._restrictions and (found := self._restrictions.get(tenant_id)) is not None and found.is_suspended:
            raise BusinessSuspended

    def quota(self, tenant_id: TenantId, quota: Quota) -> int | None:
        """Tell how much of a kind a business may have; None: as much as the engine allows."""
        found = self._restrictions.get(tenant_id)
        return None if found is None else found.quotas.get(quota.value)

    async def among(self, tenant_ids: Collection[TenantId]) -> Collection[TenantId]:
        """Find the suspended ones of some businesses."""
        now = self._elapsed()
        if now >= self._next_at:
            await self._catch_up(now)
        found = self._restrictions
        return [one for one in tenant_ids if one in found and found[one].is_suspended]

    async def _catch_up(self, now: float) -> None:
        """Ask in the background, and wait for the answer if the last one is too old."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(now), name="standings")
        if now > self._latest_at and not self._is_away:
            # Of the requests that wait, one may be given up.
            await asyncio.shield(self._asking)

    async def _ask(self, now: float) -> None:
        try:
            await self._read(is_new=now - self._told_at > _AGAIN_ALL_SECONDS)
        except StoreUnavailable as error:
            self._is_away = True
            _log.warning("standings.store_lost", error=str(error))
        else:
            self._is_away = False
            self._told_at = now
            self._latest_at = now + LATEST_SECONDS
        finally:
            self._next_at = now + SOON_SECONDS
            self._asking = None

    async def _read(self, *, is_new: bool) -> None:
        with postgres_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                repository = StandingRepository(connection)
                if is_new:
                    self._restrictions = await repository.find_limited()
                    return
                changed = await repository.find_changed_lately()
        if changed:
            merged = {**self._restrictions, **changed}
            self._restrictions = {one: found for one, found in merged.items() if found.is_suspended or found.quotas}
