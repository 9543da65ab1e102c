"""Revoked API keys, as a process learns of them within a second."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import structlog

from kernel.errors import StoreUnavailable

SOON_SECONDS: Final = 0.4
"""While keys are used, the database is asked so often what was revoked; no request waits for it."""
LATEST_SECONDS: Final = 0.9
"""A request with a known key waits for news that are older."""

_log = structlog.get_logger(__name__)


class RevokedKeys:
    """Asks what was revoked lately, while keys are used: one statement for all keys and all requests of a process.

    While the database does not answer nobody waits for it: known keys go on.
    """

    def __init__(
        self,
        *,
        find: Callable[[], Awaitable[Collection[str]]],
        forget: Callable[[Collection[str]], None],
    ) -> None:
        """`forget` is told of the ids of keys, once each."""
        self._find = find
        self._forget = forget
        self._asking: asyncio.Task[None] | None = None
        self.lately: frozenset[str] = frozenset()
        """Keys that were revoked within the last minute, by their ids, as far as is known."""
        self._is_away = False
        self.next_at = 0.0
        """Time of the next question, in seconds by the clock of the caller."""
        self._latest_at = 0.0

    async def catch_up(self, now: float) -> None:
        """Ask in the background, and wait for the answer if the last one is too old. To be called from `next_at` on."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(now), name="revoked keys")
        if now > self._latest_at and not self._is_away:
            # Of the requests that wait, one may be given up.
            await asyncio.shield(self._asking)

    async def _ask(self, now: float) -> None:
        try:
            revoked = frozenset(await self._find())
        except StoreUnavailable as error:
            self._is_away = True
            _log.warning("revoked_keys.store_lost", error=str(error))
        else:
            self._is_away = False
            self._latest_at = now + LATEST_SECONDS
            told, self.lately = self.lately, revoked
            if revoked - told:
                self._forget(revoked - told)
        finally:
            self.next_at = now + SOON_SECONDS
            self._asking = None
