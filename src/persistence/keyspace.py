"""Keys of the engine in Redis, a batch at a time."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from kernel.ids import TenantId
from persistence import keys
from persistence.errors import redis_errors

# Keys read before anything is done with them: so many that the keys of a business come together, and a few megabytes.
BATCH: Final = 20_000
# Places that Redis looks at in one go; others wait for less than a millisecond.
_SCAN_COUNT: Final = 1000
_KEY: Final = re.compile(r"hf:\{([0-9a-f]{32})\}:(\w+):(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, taken apart (see persistence.keys)."""

    tenant_id: TenantId
    kind: str
    """Such as `clear` or `held`."""
    name: str
    """The rest, after the kind."""


async def scan(redis: Redis, *, kind: str = "*") -> AsyncIterator[list[Key]]:
    """Every key with a kind and a name, of all businesses, or those of one kind. Raises RedisUnavailable.

    A key that is there from the beginning to the end is found at least once, others perhaps.
    """
    batch: list[Key] = []
    with redis_errors():
        async for raw in redis.scan_iter(match=f"hf:{{*}}:{kind}:*", count=_SCAN_COUNT):
            found = _KEY.fullmatch(raw.decode(errors="replace"))
            if found is not None:
                batch.append(Key(tenant_id=TenantId(UUID(found[1])), kind=found[2], name=found[3]))
            if len(batch) >= BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


async def delete_keys_of(redis: Redis, tenant_id: TenantId) -> None:
    """Delete every key of a business that is there from the beginning to the end. Raises RedisUnavailable.

    It looks at all keys of all businesses, some thousand in one go.
    """
    batch: list[bytes] = []
    with redis_errors():
        # The braces of a hash tag mean nothing in a pattern.
        async for raw in redis.scan_iter(match=f"{keys.prefix(tenant_id)}*", count=_SCAN_COUNT):
            batch.append(raw)
            if len(batch) >= _SCAN_COUNT:
                await redis.unlink(*batch)
                batch = []
        if batch:
            await redis.unlink(*batch)
