"""Streams of availability: how a process learns that what is free has changed, for all who ask the same at once.

A listing whose inputs have not changed is one question to Redis and a comparison (availability.listing.date_cache), and
it notices every cause: bookings, holds and their ends, time off, the catalogue, the clock. So a process with streams
lists again and again what they ask for, and nobody who books or holds has to tell anybody.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final

import structlog

from availability.listing.date_cache import Renderer
from availability.listing.dates import DateOffers
from availability.listing.service import ListingService
from availability.model import ListingQuery
from availability.search_thread import SearchThreadBusy
from events.open_streams import HEARTBEAT_SECONDS
from events.streams import wait_for_news
from kernel.errors import DomainError, StoreUnavailable
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable

LISTING_SECONDS: Final = 0.5
"""The pause of a business between two rounds of its listings."""
SHORTEST_REST_SECONDS: Final = 0.01
"""After each listing of a process, be it of another business: so it makes 100 a second at most."""
# A listing that had to search rests others for longer, so that all of them take a fifth of the time at most, ...
_RESTS: Final = 4
# ... but not for so long that others would seem to be dead: long searches run in another thread.
_LONGEST_REST_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False, kw_only=True)
class FollowedListing:
    """A listing that streams wait for changes of."""

    query: ListingQuery
    renderer: Renderer[DateOffers, bytes]
    days: tuple[bytes, ...]
    """Each date as it was answered last, or a digest of it."""
    state: str
    """A name for `days`, the same in every process."""
    streams: set[asyncio.Event] = field(default_factory=set)
    """One for each stream, set whenever the listing has changed."""
    has_ended: bool = False
    """True if the listing is refused by now: its service is archived, say."""

    def change(self, days: tuple[bytes, ...]) -> None:
        """Take another answer, and tell the streams."""
        self.days, self.state = days, _state(days)
        self.wake()

    def wake(self) -> None:
        """Tell the streams."""
        for woken in self.streams:
            woken.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDates:
    """The dates for which a listing has another answer than before."""

    dates: tuple[date, ...]
    """None, at the beginning of a stream whose client has missed nothing."""
    state: str
    """A name for the listing as it is now; a client that was cut off says which it saw last."""


class AvailabilityStreams:
    """The streams of a process. One watcher for each business serves all of its streams, while there are any."""

    def __init__(self, listing: ListingService) -> None:
        self._listing = listing
        self._listings: defaultdict[TenantId, dict[str, FollowedListing]] = defaultdict(dict)
        self._watchers: dict[TenantId, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def watching(
        self, tenant_id: TenantId, query: ListingQuery, renderer: Renderer[DateOffers, bytes]
    ) -> AsyncIterator[tuple[FollowedListing, asyncio.Event]]:
        """The listing, and an event that is set whenever it has changed, while the block lasts.

        Raises as `ListingService.render`.
        """
        name = repr((query, id(renderer)))
        if self._live(tenant_id, name) is None:
            try:
                days = (await self._listing.render(tenant_id, query, renderer)).days
            except BaseException:
                self._forget(tenant_id, name)
                raise
            # Another one may have asked the same meanwhile.
            if self._live(tenant_id, name) is None:
                self._listings[tenant_id][name] = FollowedListing(
                    query=query, renderer=renderer, days=days, state=_state(days)
                )
        listing, woken = self._listings[tenant_id][name], asyncio.Event()
        listing.streams.add(woken)
        if tenant_id not in self._watchers:
            self._watchers[tenant_id] = asyncio.create_task(self._watch(tenant_id), name="availability streams")
        try:
            yield listing, woken
        finally:
            listing.streams.discard(woken)
            self._forget(tenant_id, name)

    async def follow(
        self, listing: FollowedListing, woken: asyncio.Event, seen: str | None, *, has_ended: Callable[[], bool]
    ) -> AsyncIterator[ChangedDates | None]:
        """Each change of a listing as it comes, and None for each stretch of silence, until `has_ended`.

        It begins with a message that says where it begins; it names every date if the client has `seen` another state.
        """
        days, silent = listing.days, 0.0
        dates = _dates(listing.query, range(len(days))) if seen not in {None, listing.state} else ()
        yield ChangedDates(dates=dates, state=listing.state)
        while not has_ended() and not listing.has_ended:
            woken.clear()
            former, days = days, listing.days
            if days != former:
                silent = 0.0
                changed = [place for place, day in enumerate(days) if day != former[place]]
                yield ChangedDates(dates=_dates(listing.query, changed), state=listing.state)
                continue
            silent += await wait_for_news(woken)
            if silent >= HEARTBEAT_SECONDS:
                silent = 0.0
                yield None

    def _live(self, tenant_id: TenantId, name: str) -> FollowedListing | None:
        """The listing with that name; one that has ended is there until its last stream has left, and serves nobody."""
        listing = self._listings[tenant_id].get(name)
        return None if listing is None or listing.has_ended else listing

    def _forget(self, tenant_id: TenantId, name: str) -> None:
        """Watch no listing, and no business, that no stream is left for."""
        listings: Mapping[str, FollowedListing] = self._listings[tenant_id]
        if name in listings and not listings[name].streams:
            del self._listings[tenant_id][name]
        if not self._listings[tenant_id]:
            del self._listings[tenant_id]
            watcher = self._watchers.pop(tenant_id, None)
            if watcher is not None:
                watcher.cancel()

    async def _watch(self, tenant_id: TenantId) -> None:
        """List what the streams of a business ask for, again and again."""
        try:
            while True:
                await asyncio.sleep(LISTING_SECONDS)
                for listing in list(self._listings[tenant_id].values()):
                    async with self._turn:
                        begun = time.monotonic()
                        await self._look(tenant_id, listing)
                        rest = _RESTS * (time.monotonic() - begun)
                        await asyncio.sleep(min(max(rest, SHORTEST_REST_SECONDS), _LONGEST_REST_SECONDS))
        finally:
            # Whatever ended it: a stream that nobody serves would be silent for ever.
            if self._watchers.get(tenant_id) is asyncio.current_task():
                del self._watchers[tenant_id]
                for listing in self._listings[tenant_id].values():
                    listing.has_ended = True
                    listing.wake()

    async def _look(self, tenant_id: TenantId, listing: FollowedListing) -> None:
        try:
            days = (await self._listing.render(tenant_id, listing.query, listing.renderer)).days
        except (StoreUnavailable, RedisUnavailable, SearchThreadBusy) as error:
            _log.debug("availability_streams.not_listed", error=str(error))
        except DomainError:
            # Its client connects again, and is told why.
            listing.has_ended = True
            listing.wake()
        else:
            # Mostly the very same objects, so that this compares no bytes.
            if days != listing.days:
                listing.change(days)


def _dates(query: ListingQuery, places: Iterable[int]) -> tuple[date, ...]:
    return tuple([query.first + timedelta(days=place) for place in places])


def _state(days: tuple[bytes, ...]) -> str:
    return blake2b(b"\n".join(days), digest_size=12).hexdigest()
