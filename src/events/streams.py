"""Streams of events: how a process learns that a business has news, for all of its streams at once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from events.feed import FeedService
from events.model import StoredEvent, matches
from events.open_streams import HEARTBEAT_SECONDS
from events.repository import RelayRepository
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from persistence.errors import postgres_errors

POLL_SECONDS: Final = 0.25
"""News reach a stream so soon after the relay; while a process has no streams it asks nothing."""
_PAGE: Final = 200
# Places of which a process learns at once; more of them are learnt of in the next step.
_NEWS: Final = 10_000

_log = structlog.get_logger(__name__)


class EventStreams:
    """The streams of a process. One statement a quarter of a second serves all of them, while there are any."""

    def __init__(self, *, engine: AsyncEngine, feed: FeedService) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._feed = feed
        self._woken: defaultdict[TenantId, set[asyncio.Event]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None
        self._reads: dict[tuple[TenantId, int], asyncio.Task[list[StoredEvent]]] = {}

    @asynccontextmanager
    async def listening(self, tenant_id: TenantId) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the business has news, while the block lasts."""
        woken = asyncio.Event()
        self._woken[tenant_id].add(woken)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="event streams")
        try:
            yield woken
        finally:
            self._woken[tenant_id].discard(woken)
            if not self._woken[tenant_id]:
                del self._woken[tenant_id]
            if not self._woken and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def follow(
        self,
        tenant_id: TenantId,
        woken: asyncio.Event,
        place: int,
        *,
        patterns: Sequence[str] = (),
        subject: str | None = None,
        has_ended: Callable[[], bool],
    ) -> AsyncIterator[StoredEvent | None]:
        """Each event after a place as it comes, and None for each stretch of silence, until `has_ended`.

        `woken` is that of `listening`. A store that is away is waited for: nothing is left out.
        """
        silent = 0.0
        while not has_ended():
            woken.clear()
            page: list[StoredEvent] = []
            with suppress(StoreUnavailable):
                page = await self._read_on(tenant_id, place)
            for event in page:
                # The client may have taken a while for the one before.
                if has_ended():
                    return
                place = event.seq
                if _is_of_interest(event, patterns, subject):
                    silent = 0.0
                    yield event
            if len(page) == _PAGE:
                continue
            silent += await wait_for_news(woken)
            if silent >= HEARTBEAT_SECONDS:
                silent = 0.0
                yield None

    async def _read_on(self, tenant_id: TenantId, place: int) -> list[StoredEvent]:
        """The next events of a business; streams at the same place share the answer."""
        key = (tenant_id, place)
        reading = self._reads.get(key)
        if reading is None:
            reading = self._reads[key] = asyncio.create_task(self._feed.read_on(tenant_id, place, _PAGE))
            reading.add_done_callback(lambda _: self._reads.pop(key, None))
        return await asyncio.shield(reading)

    async def _watch(self) -> None:
        """Wake the streams of the businesses that have news."""
        place: int | None = None
        while True:
            try:
                with postgres_errors():
                    async with self._engine.connect() as connection:
                        repository = RelayRepository(connection)
                        if place is None:
                            place = await repository.newest()
                            # Whatever came since a stream began to listen.
                            news = dict.fromkeys(self._woken, place)
                        else:
                            news = await repository.news(place, _NEWS)
            except StoreUnavailable as error:
                _log.warning("event_streams.store_lost", error=str(error))
            else:
                place = max(news.values(), default=place)
                for tenant_id in news:
                    for woken in self._woken.get(tenant_id, ()):
                        woken.set()
            await asyncio.sleep(POLL_SECONDS)


def _is_of_interest(event: StoredEvent, patterns: Sequence[str], subject: str | None) -> bool:
    is_of_type = not patterns or any(matches(pattern, event.type) for pattern in patterns)
    return is_of_type and subject in {None, event.subject}


async def wait_for_news(woken: asyncio.Event) -> float:
    """Wait for news, but look every second whether the stream is to end; the seconds of silence."""
    try:
        async with asyncio.timeout(1.0):
            await woken.wait()
    except TimeoutError:
        return 1.0
    return 0.0
