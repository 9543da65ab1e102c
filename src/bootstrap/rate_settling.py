"""Settling what a server process counted of its callers with the counts of the others, several times a second."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import Final, TypeVar
from uuid import UUID

import structlog

from access.rates.counts import CountKey, RateCounts, Settled
from availability.state.catalogue_snapshots import CatalogueSnapshots
from bootstrap.context import Context
from bootstrap.services import Services
from kernel.errors import DomainError
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.rate_counts import MOST_AT_ONCE, RateAmount, RateCountStore
from telemetry.measures import RATES_UNSETTLED
from telemetry.metrics import Metrics

SECONDS: Final = 0.2
"""So long the processes know nothing of each other: for that time a caller has the rate of each of them."""
# Looking through all counts takes some milliseconds: not each time.
_SWEEP_EVERY: Final = 50
_AT_ONCE: Final = 16
# So that no other digest under the same secret is ever equal.
_PURPOSE: Final = b"rates, address"
Value = TypeVar("Value")
_log = structlog.get_logger(__name__)


class RateSettling:
    """Requests never wait for it. While Redis is away each process counts by itself, and says so."""

    def __init__(
        self, *, counts: RateCounts, store: RateCountStore, snapshots: CatalogueSnapshots, metrics: Metrics
    ) -> None:
        self._counts = counts
        self._store = store
        self._snapshots = snapshots
        self._metrics = metrics
        self._is_alone = False
        self._rounds = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Settle until told to stop."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await stop.wait()
            await self.run_once()

    async def run_once(self) -> None:
        """Tell Redis what was counted, and hear what the others have. Nothing that goes wrong here ends a server."""
        self._rounds += 1
        if self._rounds % _SWEEP_EVERY == 0:
            self._counts.sweep()
        by_business: defaultdict[TenantId, dict[CountKey, int]] = defaultdict(dict)
        for key, amount in self._counts.take().items():
            by_business[TenantId(UUID(int=key.business))][key] = amount
        try:
            for some in _pieces(list(by_business.items()), _AT_ONCE):
                await asyncio.gather(*(self._settle(tenant_id, amounts) for tenant_id, amounts in some))
        except RedisUnavailable:
            self._note(is_alone=True)
        except Exception as error:  # noqa: BLE001 - whatever it was, it must not end what it only counts for
            _log.warning("rates.not_settled", error=repr(error))
        else:
            if by_business:
                self._note(is_alone=False)

    async def _settle(self, tenant_id: TenantId, amounts: Mapping[CountKey, int]) -> None:
        try:
            secret = (await self._snapshots.catalogue(tenant_id)).business.token_secret
        except DomainError:
            # The business is gone, or Postgres does not answer to its first request: it is counted here alone.
            return
        for some in _pieces(list(amounts.items()), MOST_AT_ONCE):
            totals = await self._store.count(tenant_id, _amounts(some, secret))
            settled = {
                key: Settled(window=window, current=current, previous=previous)
                for (key, _), (window, current, previous) in zip(some, totals.windows, strict=True)
            }
            self._counts.settle(settled, now=totals.now_ms / 1000)

    def _note(self, *, is_alone: bool) -> None:
        if is_alone and not self._is_alone:
            _log.warning("rates.counted_alone")
        elif self._is_alone and not is_alone:
            _log.info("rates.counted_together")
        self._is_alone = is_alone
        self._metrics.set(RATES_UNSETTLED, float(is_alone))


@asynccontextmanager
async def settling(context: Context, services: Services) -> AsyncIterator[None]:
    """Settle while the block lasts, and once more at its end."""
    loop, stop = build_rate_settling(context, services), asyncio.Event()
    task = asyncio.create_task(loop.run(stop), name="rates")
    try:
        yield
    finally:
        stop.set()
        await task


def build_rate_settling(context: Context, services: Services) -> RateSettling:
    """The settling of the counts of those services."""
    return RateSettling(
        counts=services.rate_counts,
        store=RateCountStore(context.redis),
        snapshots=services.snapshots,
        metrics=context.metrics,
    )


def _pieces(values: Sequence[Value], most: int) -> Iterator[Sequence[Value]]:
    return (values[begin : begin + most] for begin in range(0, len(values), most))


def _amounts(counted: Sequence[tuple[CountKey, int]], secret: bytes) -> list[RateAmount]:
    """The name that Redis is told. An address is personal data: it has its digest under the business's secret."""
    return [
        RateAmount(key.seconds, f"{key.source}:{_subject(key.subject, secret)}:{key.activity}", amount)
        for key, amount in counted
    ]


def _subject(subject: str | bytes, secret: bytes) -> str:
    if isinstance(subject, str):
        return subject
    return blake2b(subject, key=secret, person=_PURPOSE, digest_size=16).hexdigest()
