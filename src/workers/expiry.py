"""Counts the holds that expire, and those that live."""

import asyncio
from typing import Final
from uuid import uuid4

from holds.store import ExpiryCount, HoldStore
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.metrics import MetricsStore
from telemetry.measures import HOLDS_EXPIRED, HOLDS_LIVE
from telemetry.metrics import Metrics

# Businesses asked about in one turn, so in a few batches: Redis is free for others in between.
_AT_ONCE: Final = 200


class Expiry:
    """Several may count at the same time: what one has counted is gone for the others.

    Nothing depends on it: an expired hold is free at once, whether anybody noticed or not.
    """

    def __init__(self, *, holds: HoldStore, store: MetricsStore, metrics: Metrics) -> None:
        self._holds = holds
        self._store = store
        self._metrics = metrics
        self._who = uuid4().hex
        self._number = 0
        # What was asked and not answered is asked again by its number.
        self._unanswered: dict[TenantId, int] = {}

    async def run_once(self) -> None:
        """Count those of all businesses that have holds. Raises RedisUnavailable; the next run counts the rest."""
        tenant_ids = list(dict.fromkeys([*self._unanswered, *await self._store.holders()]))
        counted: list[ExpiryCount] = []
        lost: RedisUnavailable | None = None
        for first in range(0, len(tenant_ids), _AT_ONCE):
            asked = tenant_ids[first : first + _AT_ONCE]
            for answer in await asyncio.gather(*map(self._count, asked), return_exceptions=True):
                if isinstance(answer, RedisUnavailable):
                    lost = answer
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    counted.append(answer)
        if lost is not None:
            raise lost
        self._metrics.set(HOLDS_LIVE, sum(one.live for one in counted))
        if counted:
            await self._store.forget_holders(min(one.now_ms for one in counted))

    async def _count(self, tenant_id: TenantId) -> ExpiryCount:
        if tenant_id not in self._unanswered:
            self._number += 1
            self._unanswered[tenant_id] = self._number
        counted = await self._holds.count_expired(tenant_id, self._who, self._unanswered[tenant_id])
        del self._unanswered[tenant_id]
        self._metrics.add(HOLDS_EXPIRED, counted.expired)
        return counted
