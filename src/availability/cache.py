"""The bitmaps of staff-days, and the holds on them, as Redis keeps them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
        """The bitmaps and live holds of the staff-days, in one round trip.

        Holds are read before bitmaps in the same transaction, so a slot that is being settled is seen held or taken.
        """
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.time()
                pipeline.get(keys.catalogue(tenant_id))
                if staff_days:
                    pipeline.mget([keys.held(tenant_id, *staff_day) for staff_day in staff_days])
                    pipeline.mget([keys.clear(tenant_id, *staff_day) for staff_day in staff_days])
                time, version, *lists = await pipeline.execute()
        held, bitmaps = lists or ([], [])
        now_ms = time[0] * 1000 + time[1] // 1000
        return CachedDays(
            now_ms=now_ms,
            catalogue_version=version.decode() if version else None,
            bitmaps=dict(zip(staff_days, bitmaps, strict=True)),
            held={
                staff_day: tuple(_live(text.decode(), now_ms))
                for staff_day, text in zip(staff_days, held, strict=True)
                if text
            },
        )

    async def versions(self, tenant_id: TenantId, staff_days: Sequence[StaffDay] = ()) -> Versions:
        """The versions to read before Postgres is read; absent ones are made."""
        arguments = [keys.prefix(tenant_id), *_flat(staff_days)]
        with redis_errors():
            reply = await lua.call(self._redis, "day_versions", [keys.catalogue(tenant_id)], arguments)
        _, now, catalogue, *days = reply
        return Versions(read_at_ms=int(now), catalogue=catalogue, days=dict(zip(staff_days, days, strict=True)))

    async def fill(self, tenant_id: TenantId, versions: Versions, bitmaps: Mapping[StaffDay, bytes]) -> FillReport:
        """Store what was read from Postgres after `versions` were read; what changed since is refused."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), versions.read_at_ms, OLDEST_FILL_MS, BITMAP_MS]
        for staff_day, bitmap in bitmaps.items():
            arguments += [*staff_day, versions.days[staff_day], bitmap]
        with redis_errors():
            _, stored, refused = await lua.call(self._redis, "day_fill", [keys.catalogue(tenant_id)], arguments)
        return FillReport(stored=int(stored), refused=int(refused))

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

    async def _invalidate(
        self,
        tenant_id: TenantId,
        operation_id: OperationId | None,
        mode: str,
        *,
        catalogue: bool,
        staff_days: Iterable[StaffDay],
    ) -> bool:
        arguments: list[lua.Argument] = [
            keys.prefix(tenant_id),
            operation_id or "",
            mode,
            OPERATION_MS,
            int(catalogue),
            *_flat(staff_days),
        ]
        with redis_errors():
            reply = await lua.call(self._redis, "day_invalidate", [keys.catalogue(tenant_id)], arguments)
        return reply[0] == "DONE"


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
