"""What is cached of staff-days: versions, fills and invalidations."""

import asyncio
from uuid import UUID

import pytest

from availability.state.bitmap_cache import (
    OLDEST_FILL_MS,
    PASSING_MS,
    PASSING_VERSION_MS,
    STAFF_DAYS_AT_ONCE,
    BitmapCache,
    FillReport,
    StaffDay,
    Versions,
    block_of,
)
from kernel.ids import CommitId, TenantId
from persistence import keys
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, Board, either, span, wanted

_TODAY: StaffDay = (NOA, DAY)
_TOMORROW: StaffDay = (NOA, DAY + 1)
_COMMIT = CommitId("op_1")
_BITMAP = bytes(range(180)) * 2


def _instant(version: str) -> int:
    """When all that is cached under a version was dropped, which is when it last changed."""
    dropped, changed = version.split(".")
    assert dropped == changed
    return int(dropped)


async def _cached(board: Board, staff_day: StaffDay = _TODAY) -> bytes | None:
    return (await board.cache.read(TENANT, [staff_day])).bitmaps[staff_day]


def _changed(version: str) -> int:
    """The instant of the last change."""
    return int(version.split(".")[1])


class TestVersions:
    async def test_version_is_made_when_it_is_first_read(self, empty_board: Board) -> None:
        first = await empty_board.cache.versions(TENANT, [_TODAY, _TOMORROW])
        again = await empty_board.cache.versions(TENANT, [_TOMORROW, _TODAY])

        assert first.days == again.days
        assert first.catalogue == again.catalogue
        assert (await empty_board.cache.read(TENANT, [])).catalogue_version == first.catalogue

    async def test_version_lives_far_longer_than_any_fill(self, empty_board: Board) -> None:
        await empty_board.cache.versions(TENANT, [_TODAY])

        names = [keys.catalogue(TENANT), keys.version(TENANT, *_TODAY)]
        lives = [await empty_board.redis.pttl(name) for name in names]

        assert min(lives) > 100 * OLDEST_FILL_MS

    async def test_version_is_another_one_after_everything_was_lost(self, empty_board: Board) -> None:
        first = await empty_board.cache.versions(TENANT, [_TODAY])
        await empty_board.redis.flushdb()

        second = await empty_board.cache.versions(TENANT, [_TODAY])

        assert _instant(second.days[_TODAY]) > _instant(first.days[_TODAY])
        assert _instant(second.catalogue) > _instant(first.catalogue)

    async def test_version_never_comes_back_when_the_clock_stands_still(self, empty_board: Board) -> None:
        # An hour ahead: as if Redis' clock had been set back by one.
        ahead = _instant((await empty_board.cache.versions(TENANT)).catalogue) + 3_600_000_000
        for name in (keys.catalogue(TENANT), keys.version(TENANT, *_TODAY)):
            await empty_board.redis.set(name, f"{ahead}.{ahead}", px=60_000)

        seen = []
        for _ in range(3):
            await empty_board.cache.invalidate(TENANT, None, catalogue=True, staff_days=[_TODAY])
            versions = await empty_board.cache.versions(TENANT, [_TODAY])
            seen.append((_instant(versions.catalogue), _instant(versions.days[_TODAY])))

        assert seen == [(ahead + number, ahead + number) for number in (1, 2, 3)]

    async def test_versions_differ_however_fast_they_change(self, empty_board: Board) -> None:
        seen = []
        for _ in range(50):
            await empty_board.cache.invalidate(TENANT, None, catalogue=True, staff_days=[_TODAY])
            versions = await empty_board.cache.versions(TENANT, [_TODAY])
            seen.append((_instant(versions.catalogue), _instant(versions.days[_TODAY])))

        assert seen == sorted(set(seen))


class TestRead:
    async def test_who_asks_for_claims_alone_is_told_the_same_but_what_is_held(self, board: Board) -> None:
        await board.place(either(wanted(NOA, span("10:00", "10:30"))))
        block = block_of([NOA, DAN], range(DAY, DAY + 2))

        whole = await board.cache.read_block(TENANT, block)
        claims = await board.cache.read_block(TENANT, block, with_held=False)

        assert [(place, entry.hold_id) for place, entry in whole.held] == [(0, MINE)]
        assert claims == whole._replace(held=())


class TestFill:
    async def test_fill_is_kept_as_it_was_sent(self, empty_board: Board) -> None:
        versions = await empty_board.cache.versions(TENANT, [_TODAY])

        report = await empty_board.cache.fill(TENANT, versions, {_TODAY: _BITMAP})

        assert (report.stored, report.refused) == (1, 0)
        assert await _cached(empty_board) == _BITMAP

    async def test_fill_is_refused_for_just_the_day_that_changed(self, empty_board: Board) -> None:
        versions = await empty_board.cache.versions(TENANT, [_TODAY, _TOMORROW])
        await empty_board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[_TODAY])

        report = await empty_board.cache.fill(TENANT, versions, {_TODAY: _BITMAP, _TOMORROW: _BITMAP})

        assert (report.stored, report.refused) == (1, 1)
        assert await _cached(empty_board) is None
        assert await _cached(empty_board, _TOMORROW) == _BITMAP

    async def test_fill_is_refused_when_it_comes_late(self, empty_board: Board) -> None:
        versions = await empty_board.cache.versions(TENANT, [_TODAY])
        late = Versions(
            read_at_ms=versions.read_at_ms - OLDEST_FILL_MS - 1, catalogue=versions.catalogue, days=versions.days
        )

        report = await empty_board.cache.fill(TENANT, late, {_TODAY: _BITMAP})

        assert (report.stored, report.refused) == (0, 1)
        assert await _cached(empty_board) is None

    @pytest.mark.parametrize("read_anew", [False, True])
    async def test_fill_is_refused_after_everything_was_lost(self, empty_board: Board, *, read_anew: bool) -> None:
        versions = await empty_board.cache.versions(TENANT, [_TODAY])
        await empty_board.redis.flushdb()
        if read_anew:
            await empty_board.cache.versions(TENANT, [_TODAY])

        report = await empty_board.cache.fill(TENANT, versions, {_TODAY: _BITMAP})

        assert report.refused == 1
        assert await _cached(empty_board) is None

    async def test_fill_may_be_repeated(self, empty_board: Board) -> None:
        versions = await empty_board.cache.versions(TENANT, [_TODAY])
        await empty_board.cache.fill(TENANT, versions, {_TODAY: _BITMAP})

        report = await empty_board.cache.fill(TENANT, versions, {_TODAY: _BITMAP})

        assert report.stored == 1


class TestInvalidate:
    @pytest.fixture
    async def board(self, board: Board) -> Board:
        """Noa is cached today and tomorrow, Dan today."""
        await board.fill(NOA, DAY, DAY + 1)
        return board

    async def test_invalidate_forgets_just_the_days_it_names(self, board: Board) -> None:
        done = await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[_TODAY])

        assert done is True
        assert await _cached(board) is None
        assert await _cached(board, _TOMORROW) is not None
        assert await _cached(board, (DAN, DAY)) is not None

    @pytest.mark.parametrize("catalogue", [True, False])
    async def test_invalidate_changes_the_catalogues_version_when_told_to(
        self, board: Board, *, catalogue: bool
    ) -> None:
        await board.cache.invalidate(TENANT, None, catalogue=catalogue, staff_days=[_TODAY])

        version = (await board.cache.versions(TENANT)).catalogue
        assert (version != board.version) is catalogue

    async def test_invalidate_passes_over_a_settled_operation(self, board: Board) -> None:
        await board.cache.settle(TENANT, _COMMIT, catalogue=False, staff_days=[_TODAY])
        await board.fill(NOA)

        done = await board.cache.invalidate(TENANT, _COMMIT, catalogue=True, staff_days=[_TODAY])

        assert done is False
        assert await _cached(board) is not None
        assert (await board.cache.versions(TENANT)).catalogue == board.version

    async def test_settled_operations_are_told_from_others(self, board: Board) -> None:
        await board.cache.settle(TENANT, _COMMIT, catalogue=False, staff_days=[_TODAY])

        assert await board.cache.settled_commits(TENANT, [CommitId("op_2"), _COMMIT]) == {_COMMIT}
        assert await board.cache.settled_commits(TENANT, []) == set()

    async def test_invalidate_does_not_pass_over_another_operation(self, board: Board) -> None:
        await board.cache.settle(TENANT, _COMMIT, catalogue=False, staff_days=[_TODAY])
        await board.fill(NOA)

        done = await board.cache.invalidate(TENANT, CommitId("op_2"), catalogue=False, staff_days=[_TODAY])

        assert done is True
        assert await _cached(board) is None

    async def test_settle_forgets_at_once_and_each_time(self, board: Board) -> None:
        await board.cache.settle(TENANT, _COMMIT, catalogue=True, staff_days=[_TODAY])
        first = await _cached(board)
        await board.fill(NOA)

        await board.cache.settle(TENANT, _COMMIT, catalogue=True, staff_days=[_TODAY])

        assert first is None
        assert await _cached(board) is None

    @pytest.mark.parametrize("commit", [None, _COMMIT])
    async def test_invalidate_remembers_no_operation_itself(self, board: Board, commit: CommitId | None) -> None:
        # The rows of one commit may come in several batches.
        first = await board.cache.invalidate(TENANT, commit, catalogue=False, staff_days=[_TODAY])

        second = await board.cache.invalidate(TENANT, commit, catalogue=False, staff_days=[_TOMORROW])

        assert (first, second) == (True, True)
        assert await _cached(board, _TOMORROW) is None

    async def test_no_fill_outlives_the_change_it_missed_when_many_race(self, board: Board) -> None:
        async def fill() -> None:
            versions = await board.cache.versions(TENANT, [_TODAY])
            await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[_TODAY])
            await board.cache.fill(TENANT, versions, {_TODAY: _BITMAP})

        await asyncio.gather(*[fill() for _ in range(20)])

        assert await _cached(board) is None


class TestManyDays:
    """More staff-days than go into one script."""

    _MANY = tuple((NOA, DAY + number) for number in range(2 * STAFF_DAYS_AT_ONCE + 1))

    async def test_bitmaps_of_many_days_are_filled_and_read(self, empty_board: Board) -> None:
        versions = await empty_board.cache.versions(TENANT, self._MANY)

        report = await empty_board.cache.fill(TENANT, versions, dict.fromkeys(self._MANY, _BITMAP))

        assert (report.stored, report.refused) == (len(self._MANY), 0)
        cached = await empty_board.cache.read(TENANT, self._MANY)
        assert set(cached.bitmaps.values()) == {_BITMAP}
        assert cached.catalogue_version == versions.catalogue

    async def test_many_days_are_forgotten_and_their_operation_settled(self, empty_board: Board) -> None:
        commit = CommitId("op_many")
        versions = await empty_board.cache.versions(TENANT, self._MANY)
        await empty_board.cache.fill(TENANT, versions, dict.fromkeys(self._MANY, _BITMAP))

        await empty_board.cache.settle(TENANT, commit, catalogue=True, staff_days=self._MANY)

        cached = await empty_board.cache.read(TENANT, self._MANY)
        assert set(cached.bitmaps.values()) == {None}
        assert cached.catalogue_version != versions.catalogue
        late = await empty_board.cache.fill(TENANT, versions, dict.fromkeys(self._MANY, _BITMAP))
        assert late.stored == 0
        assert not await empty_board.cache.invalidate(TENANT, commit, catalogue=True, staff_days=self._MANY)

    async def test_days_nobody_has_looked_at_cost_no_memory(self, empty_board: Board) -> None:
        before = {key async for key in empty_board.redis.scan_iter("*")}

        await empty_board.cache.invalidate(TENANT, None, catalogue=False, staff_days=self._MANY)

        assert {key async for key in empty_board.redis.scan_iter("*")} == before


class TestRoom:
    """Bytes of one business that may be cached."""

    BYTES = 600 + 450
    """Bytes of one staff-day, as it is counted."""

    def cache(self, board: Board, staff_days: int) -> BitmapCache:
        """With room for so many."""
        return BitmapCache(board.redis, most_bytes=staff_days * self.BYTES)

    async def fill(
        self, cache: BitmapCache, *staff_days: StaffDay, needed: bool = False, bitmap: bytes = _BITMAP
    ) -> FillReport:
        versions = await cache.versions(TENANT, staff_days, needed=needed)
        return await cache.fill(TENANT, versions, dict.fromkeys(staff_days, bitmap), needed=needed)

    async def cached(self, board: Board, kind: str = "clear") -> set[int]:
        """The days of Noa's of which there is a key."""
        pattern = f"{keys.prefix(TENANT)}{kind}:{NOA}:*"
        return {int(key.decode().rpartition(":")[2]) - DAY async for key in board.redis.scan_iter(pattern)}

    async def test_what_has_no_room_is_not_kept(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 3)

        reports = [await self.fill(cache, (NOA, DAY + number)) for number in range(5)]

        assert [(report.stored, report.no_room) for report in reports] == [(1, 0)] * 3 + [(0, 1)] * 2
        assert await self.cached(empty_board) == {0, 1, 2}
        assert await self.cached(empty_board, "version") == {0, 1, 2}
        assert await cache.cached_bytes(TENANT) == 3 * self.BYTES

    async def test_fill_of_many_is_cut_where_the_room_ends(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 3)

        report = await self.fill(cache, *((NOA, DAY + number) for number in range(5)))

        assert (report.stored, report.no_room) == (3, 2)
        assert await self.cached(empty_board) == {0, 1, 2}

    async def test_what_a_hold_needs_is_kept_for_a_moment(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 1)
        await self.fill(cache, _TODAY)

        report = await self.fill(cache, _TOMORROW, needed=True)

        assert (report.stored, report.no_room) == (1, 0)
        assert 0 < await empty_board.redis.pttl(keys.clear(TENANT, *_TOMORROW)) <= PASSING_MS
        version_ms = await empty_board.redis.pttl(keys.version(TENANT, *_TOMORROW))
        assert 2 * OLDEST_FILL_MS < version_ms <= PASSING_VERSION_MS
        assert await cache.cached_bytes(TENANT) == self.BYTES

    async def test_day_that_is_filled_again_counts_once(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 3)

        for _ in range(5):
            await self.fill(cache, _TODAY)
        await self.fill(cache, _TODAY, bitmap=_BITMAP + bytes(180))

        assert await cache.cached_bytes(TENANT) == self.BYTES + 225

    async def test_day_that_is_dropped_makes_room(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 1)
        for number in range(5):
            await self.fill(cache, (NOA, DAY + number))
            await cache.invalidate(TENANT, None, catalogue=False, staff_days=[(NOA, DAY + number)])

        assert await cache.cached_bytes(TENANT) == 0
        assert (await self.fill(cache, _TODAY)).stored == 1

    async def test_dropping_what_was_not_counted_makes_no_room(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 1)
        await self.fill(cache, _TODAY)
        await self.fill(cache, _TOMORROW, needed=True)

        await cache.invalidate(TENANT, None, catalogue=False, staff_days=[_TOMORROW])

        assert await cache.cached_bytes(TENANT) == self.BYTES

    async def test_count_expires_no_sooner_than_all_that_it_counts(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 3)
        await self.fill(cache, _TODAY)
        await empty_board.redis.pexpire(keys.cached(TENANT), 60_000)

        await self.fill(cache, _TOMORROW)

        # Asked for one after the other: the first may have a millisecond more.
        counted_ms = await empty_board.redis.pttl(keys.cached(TENANT))
        assert await empty_board.redis.pttl(keys.clear(TENANT, *_TOMORROW)) <= counted_ms + 5
        assert counted_ms <= 60_000

    async def test_each_business_has_its_own_room(self, empty_board: Board) -> None:
        cache = self.cache(empty_board, 1)
        await self.fill(cache, _TODAY)
        other = TenantId(UUID(int=2))

        versions = await cache.versions(other, [_TODAY], needed=False)

        assert (await cache.fill(other, versions, {_TODAY: _BITMAP}, needed=False)).stored == 1
