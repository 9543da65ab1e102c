"""The open streams of a process: how many there may be, and which of them are to end."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import structlog

from kernel.errors import DomainError, StoreUnavailable
from kernel.ids import TenantId

SUSPENDED_SECONDS: Final = 0.4
"""The streams of a business that was suspended end so soon after it, and a moment."""
CHECK_SECONDS: Final = 5.0
"""A stream whose key was revoked, or whose session has ended, ends so soon after it, and a moment.

All keys are one statement, and all sessions of a business."""
HEARTBEAT_SECONDS: Final = 15.0
"""Silence after which a stream shows that it lives: proxies end connections that are silent for a minute."""
# The share of a process that visitors leave to back ends: whoever has a public key could open all.
_VISITORS_SHARE: Final = 0.75
# The streams that were opened together do not end together.
_SHORTEST_SHARE: Final = 0.9

FindRevoked: TypeAlias = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Finds those of some API keys that open nothing any more, by their ids. Raises StoreUnavailable."""

FindSuspended: TypeAlias = Callable[[Collection[TenantId]], Awaitable[Collection[TenantId]]]
"""Finds those of some businesses that are suspended."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StreamGrant:
    """The ground of a stream that a user, or somebody for whom an identity provider vouches, has opened."""

    tenant_id: TenantId
    id: str
    """A session, or an identity provider."""
    role: str
    """The role that its person had when the stream was opened."""


FindEnded: TypeAlias = Callable[[Collection[StreamGrant]], Awaitable[Collection[StreamGrant]]]
"""Finds those of some grants that hold no longer. Raises StoreUnavailable."""


async def _all_hold(_grants: Collection[StreamGrant]) -> Collection[StreamGrant]:
    return ()


async def _none(_tenant_ids: Collection[TenantId]) -> Collection[TenantId]:
    return ()


class TooManyStreams(DomainError):
    """The business, or the process, has as many streams open as it may."""

    code = "too_many_streams"


@dataclass(slots=True, eq=False, kw_only=True)
class OpenStream:
    """One open stream, and the reasons for which it ends by itself."""

    tenant_id: TenantId
    key_id: str
    """The API key that opened it, be it by a ticket; empty: another credential did."""
    until: float
    """The end of its life, by time.monotonic()."""
    grant: StreamGrant | None = None
    """None: another credential than a person's opened it."""
    is_revoked: bool = False
    """True if its key was revoked, its grant has ended, or its business was suspended."""
    wake: Callable[[], object] = bool
    """Called when it is to look whether it has ended."""

    @property
    def has_ended(self) -> bool:
        """True if nothing more is to be sent."""
        return self.is_revoked or time.monotonic() >= self.until


class OpenStreams:
    """Admits streams of every kind, and looks at their keys while there are any."""

    def __init__(
        self,
        *,
        find_revoked: FindRevoked,
        find_suspended: FindSuspended = _none,
        find_ended: FindEnded = _all_hold,
        most: int,
        most_per_business: int,
        longest_seconds: float,
    ) -> None:
        self._find_revoked = find_revoked
        self._find_suspended = find_suspended
        self._find_ended = find_ended
        self._most = most
        self._most_per_business = most_per_business
        self._longest_seconds = longest_seconds
        self._streams: set[OpenStream] = set()
        self._by_business: Counter[tuple[TenantId, bool]] = Counter()
        self._checking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """The number of open streams."""
        return len(self._streams)

    @asynccontextmanager
    async def opening(
        self,
        tenant_id: TenantId,
        key_id: str,
        *,
        by_visitor: bool,
        until: datetime | None = None,
        grant: StreamGrant | None = None,
    ) -> AsyncIterator[OpenStream]:
        """A stream that is open while the block lasts, `until` its credential ends. Raises TooManyStreams.

        The visitors of a business and its back ends count apart, so that the first cannot keep the second out.
        """
        side = (tenant_id, by_visitor)
        most = max(int(self._most * _VISITORS_SHARE), 1) if by_visitor else self._most
        if len(self._streams) >= most or self._by_business[side] >= self._most_per_business:
            limit = most if len(self._streams) >= most else self._most_per_business
            detail = f"At most {limit} streams may be open at once. Close one, or try again in a moment."
            raise TooManyStreams(detail, retry_after_seconds=5)
        seconds = self._longest_seconds * random.uniform(_SHORTEST_SHARE, 1)  # noqa: S311 - spreads reconnections
        if until is not None:
            seconds = min(seconds, (until - datetime.now(UTC)).total_seconds())
        stream = OpenStream(tenant_id=tenant_id, key_id=key_id, until=time.monotonic() + seconds, grant=grant)
        self._streams.add(stream)
        self._by_business[side] += 1
        if self._checking is None:
            self._checking = asyncio.create_task(self._check(), name="keys of streams")
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            self._by_business[side] -= 1
            if not self._by_business[side]:
                del self._by_business[side]
            if not self._streams and self._checking is not None:
                self._checking.cancel()
                self._checking = None

    async def _check(self) -> None:
        """Tell the streams whose credential, or whose business, is good no longer, again and again.

        A store that is away ends no stream.
        """
        keys_at = time.monotonic() + CHECK_SECONDS
        while True:
            await asyncio.sleep(min(SUSPENDED_SECONDS, CHECK_SECONDS))
            suspended = frozenset(await self._find_suspended({stream.tenant_id for stream in self._streams}))
            _end([stream for stream in self._streams if stream.tenant_id in suspended])
            if time.monotonic() < keys_at:
                continue
            keys_at = time.monotonic() + CHECK_SECONDS
            try:
                await self._end_unfounded()
            except StoreUnavailable as error:
                _log.warning("open_streams.store_lost", error=str(error))

    async def _end_unfounded(self) -> None:
        """Tell the streams whose keys were revoked, and those whose grants have ended. Raises StoreUnavailable."""
        revoked = frozenset(await self._find_revoked({stream.key_id for stream in self._streams if stream.key_id}))
        _end([stream for stream in self._streams if stream.key_id in revoked])
        grants = {stream.grant for stream in self._streams if stream.grant is not None}
        ended = frozenset(await self._find_ended(grants)) if grants else frozenset()
        _end([stream for stream in self._streams if stream.grant in ended])


def _end(streams: Iterable[OpenStream]) -> None:
    for stream in streams:
        stream.is_revoked = True
        stream.wake()
