"""Open streams: how many there may be, and what ends them."""

from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Final
from uuid import uuid4

import pytest

from events import open_streams as module
from events.open_streams import OpenStreams, StreamGrant, TooManyStreams
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from tests.support.waiting import eventually

_TENANT: Final = TenantId(uuid4())


class Keys:
    """Keys that a test revokes."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.ended: set[StreamGrant] = set()
        self.asked_grants: list[set[StreamGrant]] = []
        self.is_away = False
        self.asked: list[set[str]] = []

    async def find_revoked(self, key_ids: Collection[str]) -> Collection[str]:
        """Those that are revoked."""
        self.asked.append(set(key_ids))
        if self.is_away:
            raise StoreUnavailable("away")
        return self.revoked & set(key_ids)

    async def find_ended(self, grants: Collection[StreamGrant]) -> Collection[StreamGrant]:
        """Those that have ended."""
        self.asked_grants.append(set(grants))
        return self.ended & set(grants)


def _streams(keys: Keys, *, most: int = 8, most_per_business: int = 8, longest_seconds: float = 3600) -> OpenStreams:
    return OpenStreams(
        find_revoked=keys.find_revoked,
        find_ended=keys.find_ended,
        most=most,
        most_per_business=most_per_business,
        longest_seconds=longest_seconds,
    )


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.001)
    return Keys()


async def test_streams_of_a_revoked_key_end_once_the_store_answers(keys: Keys) -> None:
    streams = _streams(keys)
    async with (
        streams.opening(_TENANT, "key_a", by_visitor=False) as revoked,
        streams.opening(_TENANT, "key_a", by_visitor=True) as revoked_too,
        streams.opening(_TENANT, "key_b", by_visitor=False) as other,
    ):
        keys.revoked, keys.is_away = {"key_a"}, True
        await eventually(lambda: _is(len(keys.asked) >= 2))
        while_away = (revoked.has_ended, other.has_ended)
        keys.is_away = False
        await eventually(lambda: _is(revoked.has_ended and revoked_too.has_ended))

        assert not other.has_ended
    assert while_away == (False, False)
    assert keys.asked[-1] == {"key_a", "key_b"}
    assert len(streams) == 0


async def test_streams_end_with_the_grant_that_they_rest_on(keys: Keys) -> None:
    streams = _streams(keys)
    ended, other = StreamGrant(_TENANT, "ses_a", "owner"), StreamGrant(_TENANT, "ses_b", "owner")
    async with (
        streams.opening(_TENANT, "", by_visitor=False, grant=ended) as first,
        streams.opening(_TENANT, "", by_visitor=False, grant=ended) as second,
        streams.opening(_TENANT, "", by_visitor=False, grant=other) as third,
        streams.opening(_TENANT, "key_a", by_visitor=False) as by_key,
    ):
        keys.ended = {ended}
        await eventually(lambda: _is(first.has_ended and second.has_ended))

        assert not third.has_ended
        assert not by_key.has_ended
    assert keys.asked_grants[-1] == {ended, other}


async def test_stream_ends_after_its_longest_life(keys: Keys) -> None:
    async with _streams(keys, longest_seconds=0.05).opening(_TENANT, "key_a", by_visitor=False) as stream:
        await eventually(lambda: _is(stream.has_ended))


async def test_visitors_leave_streams_to_back_ends(keys: Keys) -> None:
    streams = _streams(keys, most=8, most_per_business=4)
    async with AsyncExitStack() as stack:
        for tenant_id, amount in ((_TENANT, 4), (TenantId(uuid4()), 2)):
            for _ in range(amount):
                await stack.enter_async_context(streams.opening(tenant_id, "key_p", by_visitor=True))
        with pytest.raises(TooManyStreams, match="At most 6 streams"):
            await stack.enter_async_context(streams.opening(TenantId(uuid4()), "key_p", by_visitor=True))
        for _ in range(2):
            await stack.enter_async_context(streams.opening(_TENANT, "key_s", by_visitor=False))
        with pytest.raises(TooManyStreams, match="At most 8 streams"):
            await stack.enter_async_context(streams.opening(_TENANT, "key_s", by_visitor=False))


async def _is(value: bool) -> bool:  # noqa: FBT001 - a value, as `eventually` asks for it
    return value
