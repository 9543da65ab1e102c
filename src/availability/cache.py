"""The bitmaps of staff-days, and the holds on them, as Redis keeps them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from redis.asyncio import Redis

from kernel.ids import HoldId, OperationId, ResourceId, TenantId
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
# The invalidator reads a row within seconds; an hour covers its absence. A forgotten operation only costs one refill.
OPERATION_MS: Final = 3_600_000
# Staff-days in one script or command: a listing of twenty resources for two months fits, and Redis is not busy long.
STAFF_DAYS_AT_ONCE: Final = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lane's minutes that a live hold keeps from others, and when by Redis' clock it ends."""

    hold_id: HoldId
    lane: int
    span: Span
    deadline_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedDays:
    """What Redis said of some staff-days at one instant."""

    now_ms: int
    catalogue_version: str | None
    bitmaps: Mapping[StaffDay, bytes | None]
    """None: not cached."""
    held: Mapping[StaffDay, tuple[Held, ...]]
    """Live holds only; staff-days without any are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What a fill must have read before it read Postgres."""

    read_at_ms: int
    catalogue: str
    days: Mapping[StaffDay, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    """How many bitmaps were stored, and how many were refused because something had changed."""

    stored: int
    refused: int


class AvailabilityCache:
    """Every method raises RedisUnavailable when Redis does not answer; all of them may be repeated."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> CachedDays:
        """The bitmaps and live holds of the staff-days; of most questions in one round trip.

        Those of one staff-day are of one instant, so a slot that is being settled is seen held or taken.
        """
        split = list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]
        first, *others = pieces = [await self._read(tenant_id, piece) for piece in split]
        same = all(piece.catalogue_version == first.catalogue_version for piece in others)
        return CachedDays(
            now_ms=first.now_ms,
            # Two answers that are not of one catalogue are of none that the caller can know.
            catalogue_version=first.catalogue_version if same else None,
            bitmaps={staff_day: bitmap for piece in pieces for staff_day, bitmap in piece.bitmaps.items()},
            held={staff_day: held for piece in pieces for staff_day, held in piece.held.items()},
        )

    async def _read(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> CachedDays:
        arguments = [keys.prefix(tenant_id), *_flat(staff_days)]
        with redis_errors():
            reply = await lua.call_raw(self._redis, "day_read", [keys.catalogue(tenant_id)], arguments)
        _, now, version, *values = reply
        now_ms = int(now)
        return CachedDays(
            now_ms=now_ms,
            catalogue_version=version.decode() or None,
            bitmaps={staff_day: bitmap or None for staff_day, bitmap in zip(staff_days, values[1::2], strict=True)},
            held={
                staff_day: tuple(_live(text.decode(), now_ms))
                for staff_day, text in zip(staff_days, values[::2], strict=True)
                if text
            },
        )

    async def versions(self, tenant_id: TenantId, staff_days: Sequence[StaffDay] = ()) -> Versions:
        """The versions to read before Postgres is read; absent ones are made."""
        answers: list[tuple[int, str]] = []
        days: dict[StaffDay, str] = {}
        for piece in list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]:
            arguments = [keys.prefix(tenant_id), *_flat(piece)]
            with redis_errors():
                reply = await lua.call(self._redis, "day_versions", [keys.catalogue(tenant_id)], arguments)
            _, now, catalogue, *found = reply
            answers.append((int(now), catalogue))
            days.update(zip(piece, found, strict=True))
        read_at_ms, catalogue = answers[0]
        return Versions(read_at_ms=read_at_ms, catalogue=catalogue, days=days)

    async def fill(self, tenant_id: TenantId, versions: Versions, bitmaps: Mapping[StaffDay, bytes]) -> FillReport:
        """Store what was read from Postgres after `versions` were read; what changed since is refused."""
        report = FillReport(stored=0, refused=0)
        for piece in batched(bitmaps.items(), STAFF_DAYS_AT_ONCE):
            arguments: list[lua.Argument] = [keys.prefix(tenant_id), versions.read_at_ms, OLDEST_FILL_MS, BITMAP_MS]
            for staff_day, bitmap in piece:
                arguments += [*staff_day, versions.days[staff_day], bitmap]
            with redis_errors():
                _, stored, refused = await lua.call(self._redis, "day_fill", [keys.catalogue(tenant_id)], arguments)
            report = FillReport(stored=report.stored + int(stored), refused=report.refused + int(refused))
        return report

    async def settle(
        self, tenant_id: TenantId, operation_id: OperationId, *, catalogue: bool, staff_days: Iterable[StaffDay]
    ) -> None:
        """Forget at once what the engine's own committed operation made untrue. One call says all of the operation."""
        await self._invalidate(tenant_id, operation_id, "settle", catalogue=catalogue, staff_days=staff_days)

    async def invalidate(
        self, tenant_id: TenantId, operation_id: OperationId | None, *, catalogue: bool, staff_days: Iterable[StaffDay]
    ) -> bool:
        """Forget what a committed change made untrue; False when its own writer had settled it already."""
        return await self._invalidate(tenant_id, operation_id, "invalidate", catalogue=catalogue, staff_days=staff_days)

    async def settled(self, tenant_id: TenantId, operation_ids: Sequence[OperationId]) -> set[OperationId]:
        """Those of the operations that their own writers have settled, all in one question."""
        if not operation_ids:
            return set()
        with redis_errors():
            marks = await self._redis.mget([keys.operation(tenant_id, one) for one in operation_ids])
        return {one for one, mark in zip(operation_ids, marks, strict=True) if mark is not None}

    async def _invalidate(
        self,
        tenant_id: TenantId,
        operation_id: OperationId | None,
        mode: str,
        *,
        catalogue: bool,
        staff_days: Iterable[StaffDay],
    ) -> bool:
        """In pieces, so that Redis is free for others in between. An operation is settled once the last is said."""
        pieces = list(batched(staff_days, STAFF_DAYS_AT_ONCE)) or [()]
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            arguments: list[lua.Argument] = [
                keys.prefix(tenant_id),
                operation_id or "",
                "begin" if mode == "settle" and not last else mode,
                OPERATION_MS,
                int(catalogue and last),
                *_flat(piece),
            ]
            with redis_errors():
                reply = await lua.call(self._redis, "day_invalidate", [keys.catalogue(tenant_id)], arguments)
            if reply[0] == "SETTLED":
                return False
        return True


_Item = TypeVar("_Item")


def batched(items: Iterable[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    """The items in pieces of that size; the last may be shorter."""
    rest = iter(items)
    while piece := tuple(islice(rest, size)):
        yield piece


def _flat(staff_days: Iterable[StaffDay]) -> list[lua.Argument]:
    return [part for staff_day in staff_days for part in staff_day]


def _live(entries: str, now_ms: int) -> Iterator[Held]:
    """The entries of a held:* list (lua/shared/holds.lua) that are alive."""
    for entry in entries.split():
        hold_id, lane, start, end, deadline = entry.split(":")
        if int(deadline) > now_ms:
            yield Held(
                hold_id=HoldId(hold_id), lane=int(lane), span=Span(int(start), int(end)), deadline_ms=int(deadline)
            )
