"""The cached bitmaps of staff-days, and the holds on them, in Redis."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from redis.asyncio import Redis

from kernel.ids import CommitId, HoldId, ResourceId, TenantId
from kernel.spans import Span
from persistence import keys, lua
from persistence.errors import redis_errors

StaffDay = tuple[ResourceId, int]
"""A resource and a UTC day, counted from 1970-01-01 = 0."""

# A fill older than this is refused. Versions live a day, so a version that a fill has read cannot have been lost and
# made anew without the fill being too old.
OLDEST_FILL_MS: Final = 30_000
# A bitmap nobody invalidates stays right; it is dropped after a day so that forgotten days do not fill the memory.
BITMAP_MS: Final = 86_400_000
# Room for the cached days of one business, their keys included: two months of 600 resources of one place, say.
BUSINESS_BYTES: Final = 32 * 1024 * 1024
# Beyond that, what a hold needs is kept until the hold was placed, which follows within milliseconds, ...
PASSING_MS: Final = 10_000
# ... and versions longer than the oldest fill that is taken.
PASSING_VERSION_MS: Final = 4 * OLDEST_FILL_MS
# The invalidator reads a row within seconds; an hour covers its absence. A forgotten commit only costs one refill.
COMMIT_MS: Final = 3_600_000
# Staff-days in one script or command: a listing of twenty resources for two months fits, and Redis is not busy long.
STAFF_DAYS_AT_ONCE: Final = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLane:
    """A lane's minutes that a live hold keeps from others, and when by Redis' clock it ends."""

    hold_id: HoldId
    lane: int
    span: Span
    deadline_ms: int
    session: str | None = None
    """Name of its session on an exclusive resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffDayBlock:
    """Staff-days to be read: each of the resources on each of the days."""

    resource_ids: tuple[ResourceId, ...]
    days: range
    pieces: tuple[tuple[str, str], ...]
    """Days and resources as the script is told them, spelled once: no piece has more than STAFF_DAYS_AT_ONCE.

    The places of staff-days go through the days, and on each day through the resources.
    """


class CachedBlock(NamedTuple):
    """The answer of Redis for a block."""

    catalogue_version: str | None
    bitmaps: Sequence[bytes]
    """The bitmaps of each staff-day, in the order of the block; empty: not cached."""
    held: "tuple[tuple[int, HeldLane], ...]"
    """Live holds only, with the places of their staff-days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedDays:
    """The answer of Redis for some staff-days, as of one instant."""

    now_ms: int
    catalogue_version: str | None
    bitmaps: Mapping[StaffDay, bytes | None]
    """None: not cached."""
    held: Mapping[StaffDay, tuple[HeldLane, ...]]
    """Live holds only; staff-days without any are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The versions that a fill reads before it reads Postgres."""

    read_at_ms: int
    catalogue: str
    days: Mapping[StaffDay, str]
    """Staff-days that are not to be filled, because the business has no room left, are not among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    """The number of bitmaps stored, of those refused because something had changed, and of those without room."""

    stored: int
    refused: int
    no_room: int = 0


class BitmapCache:
    """Every method raises RedisUnavailable when Redis does not answer; all of them may be repeated."""

    def __init__(self, redis: Redis, *, most_bytes: int = BUSINESS_BYTES) -> None:
        """`most_bytes` of each business are cached at once, keys included, as lua/day_fill.lua counts them."""
        self._redis = redis
        self._most_bytes = most_bytes

    async def read(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> CachedDays:
        """The bitmaps and live holds of the staff-days; of most questions in one round trip.

        Those of one staff-day are of one instant, so a slot that is being settled is seen held or taken.
        """
        pieces = [
            await self._read(tenant_id, [(str(day), resource_id) for resource_id, day in some])
            for some in list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]
        ]
        held: defaultdict[StaffDay, list[HeldLane]] = defaultdict(list)
        for first, piece in zip(range(0, len(staff_days), STAFF_DAYS_AT_ONCE), pieces, strict=False):
            for place, entry in piece.held:
                held[staff_days[first + place]].append(entry)
        found = (bitmaps for piece in pieces for bitmaps in piece.bitmaps)
        return CachedDays(
            now_ms=pieces[0].now_ms,
            catalogue_version=_common_version(pieces),
            bitmaps={staff_day: bitmaps or None for staff_day, bitmaps in zip(staff_days, found, strict=True)},
            held={staff_day: tuple(entries) for staff_day, entries in held.items()},
        )

    async def read_block(self, tenant_id: TenantId, block: StaffDayBlock, *, with_held: bool = True) -> CachedBlock:
        """The bitmaps and live holds of a block, for listings: only holds are decoded one by one."""
        first, *others = [await self._read(tenant_id, [piece], with_held=with_held) for piece in block.pieces]
        if not others:
            return CachedBlock(first.catalogue_version, first.bitmaps, first.held)
        bitmaps, held = first.bitmaps, list(first.held)
        for piece in others:
            held += ((len(bitmaps) + place, entry) for place, entry in piece.held)
            bitmaps += piece.bitmaps
        return CachedBlock(_common_version([first, *others]), bitmaps, tuple(held))

    async def _read(self, tenant_id: TenantId, asked: Iterable[tuple[str, str]], *, with_held: bool = True) -> "_Piece":
        wanted = "all" if with_held else "claims"
        arguments = [keys.prefix(tenant_id), wanted, *(words for piece in asked for words in piece)]
        reply = await lua.call_raw(self._redis, "day_read", [keys.catalogue(tenant_id)], arguments)
        now_ms, after_held = int(reply[1]), 4 + 2 * int(reply[3])
        return _Piece(
            now_ms=now_ms,
            catalogue_version=reply[2].decode() or None,
            bitmaps=reply[after_held:],
            held=tuple(
                (int(reply[at]), entry)
                for at in range(4, after_held, 2)
                for entry in _entries(reply[at + 1])
                if entry.deadline_ms > now_ms
            ),
        )

    async def versions(
        self, tenant_id: TenantId, staff_days: Sequence[StaffDay] = (), *, needed: bool = True
    ) -> Versions:
        """The versions to read before Postgres is read; absent ones are made.

        Beyond the room of the business only if they are `needed`, and for a moment.
        """
        answers: list[tuple[int, str]] = []
        days: dict[StaffDay, str] = {}
        for piece in list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]:
            passing_ms = PASSING_VERSION_MS if needed else 0
            arguments = [keys.prefix(tenant_id), self._most_bytes, passing_ms, *_flat(piece)]
            reply = await lua.call(self._redis, "day_versions", [keys.catalogue(tenant_id)], arguments)
            _, now, catalogue, *found = reply
            answers.append((int(now), catalogue))
            days.update((staff_day, version) for staff_day, version in zip(piece, found, strict=True) if version)
        read_at_ms, catalogue = answers[0]
        return Versions(read_at_ms=read_at_ms, catalogue=catalogue, days=days)

    async def fill(
        self, tenant_id: TenantId, versions: Versions, bitmaps: Mapping[StaffDay, bytes], *, needed: bool = True
    ) -> FillReport:
        """Store what was read from Postgres after `versions` were read; what changed since is refused.

        Beyond the room of the business only if it is `needed`, and for a moment.
        """
        admitted = [one for one in bitmaps.items() if one[0] in versions.days]
        report = FillReport(stored=0, refused=0, no_room=len(bitmaps) - len(admitted))
        limits = [OLDEST_FILL_MS, BITMAP_MS, self._most_bytes, PASSING_MS if needed else 0]
        for piece in batched(admitted, STAFF_DAYS_AT_ONCE):
            arguments: list[lua.Argument] = [keys.prefix(tenant_id), versions.read_at_ms, *limits]
            for staff_day, bitmap in piece:
                arguments += [*staff_day, versions.days[staff_day], bitmap]
            reply = await lua.call(self._redis, "day_fill", [keys.catalogue(tenant_id)], arguments)
            stored, refused, no_room = map(int, reply[1:])
            report = FillReport(
                stored=report.stored + stored, refused=report.refused + refused, no_room=report.no_room + no_room
            )
        return report

    async def cached_bytes(self, tenant_id: TenantId) -> int:
        """The bytes that the cached days of the business take, as they are counted against its room."""
        with redis_errors():
            counted = await self._redis.get(keys.cached(tenant_id))
        return int(counted or 0)

    async def settle(
        self, tenant_id: TenantId, commit_id: CommitId, *, catalogue: bool, staff_days: Iterable[StaffDay]
    ) -> None:
        """Forget at once what the engine's own committed commit made untrue. One call says all of the commit."""
        await self._invalidate(tenant_id, commit_id, "settle", catalogue=catalogue, staff_days=staff_days)

    async def invalidate(
        self, tenant_id: TenantId, commit_id: CommitId | None, *, catalogue: bool, staff_days: Iterable[StaffDay]
    ) -> bool:
        """Forget what a committed change made untrue; False when its own writer had settled it already."""
        return await self._invalidate(tenant_id, commit_id, "invalidate", catalogue=catalogue, staff_days=staff_days)

    async def settled_commits(self, tenant_id: TenantId, commit_ids: Sequence[CommitId]) -> set[CommitId]:
        """The commits that their own writers have settled, in one round trip."""
        if not commit_ids:
            return set()
        with redis_errors():
            marks = await self._redis.mget([keys.commit(tenant_id, one) for one in commit_ids])
        return {one for one, mark in zip(commit_ids, marks, strict=True) if mark is not None}

    async def _invalidate(
        self,
        tenant_id: TenantId,
        commit_id: CommitId | None,
        mode: str,
        *,
        catalogue: bool,
        staff_days: Iterable[StaffDay],
    ) -> bool:
        """In pieces, so that Redis is free for others in between. A commit is settled once the last is said."""
        pieces = list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            arguments: list[lua.Argument] = [
                keys.prefix(tenant_id),
                commit_id or "",
                "begin" if mode == "settle" and not last else mode,
                COMMIT_MS,
                int(catalogue and last),
                *_flat(piece),
            ]
            reply = await lua.call(self._redis, "day_invalidate", [keys.catalogue(tenant_id)], arguments)
            if reply[0] == "SETTLED":
                return False
        return True


def block_of(resource_ids: Sequence[ResourceId], days: range) -> StaffDayBlock:
    """The block of these resources and days."""
    pieces: list[tuple[str, str]] = []
    if len(resource_ids) <= STAFF_DAYS_AT_ONCE:
        words = " ".join(resource_ids)
        at_once = STAFF_DAYS_AT_ONCE // max(len(resource_ids), 1)
        pieces += ((" ".join(map(str, some)), words) for some in batched(days, at_once))
    else:
        some_resources = [" ".join(some) for some in batched(resource_ids, STAFF_DAYS_AT_ONCE)]
        pieces += ((str(day), words) for day in days for words in some_resources)
    # Where there are no staff-days, the version of the catalogue is asked for all the same.
    return StaffDayBlock(resource_ids=tuple(resource_ids), days=days, pieces=tuple(pieces) or (("", ""),))


_Item = TypeVar("_Item")


def batched(items: Iterable[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    """The items in pieces of that size; the last may be shorter."""
    rest = iter(items)
    while piece := tuple(islice(rest, size)):
        yield piece


def _flat(staff_days: Iterable[StaffDay]) -> list[lua.Argument]:
    return [part for staff_day in staff_days for part in staff_day]


class _Piece(NamedTuple):
    """The answer of one script."""

    now_ms: int
    catalogue_version: str | None
    bitmaps: list[bytes]
    held: tuple[tuple[int, HeldLane], ...]


def _common_version(pieces: Sequence[_Piece]) -> str | None:
    """Answers that are not of one catalogue are of none that the caller can know."""
    version = pieces[0].catalogue_version
    return version if all(piece.catalogue_version == version for piece in pieces) else None


# What stands in a list and is no entry counts for nothing.
_ENTRY: Final = re.compile(r"(?<!\S)([^\s:]+):(\d+):(\d+):(\d+)(?::([^\s:]+@\d+))?:(\d+)(?!\S)")


# A list is read again and again until it changes; one has a handful of entries.
@lru_cache(maxsize=4096)
def _entries(text: bytes) -> tuple[HeldLane, ...]:
    """The entries of a held:* list (lua/shared/holds.lua), be they alive or not."""
    return tuple(
        HeldLane(
            hold_id=HoldId(hold_id),
            lane=int(lane),
            span=Span(int(start), int(end)),
            deadline_ms=int(deadline),
            session=session or None,
        )
        for hold_id, lane, start, end, session, deadline in _ENTRY.findall(text.decode(errors="replace"))
    )
