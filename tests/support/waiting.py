"""Waiting for what another task or process does, no longer than it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

# Far longer than anything takes that is waited for, even on a machine that is busy with other things.
_DEADLINE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02


async def eventually(happened: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as it has happened; raise TimeoutError when it does not."""
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while not await happened():  # noqa: ASYNC110 - it happens where no event of ours is set
            await asyncio.sleep(_POLL_SECONDS)
