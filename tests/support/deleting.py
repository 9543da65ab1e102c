"""A program that removes a deleted business and is killed in the middle: `python -m tests.support.deleting`."""

import asyncio
import os
import signal
import sys
import time
from typing import Final
from uuid import UUID

from bootstrap.context import open_context
from bootstrap.services import build_deletions
from businesses.deletion import service
from businesses.deletion.repository import DeletionRepository
from kernel.ids import TenantId
from tests.support.engine import patient_settings

_ROWS: Final = 2
_LIFE_SECONDS: Final = 60.0


async def _remove(database_url: str, redis_url: str, tenant_id: TenantId, steps: int) -> None:
    """Remove some rows in each of some steps; die in the last one, before it commits."""
    remove, done = DeletionRepository.remove_some, 0

    async def remove_and_die(self: DeletionRepository, most: int) -> int:
        nonlocal done
        removed = await remove(self, most)
        done += 1
        if done == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        return removed

    DeletionRepository.remove_some = remove_and_die  # type: ignore[method-assign]
    service.STEP_ROWS = _ROWS  # type: ignore[misc]
    async with open_context(patient_settings(database_url, redis_url)) as context:
        await build_deletions(context).remove(tenant_id, until=time.monotonic() + _LIFE_SECONDS)


if __name__ == "__main__":
    url, redis, business, count = sys.argv[1:]
    asyncio.run(_remove(url, redis, TenantId(UUID(business)), int(count)))
