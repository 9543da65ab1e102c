"""Holds placed by hand: staff-days with the bitmaps a test needs, and what is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from availability.rules.sessions import SessionMinutes
from availability.state.bitmap_cache import BitmapCache, StaffDay
from availability.state.encoding import encode_day
from holds.store import Candidate, CandidateClaim, HoldRecord, HoldStore, Placement, Reply, ScriptAnswer
from kernel.ids import HoldId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number, utc_days
from tests.support.redis_time import let_pass

TENANT: Final = TenantId(UUID(int=1))
NOA: Final = ResourceId("res_noa")
DAN: Final = ResourceId("res_dan")
MINE: Final = HoldId("hld_mine")
YOURS: Final = HoldId("hld_yours")
DAY: Final = day_number(date(2026, 12, 1))
TTL_MS: Final = 300_000


def at(clock: str, day: int = DAY) -> Minute:
    """The minute of the UTC day that a clock shows as hh:mm."""
    hours, minutes = clock.split(":")
    return day * MINUTES_PER_DAY + int(hours) * 60 + int(minutes)


def span(first: str, end: str) -> Span:
    """A span of DAY by the clock; an end that is not after the start is on the next day."""
    start, stop = at(first), at(end)
    return Span(start, stop if stop > start else stop + MINUTES_PER_DAY)


def wanted(
    resource_id: ResourceId, when: Span, *, lanes: int = 1, offered: int | None = None, count: int = 1
) -> CandidateClaim:
    """A claim of `count` lanes of a resource whose bitmaps have `lanes`."""
    return CandidateClaim(
        resource_id=resource_id,
        lane_count=lanes,
        capacity=lanes if offered is None else offered,
        count=count,
        span=when,
    )


def either(*claims: CandidateClaim) -> tuple[Candidate, ...]:
    """One candidate for each claim, named for its resource."""
    return tuple(Candidate(choice=claim.resource_id, claims=(claim,)) for claim in claims)


def both(*claims: CandidateClaim) -> tuple[Candidate, ...]:
    """One candidate that needs all the claims."""
    return (Candidate(choice="together", claims=claims),)


@dataclass(frozen=True, slots=True)
class Board:
    """A business in Redis."""

    redis: Redis
    store: HoldStore
    cache: BitmapCache
    version: str
    """Of its catalogue."""

    async def fill(
        self,
        resource_id: ResourceId,
        *days: int,
        taken: Sequence[Sequence[Span]] = ((),),
        time_off: Sequence[Span] = (),
        sessions: Sequence[SessionMinutes] | None = None,
    ) -> None:
        """Cache the resource's days: with one lane for each sequence of claims; if it is exclusive, with `sessions`."""
        staff_days = [(resource_id, day) for day in days or (DAY,)]
        versions = await self.cache.versions(TENANT, staff_days)
        bitmaps = {staff_day: encode_day(staff_day[1], time_off, taken, sessions) for staff_day in staff_days}
        report = await self.cache.fill(TENANT, versions, bitmaps)
        assert report.refused == 0, "nothing changed in between"

    def asked(self, candidates: Sequence[Candidate], hold_id: HoldId = MINE) -> Placement:
        """A plain request; tests replace what they are about."""
        return Placement(
            hold_id=hold_id,
            catalogue_version=self.version,
            ttl_ms=TTL_MS,
            longest_ms=4 * TTL_MS,
            client=None,
            most_per_client=3,
            fingerprint=f"wish-of-{hold_id}",
            replaces=None,
            pinned=False,
            body='{"service": "svc_any"}',
            candidates=candidates,
        )

    async def place(self, candidates: Sequence[Candidate], hold_id: HoldId = MINE, **changes: object) -> ScriptAnswer:
        """Place a plain request with some fields changed."""
        return await self.store.place(TENANT, replace(self.asked(candidates, hold_id), **changes))  # type: ignore[arg-type]

    async def held(self, *staff_days: StaffDay) -> set[tuple[HoldId, int, Span]]:
        """Who holds which lane and when, as the listing sees it."""
        cached = await self.cache.read(TENANT, staff_days or [(NOA, DAY)])
        return {(entry.hold_id, entry.lane, entry.span) for entries in cached.held.values() for entry in entries}

    async def let_pass(self, milliseconds: int, hold_id: HoldId = MINE) -> None:
        """Let time pass for one hold."""
        await let_pass(self.redis, TENANT, hold_id, milliseconds)

    async def record(self, hold_id: HoldId = MINE) -> HoldRecord:
        """What Redis says of a hold that there is."""
        answer = await self.store.read(TENANT, hold_id)
        assert answer.reply is Reply.HOLD, f"there is no hold {hold_id}"
        assert answer.record is not None
        return answer.record


def days_of(resource_id: ResourceId, when: Span) -> list[StaffDay]:
    """The staff-days that a span touches."""
    return [(resource_id, day) for day in utc_days(when)]
