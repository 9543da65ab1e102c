"""Streams of availability: what is asked how often, and what ends a stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, cast
from uuid import uuid4

import pytest

from availability.listing import streams as module
from availability.listing.date_cache import Renderer
from availability.listing.dates import DateOffers
from availability.listing.service import ListingService
from availability.listing.streams import AvailabilityStreams, ChangedDates, FollowedListing
from availability.model import DatedAnswer, ListingQuery
from kernel.errors import NotFound, StoreUnavailable
from kernel.ids import TenantId
from tests.support.waiting import eventually

_RENDERER: Final[Renderer[DateOffers, bytes]] = Renderer(render=lambda _: b"", size_of=len)
_TENANT: Final = TenantId(uuid4())
_DAYS: Final = (b"one", b"two", b"three")


@dataclass(slots=True)
class Listing:
    """A listing that a test sets."""

    days: tuple[bytes, ...] = _DAYS
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def render(self, _tenant_id: TenantId, query: ListingQuery, _renderer: Any) -> DatedAnswer[bytes]:
        """The days, or the error."""
        self.asked.append(query.service)
        if self.error is not None:
            raise self.error
        return DatedAnswer(service=query.service, timezone="UTC", days=self.days)


@dataclass(frozen=True, slots=True)
class Shop:
    listing: Listing
    streams: AvailabilityStreams
    stack: AsyncExitStack

    async def open(self, service: str = "haircut") -> tuple[FollowedListing, asyncio.Event]:
        """One more stream, until the end of the test."""
        query = ListingQuery(service=service, first=date(2026, 12, 1), last=date(2026, 12, 3))
        return await self.stack.enter_async_context(self.streams.watching(_TENANT, query, _RENDERER))

    def follow(
        self, opened: tuple[FollowedListing, asyncio.Event], seen: str | None = None
    ) -> AsyncIterator[ChangedDates | None]:
        """What that stream is told."""
        return self.streams.follow(*opened, seen, has_ended=lambda: False)

    async def rounds(self, amount: int) -> None:
        """Wait until the listing has been asked for so much more often."""
        before = len(self.listing.asked)

        async def has_been_asked() -> bool:
            return len(self.listing.asked) >= before + amount

        await eventually(has_been_asked)


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(module, "LISTING_SECONDS", 0.001)
    listing = Listing()
    async with AsyncExitStack() as stack:
        yield Shop(listing, AvailabilityStreams(cast("ListingService", listing)), stack)


async def test_streams_that_ask_the_same_share_one_listing(shop: Shop) -> None:
    opened = [await shop.open() for _ in range(20)]
    other = await shop.open("colour")
    first = len(shop.listing.asked)
    await shop.rounds(20)

    asked = shop.listing.asked[first:]
    assert first == 2
    assert len({id(listing) for listing, _ in opened}) == 1
    assert other[0] is not opened[0][0]
    assert abs(asked.count("haircut") - asked.count("colour")) <= 1


async def test_each_stream_is_told_of_the_dates_that_changed(shop: Shop) -> None:
    told = [shop.follow(await shop.open()) for _ in range(2)]
    begun = [await anext(one) for one in told]
    shop.listing.days = (b"one", b"other", b"three")
    changed = [await anext(one) for one in told]

    assert [one and one.dates for one in begun] == [(), ()]
    assert [one and one.dates for one in changed] == [(date(2026, 12, 2),)] * 2
    assert begun[0] != changed[0]


async def test_client_that_saw_another_state_is_told_of_all_dates(shop: Shop) -> None:
    begun = await anext(shop.follow(await shop.open()))
    assert begun is not None
    same = await anext(shop.follow(await shop.open(), begun.state))
    another = await anext(shop.follow(await shop.open(), "another"))

    assert same == begun
    assert another is not None
    assert another.dates == (date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 3))


async def test_store_that_is_away_ends_no_stream_and_hides_no_change(shop: Shop) -> None:
    told = shop.follow(await shop.open())
    await anext(told)
    shop.listing.error = StoreUnavailable("away")
    await shop.rounds(2)
    shop.listing.days, shop.listing.error = (b"other", b"two", b"three"), None
    changed = await anext(told)

    assert changed is not None
    assert changed.dates == (date(2026, 12, 1),)


@pytest.mark.parametrize("error", [NotFound("archived"), ZeroDivisionError("a fault of ours")])
async def test_listing_that_is_refused_or_fails_ends_its_streams(shop: Shop, error: Exception) -> None:
    told = shop.follow(await shop.open())
    await anext(told)
    shop.listing.error = error
    with pytest.raises(StopAsyncIteration):
        await anext(told)


async def test_client_that_comes_again_before_others_have_left_a_listing_that_ended_is_refused(shop: Shop) -> None:
    listing, _ = await shop.open()
    shop.listing.error = NotFound("No service has this name.")

    async def has_ended() -> bool:
        return listing.has_ended

    await eventually(has_ended)

    with pytest.raises(NotFound):
        await shop.open()
    shop.listing.error = None
    assert (await shop.open())[0] is not listing


async def test_nothing_is_listed_without_streams(shop: Shop) -> None:
    opened = await shop.open()
    await shop.rounds(2)
    (watcher,) = [task for task in asyncio.all_tasks() if task.get_name() == "availability streams"]
    await shop.stack.aclose()
    with pytest.raises(asyncio.CancelledError):
        await watcher
    asked = len(shop.listing.asked)
    await shop.open()

    assert opened[0].streams == set()
    assert len(shop.listing.asked) == asked + 1
