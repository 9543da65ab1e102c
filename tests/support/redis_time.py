"""Time that passes for a hold in Redis without anybody waiting: its instants are moved into the past instead."""

from typing import Final

from redis.asyncio import Redis

from kernel.ids import HoldId, TenantId
from persistence import keys

_INSTANTS: Final = ("deadline", "limit", "pinned_until")


async def let_pass(redis: Redis, tenant_id: TenantId, hold_id: HoldId, milliseconds: int) -> None:
    """Leave the hold as it is that much later: in its record, and in every list that it stands in.

    The lists stay, with entries whose deadline has passed: a script has to see by itself that they count for nothing.
    """
    record = keys.hold(tenant_id, hold_id)
    for name in _INSTANTS:
        instant = await redis.hget(record, name)
        assert instant is not None, "there is such a hold"
        await redis.hset(record, name, str(int(instant) - milliseconds))
    await redis.pexpire(record, await redis.pttl(record) - milliseconds)
    if await redis.zscore(keys.live(tenant_id), hold_id) is not None:
        await redis.zincrby(keys.live(tenant_id), -milliseconds, hold_id)
    async for budget in redis.scan_iter(f"{keys.prefix(tenant_id)}budget:*"):
        if await redis.zscore(budget, hold_id) is not None:
            await redis.zincrby(budget, -milliseconds, hold_id)
    for name in ("held", "client"):
        async for key in redis.scan_iter(f"{keys.prefix(tenant_id)}{name}:*"):
            text = await redis.get(key)
            assert isinstance(text, bytes), "nobody else is at work"
            entries = text.decode().split()
            moved = [_earlier(entry, milliseconds) if entry.startswith(f"{hold_id}:") else entry for entry in entries]
            await redis.set(key, " ".join(moved), keepttl=True)


def _earlier(entry: str, milliseconds: int) -> str:
    fields, deadline = entry.rsplit(":", 1)
    return f"{fields}:{int(deadline) - milliseconds}"
