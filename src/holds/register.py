"""Register of the businesses that have holds, so that expired ones are looked for there and nowhere else."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from uuid import UUID

from kernel.ids import TenantId
from persistence import keys
from persistence.errors import RedisUnavailable, redis_errors
from persistence.redis import Redis

# A hold lives for minutes, so it is known long before it expires.
_FLUSH_SECONDS: Final = 1.0
# An entry stays so long after its deadline: its last holds were reported long before.
_MARGIN_MS: Final = 60_000
# What is no business in that list goes by its age, as the others do.
_TENANT: Final = re.compile(rb"[0-9a-f]{32}")


class HoldRegister:
    """Notes are an addition in memory, and go to Redis once a second; whoever has none to write costs nothing.

    A process that is killed loses the notes of its last second: the sweep over all holds finds these businesses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._notes: dict[TenantId, int] = {}

    def note(self, tenant_id: TenantId, deadline_ms: int) -> None:
        """Note that a hold of the business lives until then."""
        if deadline_ms > self._notes.get(tenant_id, 0):
            self._notes[tenant_id] = deadline_ms

    async def flush(self) -> None:
        """Write the notes to Redis. Raises RedisUnavailable; the notes are kept for the next time."""
        notes, self._notes = self._notes, {}
        if not notes:
            return
        scores = {tenant_id.hex: deadline_ms for tenant_id, deadline_ms in notes.items()}
        try:
            with redis_errors():
                await self._redis.zadd(keys.HOLDERS, scores, gt=True)
        except BaseException:
            for tenant_id, deadline_ms in notes.items():
                self.note(tenant_id, deadline_ms)
            raise

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Flush once a second while the block lasts, and at its end."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop), name="hold register")
        try:
            yield
        finally:
            stop.set()
            await task

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await stop.wait()
            with suppress(RedisUnavailable):
                await self.flush()

    async def businesses(self) -> list[TenantId]:
        """The businesses that have holds, or had some a minute ago. Raises RedisUnavailable."""
        with redis_errors():
            members: Iterable[Any] = await self._redis.zrange(keys.HOLDERS, 0, -1)
        return [TenantId(UUID(member.decode())) for member in members if _TENANT.fullmatch(member)]

    async def forget(self, now_ms: int) -> None:
        """Forget the businesses whose holds have ended a while before. Raises RedisUnavailable."""
        with redis_errors():
            await self._redis.zremrangebyscore(keys.HOLDERS, "-inf", now_ms - _MARGIN_MS)
