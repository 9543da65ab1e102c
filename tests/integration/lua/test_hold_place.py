from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest

from holds.encoding import claims_from_text, claims_to_text
from holds.model import LaneClaim
from holds.store import CandidateClaim, Reply
from kernel.ids import HoldId, ResourceId
from kernel.spans import Minute, Span, merged, utc_days
from persistence import keys
from tests.support.holds import (
    DAN,
    DAY,
    MINE,
    NOA,
    TENANT,
    TTL_MS,
    YOURS,
    Board,
    at,
    both,
    days_of,
    either,
    span,
    wanted,
)

_TEN: Span = span("10:00", "10:30")
_THIRD = HoldId("hld_third")


async def _claims(board: Board, hold_id: HoldId = MINE) -> tuple[LaneClaim, ...]:
    return claims_from_text((await board.record(hold_id)).claims)


async def test_place_takes_the_first_candidate_when_all_are_free(board: Board) -> None:
    answer = await board.place(either(wanted(DAN, _TEN), wanted(NOA, _TEN)))

    assert answer.reply is Reply.PLACED
    assert answer.record is not None
    assert (answer.record.id, answer.record.state) == (MINE, "held")
    assert (answer.record.choice, answer.record.body) == (DAN, '{"service": "svc_any"}')
    assert answer.record.deadline_ms - answer.record.now_ms == TTL_MS
    assert answer.record.limit_ms - answer.record.now_ms == 4 * TTL_MS
    assert answer.record.appointment_id is None
    assert await board.held((DAN, DAY), (NOA, DAY)) == {(MINE, 1, _TEN)}


@pytest.mark.parametrize(
    ("taken", "time_off"),
    [
        pytest.param([[_TEN]], [], id="claimed"),
        pytest.param([[]], [_TEN], id="time off"),
        pytest.param([[span("10:29", "10:30")]], [], id="claimed in its last minute"),
        pytest.param([[span("10:00", "10:01")]], [], id="claimed in its first minute"),
    ],
)
async def test_place_takes_the_next_candidate_when_the_first_is_taken(
    board: Board, taken: list[list[Span]], time_off: list[Span]
) -> None:
    await board.fill(NOA, taken=taken, time_off=time_off)

    answer = await board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)))

    assert answer.reply is Reply.PLACED
    assert answer.record is not None
    assert answer.record.choice == DAN


@pytest.mark.parametrize(
    ("noa_away", "dan_away", "by_claims"),
    [
        pytest.param([], [_TEN], True, id="one has no time off"),
        pytest.param([span("10:29", "11:00")], [_TEN], False, id="all have"),
        pytest.param([span("10:30", "11:00")], [_TEN], True, id="time off is after the visit"),
    ],
)
async def test_place_tells_what_the_time_is_taken_by(
    board: Board, noa_away: list[Span], dan_away: list[Span], *, by_claims: bool
) -> None:
    await board.fill(NOA, taken=[[_TEN]], time_off=noa_away)
    await board.fill(DAN, taken=[[_TEN]], time_off=dan_away)

    answer = await board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)))
    together = await board.place(both(wanted(NOA, _TEN), wanted(DAN, _TEN)))

    assert (answer.reply, answer.is_booked) == (Reply.TAKEN, by_claims)
    assert (together.reply, together.is_booked) == (Reply.TAKEN, False)


async def test_place_takes_the_next_candidate_when_the_first_is_held(board: Board) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS)

    answer = await board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)))

    assert answer.reply is Reply.PLACED
    assert answer.record is not None
    assert answer.record.choice == DAN


async def test_place_holds_every_claim_of_a_candidate(board: Board) -> None:
    later = span("11:00", "11:20")

    answer = await board.place(both(wanted(NOA, _TEN), wanted(NOA, later), wanted(DAN, _TEN)))

    assert answer.reply is Reply.PLACED
    assert await _claims(board) == (
        LaneClaim(resource_id=NOA, lane=1, span=_TEN),
        LaneClaim(resource_id=NOA, lane=1, span=later),
        LaneClaim(resource_id=DAN, lane=1, span=_TEN),
    )
    assert await board.held((NOA, DAY)) == {(MINE, 1, _TEN), (MINE, 1, later)}
    assert await board.held((DAN, DAY)) == {(MINE, 1, _TEN)}


@pytest.mark.parametrize("reply", [Reply.TAKEN, Reply.HELD])
async def test_place_holds_nothing_when_one_claim_is_not_free(board: Board, reply: Reply) -> None:
    if reply is Reply.TAKEN:
        await board.fill(DAN, taken=[[_TEN]])
    else:
        await board.place(either(wanted(DAN, _TEN)), YOURS)

    answer = await board.place(both(wanted(NOA, _TEN), wanted(DAN, _TEN)))

    assert answer.reply is reply
    assert await board.held((NOA, DAY)) == set()
    assert (await board.store.read(TENANT, MINE)).reply is Reply.MISSING


async def test_place_refuses_one_lane_twice_when_two_claims_of_a_candidate_overlap(board: Board) -> None:
    answer = await board.place(both(wanted(NOA, _TEN), wanted(NOA, span("10:15", "10:45"))))

    assert answer.reply is Reply.TAKEN


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(span("10:15", "10:45"), id="starts inside"),
        pytest.param(span("09:45", "10:15"), id="ends inside"),
        pytest.param(span("09:00", "12:00"), id="contains it"),
        pytest.param(span("10:10", "10:11"), id="lies inside"),
        pytest.param(span("10:29", "10:59"), id="shares its last minute"),
    ],
)
async def test_place_refuses_an_overlapping_hold_whatever_its_start_and_length(board: Board, other: Span) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS)

    answer = await board.place(either(wanted(NOA, other)))

    assert answer.reply is Reply.HELD


@pytest.mark.parametrize("other", [span("10:30", "11:00"), span("09:30", "10:00")])
async def test_place_allows_holds_that_touch(board: Board, other: Span) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS)

    answer = await board.place(either(wanted(NOA, other)))

    assert answer.reply is Reply.PLACED


class TestLanes:
    """A resource with three lanes, of which the second is claimed at ten."""

    @pytest.fixture
    async def board(self, empty_board: Board) -> Board:
        await empty_board.fill(NOA, taken=[[], [_TEN], []])
        return empty_board

    async def test_place_takes_as_many_lanes_as_the_party_needs(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN, lanes=3, count=2)))

        assert answer.reply is Reply.PLACED
        assert [claim.lane for claim in await _claims(board)] == [1, 3]

    async def test_place_is_taken_when_the_party_is_too_large(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN, lanes=3, count=3)))

        assert answer.reply is Reply.TAKEN

    async def test_place_takes_no_lane_that_is_not_on_offer(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN, lanes=3, offered=2, count=2)))

        assert answer.reply is Reply.TAKEN

    async def test_place_gives_each_hold_its_lane_until_none_is_left(self, board: Board) -> None:
        first = await board.place(either(wanted(NOA, _TEN, lanes=3)))
        second = await board.place(either(wanted(NOA, _TEN, lanes=3)), YOURS)
        third = await board.place(either(wanted(NOA, _TEN, lanes=3)), _THIRD)

        assert (first.reply, second.reply, third.reply) == (Reply.PLACED, Reply.PLACED, Reply.HELD)
        assert await board.held() == {(MINE, 1, _TEN), (YOURS, 3, _TEN)}

    async def test_place_gives_overlapping_claims_of_one_visit_different_lanes(self, board: Board) -> None:
        answer = await board.place(both(wanted(NOA, _TEN, lanes=3), wanted(NOA, span("10:15", "10:45"), lanes=3)))

        assert answer.reply is Reply.PLACED
        assert [claim.lane for claim in await _claims(board)] == [1, 3]

    @pytest.mark.parametrize("lives_ms", [(100_000, 200_000), (200_000, 100_000)])
    async def test_place_waits_for_as_many_holds_as_it_lacks_lanes(
        self, board: Board, lives_ms: tuple[int, int]
    ) -> None:
        for hold_id, life_ms in zip((YOURS, _THIRD), lives_ms, strict=True):
            await board.place(either(wanted(NOA, _TEN, lanes=3)), hold_id, ttl_ms=life_ms)

        one = await board.place(either(wanted(NOA, _TEN, lanes=3)))
        two = await board.place(either(wanted(NOA, _TEN, lanes=3, count=2)))

        assert (one.reply, two.reply) == (Reply.HELD, Reply.HELD)
        assert 90_000 < one.retry_after_ms <= 100_000
        assert 190_000 < two.retry_after_ms <= 200_000


class TestFewerPlaces:
    """A resource with room for two, once for four: what is on the lanes beyond takes up places of the two."""

    ELEVEN: Span = span("11:00", "11:30")
    LONG: Span = span("10:00", "11:30")

    @staticmethod
    def wanted(when: Span = _TEN, count: int = 1) -> CandidateClaim:
        return wanted(NOA, when, lanes=4, offered=2, count=count)

    @pytest.mark.parametrize(
        ("taken", "when", "count", "lanes"),
        [
            pytest.param([[], [], [], []], _TEN, 2, [1, 2], id="nothing beyond"),
            pytest.param([[], [], [_TEN], []], _TEN, 1, [1], id="one beyond leaves one place"),
            pytest.param([[], [], [_TEN], []], _TEN, 2, None, id="one beyond leaves no two places"),
            pytest.param([[_TEN], [], [_TEN], []], _TEN, 1, None, id="one beyond and one below"),
            pytest.param([[], [], [_TEN], [_TEN]], _TEN, 1, None, id="two beyond"),
            pytest.param([[], [], [_TEN], [_TEN]], ELEVEN, 2, [1, 2], id="two beyond at another time"),
            pytest.param([[], [], [_TEN], [ELEVEN]], LONG, 1, [1], id="two beyond, one at a time"),
            pytest.param([[_TEN], [], [], [ELEVEN]], LONG, 1, [2], id="one below, then one beyond"),
            pytest.param([[ELEVEN], [], [_TEN], [ELEVEN]], LONG, 1, None, id="too many only later"),
            pytest.param(
                [[], [], [span("10:00", "10:10")], [span("10:09", "10:30")]], _TEN, 1, None, id="for a minute"
            ),
            pytest.param([[], [], [span("10:00", "10:10")], [span("10:10", "10:30")]], _TEN, 1, [1], id="in turn"),
        ],
    )
    async def test_place_counts_claims_beyond_minute_by_minute(
        self, empty_board: Board, taken: list[list[Span]], when: Span, count: int, lanes: list[int] | None
    ) -> None:
        await empty_board.fill(NOA, taken=taken)

        answer = await empty_board.place(either(self.wanted(when, count)))

        if lanes is None:
            assert answer.reply is Reply.TAKEN
        else:
            assert answer.reply is Reply.PLACED
            assert [claim.lane for claim in await _claims(empty_board)] == lanes

    async def test_place_counts_claims_beyond_on_both_sides_of_midnight(self, empty_board: Board) -> None:
        night, early = span("23:30", "00:30"), Span(at("00:29", DAY + 1), at("01:00", DAY + 1))
        await empty_board.fill(NOA, DAY, DAY + 1, taken=[[early], [], [], [early]])

        refused = await empty_board.place(either(self.wanted(night)))
        placed = await empty_board.place(either(self.wanted(span("23:30", "00:29"))))

        assert (refused.reply, placed.reply) == (Reply.TAKEN, Reply.PLACED)

    @pytest.mark.parametrize("lives_ms", [(100_000, 200_000), (200_000, 100_000)])
    async def test_place_waits_for_holds_beyond(self, empty_board: Board, lives_ms: tuple[int, int]) -> None:
        await empty_board.fill(NOA, taken=[[_TEN], [_TEN], [], []])
        for hold_id, life_ms in zip((YOURS, _THIRD), lives_ms, strict=True):
            placed = await empty_board.place(either(wanted(NOA, _TEN, lanes=4)), hold_id, ttl_ms=life_ms)
            assert placed.reply is Reply.PLACED
        await empty_board.fill(NOA, taken=[[], [], [], []])

        one = await empty_board.place(either(self.wanted()))
        two = await empty_board.place(either(self.wanted(count=2)))

        assert (one.reply, two.reply) == (Reply.HELD, Reply.HELD)
        assert 90_000 < one.retry_after_ms <= 100_000
        assert 190_000 < two.retry_after_ms <= 200_000

    async def test_place_waits_only_for_the_hold_that_is_in_the_way(self, empty_board: Board) -> None:
        """One lane is held twice: while the first hold lives, at some minute there is no place."""
        await empty_board.fill(NOA, taken=[[], [self.LONG], [_TEN], []])
        await empty_board.place(either(wanted(NOA, _TEN, lanes=4, offered=4)), YOURS, ttl_ms=100_000)
        await empty_board.fill(NOA, taken=[[self.LONG], [], [_TEN], [self.LONG]])
        await empty_board.place(either(wanted(NOA, self.ELEVEN, lanes=4, offered=4)), _THIRD, ttl_ms=200_000)
        await empty_board.fill(NOA, taken=[[], [], [_TEN], []])

        answer = await empty_board.place(either(self.wanted(self.LONG)))

        assert answer.reply is Reply.HELD
        assert 90_000 < answer.retry_after_ms <= 100_000

    async def test_place_counts_a_lane_once_when_it_is_claimed_and_held(self, empty_board: Board) -> None:
        """Between the commit and its settlement a lane may be both."""
        await empty_board.fill(NOA, taken=[[_TEN], [_TEN], [], [_TEN]])
        await empty_board.place(either(wanted(NOA, _TEN, lanes=4)), YOURS)
        await empty_board.fill(NOA, taken=[[], [], [_TEN], []])

        answer = await empty_board.place(either(self.wanted()))

        assert answer.reply is Reply.PLACED

    async def test_place_is_taken_when_claims_beyond_are_in_the_way_whatever_is_held(self, empty_board: Board) -> None:
        await empty_board.fill(NOA, taken=[[], [], [_TEN], [_TEN]])
        await empty_board.place(either(wanted(NOA, _TEN, lanes=4)), YOURS)

        answer = await empty_board.place(either(self.wanted()))

        assert answer.reply is Reply.TAKEN

    async def test_place_counts_overlapping_claims_of_one_visit(self, empty_board: Board) -> None:
        overlapping = self.wanted(span("10:15", "10:45"))
        later = self.wanted(self.ELEVEN)
        await empty_board.fill(NOA, taken=[[], [], [_TEN], []])

        refused = await empty_board.place(both(self.wanted(), overlapping))
        placed = await empty_board.place(both(self.wanted(), later))

        assert (refused.reply, placed.reply) == (Reply.TAKEN, Reply.PLACED)

    async def test_place_does_not_count_what_is_the_callers_own(self, empty_board: Board) -> None:
        await empty_board.fill(NOA, taken=[[], [], [span("09:00", "12:00")], [span("09:00", "12:00")]])
        mine = [LaneClaim(resource_id=NOA, lane=4, span=span("10:00", "11:30"))]

        refused = await empty_board.place(either(self.wanted(self.LONG)))
        partly = await empty_board.place(either(self.wanted(span("09:45", "10:15"))), own_claims=claims_to_text(mine))
        placed = await empty_board.place(either(self.wanted(self.LONG)), own_claims=claims_to_text(mine))

        assert (refused.reply, partly.reply, placed.reply) == (Reply.TAKEN, Reply.TAKEN, Reply.PLACED)

    async def test_place_does_not_count_the_hold_it_replaces(self, empty_board: Board) -> None:
        await empty_board.fill(NOA, taken=[[_TEN], [_TEN], [], []])
        await empty_board.place(either(wanted(NOA, _TEN, lanes=4, count=2)), YOURS)
        await empty_board.fill(NOA, taken=[[], [], [], []])

        refused = await empty_board.place(either(self.wanted(count=2)))
        placed = await empty_board.place(either(self.wanted(count=2)), replaces=YOURS)

        assert (refused.reply, placed.reply) == (Reply.HELD, Reply.REPLACED)


@dataclass(frozen=True, slots=True)
class _Crowd:
    """A resource around midnight: what is taken of each lane, and how many are on offer."""

    taken: list[list[Span]]
    held: list[list[tuple[Span, int]]]
    """With the seconds each hold has left."""
    mine: list[list[Span]]
    offered: int

    @classmethod
    def drawn(cls, random: Random) -> "_Crowd":
        def spans(most: int) -> tuple[Span, ...]:
            starts = (at("23:00") + random.randrange(100) for _ in range(random.randint(0, most)))
            return merged(Span(start, start + random.randint(1, 40)) for start in starts)

        lanes = range(random.randint(2, 5))
        mine = [spans(1) if random.random() < 0.3 else () for _ in lanes]
        return cls(
            taken=[[*merged([*spans(2), *mine[lane]])] for lane in lanes],
            held=[[(span, 100 * random.randint(1, 5)) for span in spans(2)] for _ in lanes],
            mine=[[*spans] for spans in mine],
            offered=random.randint(1, len(lanes)),
        )

    async def stand(self, board: Board, resource_id: ResourceId) -> None:
        """Write it into Redis."""
        await board.fill(resource_id, DAY, DAY + 1, taken=self.taken)
        now_ms = (await board.cache.versions(TENANT)).read_at_ms
        for day in (DAY, DAY + 1):
            entries = [
                f"{YOURS}{left}:{lane}:{span.start}:{span.end}:{now_ms + left * 1000}"
                for lane, holds in enumerate(self.held, 1)
                for span, left in holds
                if day in utc_days(span)
            ]
            await board.redis.set(keys.held(TENANT, resource_id, day), " ".join(entries), px=600_000)

    def own_claims(self, resource_id: ResourceId) -> str:
        """What the script is told of the caller's own appointment."""
        lanes = enumerate(self.mine, 1)
        return claims_to_text(
            LaneClaim(resource_id=resource_id, lane=lane, span=span) for lane, spans in lanes for span in spans
        )

    def is_free(self, when: Span, count: int, passed: int, *, in_pieces: bool) -> bool:
        """Whether so many may have the span once that many seconds have passed, judged by every minute."""
        taken = [
            [self._is_taken(lane, minute, passed) for minute in range(when.start, when.end)]
            for lane in range(len(self.taken))
        ]
        free = sum(not any(minutes) for minutes in taken[: self.offered])
        most = max(sum(minute) for minute in zip(*taken, strict=True))
        return (in_pieces or free >= count) and most + count <= self.offered

    def covers(self, claims: Sequence[LaneClaim], when: Span, count: int) -> bool:
        """Whether the claims are so many free lanes on offer in every minute."""
        for minute in range(when.start, when.end):
            lanes = [claim.lane for claim in claims if claim.span.start <= minute < claim.span.end]
            if not len(set(lanes)) == len(lanes) == count or max(lanes) > self.offered:
                return False
            if any(self._is_taken(lane - 1, minute, 0) for lane in lanes):
                return False
        return all(when.contains(claim.span) for claim in claims)

    def _is_taken(self, lane: int, minute: Minute, passed: int) -> bool:
        if any(span.start <= minute < span.end and left > passed for span, left in self.held[lane]):
            return True
        mine = any(span.start <= minute < span.end for span in self.mine[lane])
        return not mine and any(span.start <= minute < span.end for span in self.taken[lane])


@pytest.mark.parametrize("in_pieces", [False, True], ids=["whole lanes", "pieces"])
@pytest.mark.parametrize("seed", range(3))
async def test_place_agrees_with_a_count_of_every_minute(empty_board: Board, seed: int, *, in_pieces: bool) -> None:
    random, seen, pieces = Random(seed), set(), 0  # noqa: S311 - examples, and no secret
    # Pieces are seldom needed.
    for number in range(100 if in_pieces else 25):
        resource_id, crowd, count = ResourceId(f"res_{number}"), _Crowd.drawn(random), random.choice([1, 1, 2])
        first = at("23:00") + random.randrange(60)
        when = Span(first, first + random.randint(1, 60))
        await crowd.stand(empty_board, resource_id)

        answer = await empty_board.place(
            either(
                replace(
                    wanted(resource_id, when, lanes=len(crowd.taken), offered=crowd.offered, count=count),
                    allows_pieces=in_pieces,
                )
            ),
            HoldId(f"hld_{number}"),
            own_claims=crowd.own_claims(resource_id),
        )

        waits = (wait for wait in range(0, 600, 100) if crowd.is_free(when, count, wait, in_pieces=in_pieces))
        wait = next(waits, None)
        assert answer.reply is (Reply.TAKEN if wait is None else Reply.HELD if wait else Reply.PLACED)
        if wait:
            assert wait * 1000 - 20_000 < answer.retry_after_ms <= wait * 1000
        if answer.record is not None and answer.reply is Reply.PLACED:
            claims = claims_from_text(answer.record.claims)
            assert crowd.covers(claims, when, count)
            pieces += len(claims) - count
        seen.add(answer.reply)
    assert bool(pieces) is in_pieces
    assert seen == {Reply.PLACED, Reply.HELD, Reply.TAKEN}


class TestMissing:
    """Days that are not cached."""

    async def test_place_names_every_day_that_is_not_cached(self, empty_board: Board) -> None:
        night = span("23:30", "00:30")

        answer = await empty_board.place(either(wanted(NOA, night), wanted(DAN, _TEN)))

        assert answer.reply is Reply.MISS
        assert set(answer.missing) == {(NOA, DAY), (NOA, DAY + 1), (DAN, DAY)}
        assert len(answer.missing) == 3

    async def test_place_does_not_pass_over_a_better_candidate_that_is_not_cached(self, empty_board: Board) -> None:
        await empty_board.fill(DAN)

        answer = await empty_board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)))

        assert answer.reply is Reply.MISS
        assert answer.missing == ((NOA, DAY),)

    async def test_place_takes_a_better_candidate_when_a_worse_one_is_not_cached(self, empty_board: Board) -> None:
        await empty_board.fill(DAN)

        answer = await empty_board.place(either(wanted(DAN, _TEN), wanted(NOA, _TEN)))

        assert answer.reply is Reply.PLACED

    @pytest.mark.parametrize("lanes", [1, 3])
    async def test_place_misses_bitmaps_of_another_number_of_lanes(self, empty_board: Board, lanes: int) -> None:
        await empty_board.fill(NOA, taken=[[], []])

        answer = await empty_board.place(either(wanted(NOA, _TEN, lanes=lanes)))

        assert answer.reply is Reply.MISS


async def test_place_is_stale_when_the_catalogue_changed(board: Board) -> None:
    await board.cache.invalidate(TENANT, None, catalogue=True, staff_days=[])

    answer = await board.place(either(wanted(NOA, _TEN)))

    assert answer.reply is Reply.STALE
    assert await board.held() == set()


async def test_place_is_stale_when_the_catalogue_version_was_lost(board: Board) -> None:
    await board.redis.delete(keys.catalogue(TENANT))

    answer = await board.place(either(wanted(NOA, _TEN)))

    assert answer.reply is Reply.STALE


@pytest.mark.parametrize("reply", [Reply.TAKEN, Reply.HELD])
async def test_place_tells_taken_from_held(board: Board, reply: Reply) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS, ttl_ms=60_000)
    if reply is Reply.TAKEN:
        await board.fill(NOA, taken=[[_TEN]])

    answer = await board.place(either(wanted(NOA, _TEN)))

    assert answer.reply is reply
    assert (answer.retry_after_ms > 0) is (reply is Reply.HELD)
    assert answer.retry_after_ms <= 60_000


@pytest.mark.parametrize("lives_ms", [(100_000, 200_000), (200_000, 100_000)])
class TestRetry:
    """Noa and Dan are held, each for another time."""

    @pytest.fixture
    async def board(self, board: Board, lives_ms: tuple[int, int]) -> Board:
        await board.place(either(wanted(NOA, _TEN)), YOURS, ttl_ms=lives_ms[0])
        await board.place(either(wanted(DAN, _TEN)), _THIRD, ttl_ms=lives_ms[1])
        return board

    async def test_place_may_be_tried_again_when_the_first_of_the_candidates_is_free(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)))

        assert answer.reply is Reply.HELD
        assert 90_000 < answer.retry_after_ms <= 100_000

    async def test_place_may_be_tried_again_when_the_last_of_the_claims_is_free(self, board: Board) -> None:
        answer = await board.place(both(wanted(NOA, _TEN), wanted(DAN, _TEN)))

        assert answer.reply is Reply.HELD
        assert 190_000 < answer.retry_after_ms <= 200_000


@pytest.mark.parametrize("lives_ms", [(100_000, 200_000), (200_000, 100_000)])
async def test_place_may_be_tried_again_when_the_lane_is_free_all_the_time(
    board: Board, lives_ms: tuple[int, int]
) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS, ttl_ms=lives_ms[0])
    await board.place(either(wanted(NOA, span("10:30", "11:00"))), _THIRD, ttl_ms=lives_ms[1])

    answer = await board.place(either(wanted(NOA, span("10:00", "11:00"))))

    assert answer.reply is Reply.HELD
    assert 190_000 < answer.retry_after_ms <= 200_000


@pytest.mark.parametrize("lives_ms", [(100_000, 200_000), (200_000, 100_000)])
async def test_list_of_holds_lives_as_long_as_the_last_of_them(board: Board, lives_ms: tuple[int, int]) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS, ttl_ms=lives_ms[0])
    await board.place(either(wanted(NOA, span("11:00", "11:30"))), ttl_ms=lives_ms[1])

    left = await board.redis.pttl(keys.held(TENANT, NOA, DAY))

    assert 190_000 < left <= 200_000


async def test_expired_hold_is_free_at_once(board: Board) -> None:
    await board.place(either(wanted(NOA, _TEN)), YOURS)
    await board.let_pass(TTL_MS - 5000, YOURS)
    before = await board.place(either(wanted(NOA, _TEN)))
    await board.let_pass(5000, YOURS)

    after = await board.place(either(wanted(NOA, _TEN)))

    assert before.reply is Reply.HELD
    assert after.reply is Reply.PLACED
    assert await board.held() == {(MINE, 1, _TEN)}


class TestMidnight:
    """A hold that runs past midnight in UTC."""

    NIGHT = span("23:30", "00:30")

    async def test_place_stands_in_the_lists_of_both_days(self, board: Board) -> None:
        await board.fill(NOA, DAY, DAY + 1)

        answer = await board.place(either(wanted(NOA, self.NIGHT)))

        assert answer.reply is Reply.PLACED
        for day in days_of(NOA, self.NIGHT):
            assert await board.held(day) == {(MINE, 1, self.NIGHT)}

    @pytest.mark.parametrize("taken", [span("23:59", "00:00"), Span(at("00:00", DAY + 1), at("00:01", DAY + 1))])
    async def test_place_sees_claims_on_either_side(self, board: Board, taken: Span) -> None:
        await board.fill(NOA, DAY, DAY + 1, taken=[[taken]])

        answer = await board.place(either(wanted(NOA, self.NIGHT)))

        assert answer.reply is Reply.TAKEN

    @pytest.mark.parametrize("other", [span("23:00", "23:31"), Span(at("00:29", DAY + 1), at("01:00", DAY + 1))])
    async def test_place_sees_holds_on_either_side(self, board: Board, other: Span) -> None:
        await board.fill(NOA, DAY, DAY + 1)
        await board.place(either(wanted(NOA, self.NIGHT)), YOURS)

        answer = await board.place(either(wanted(NOA, other)))

        assert answer.reply is Reply.HELD


class TestSame:
    """Asking again."""

    async def test_place_gives_the_hold_back_when_repeated_with_its_id(self, board: Board) -> None:
        first = await board.place(either(wanted(NOA, _TEN)))

        again = await board.place(either(wanted(DAN, _TEN)))

        assert again.reply is Reply.SAME
        assert first.record is not None
        assert again.record is not None
        assert (again.record.deadline_ms, again.record.claims) == (first.record.deadline_ms, first.record.claims)
        assert await board.held((DAN, DAY)) == set()

    async def test_place_gives_a_client_its_hold_back_when_it_asks_for_the_same(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab", fingerprint="haircut-at-ten")

        again = await board.place(either(wanted(DAN, _TEN)), client="tab", fingerprint="haircut-at-ten")

        assert again.reply is Reply.SAME
        assert again.record is not None
        assert again.record.id == YOURS

    @pytest.mark.parametrize(
        ("client", "fingerprint"),
        [("another", "haircut-at-ten"), ("tab", "haircut-at-eleven"), (None, "haircut-at-ten")],
    )
    async def test_place_makes_a_new_hold_for_another_client_or_wish(
        self, board: Board, client: str | None, fingerprint: str
    ) -> None:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab", fingerprint="haircut-at-ten")

        answer = await board.place(either(wanted(DAN, _TEN)), client=client, fingerprint=fingerprint)

        assert answer.reply is Reply.PLACED

    async def test_place_makes_a_new_hold_when_the_clients_own_has_expired(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab", fingerprint="haircut-at-ten")
        await board.let_pass(TTL_MS, YOURS)

        answer = await board.place(either(wanted(NOA, _TEN)), client="tab", fingerprint="haircut-at-ten")

        assert answer.reply is Reply.PLACED
        assert await board.held() == {(MINE, 1, _TEN)}

    async def test_place_revives_an_expired_hold_under_its_id(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), client="tab")
        await board.let_pass(TTL_MS)

        answer = await board.place(either(wanted(DAN, _TEN)))

        assert answer.reply is Reply.PLACED
        assert await board.held((NOA, DAY)) == set()
        assert await board.held((DAN, DAY)) == {(MINE, 1, _TEN)}


class TestLimit:
    """A client has two holds and may have no more."""

    @pytest.fixture
    async def board(self, board: Board) -> Board:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab")
        await board.place(either(wanted(NOA, span("11:00", "11:30"))), _THIRD, client="tab")
        return board

    async def test_place_refuses_one_more(self, board: Board) -> None:
        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", most_per_client=2)

        assert answer.reply is Reply.LIMIT
        assert await board.held((DAN, DAY)) == set()

    async def test_place_does_not_count_a_hold_that_has_expired(self, board: Board) -> None:
        await board.let_pass(TTL_MS, YOURS)

        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", most_per_client=2)

        assert answer.reply is Reply.PLACED

    async def test_place_does_not_count_a_hold_that_was_released(self, board: Board) -> None:
        await board.store.release(TENANT, YOURS)

        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", most_per_client=2)

        assert answer.reply is Reply.PLACED

    async def test_place_does_not_count_the_hold_it_replaces(self, board: Board) -> None:
        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", most_per_client=2, replaces=YOURS)

        assert answer.reply is Reply.REPLACED

    async def test_place_does_not_count_holds_of_others(self, board: Board) -> None:
        answer = await board.place(either(wanted(DAN, _TEN)), client="other", most_per_client=2)

        assert answer.reply is Reply.PLACED


class TestReplacing:
    """A client has a hold at ten and wants another time instead."""

    @pytest.fixture
    async def board(self, board: Board) -> Board:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab")
        return board

    @pytest.mark.parametrize("when", [span("12:00", "12:30"), span("10:15", "10:45"), _TEN])
    async def test_place_swaps_the_two_in_one_step(self, board: Board, when: Span) -> None:
        answer = await board.place(either(wanted(NOA, when)), client="tab", replaces=YOURS)

        assert answer.reply is Reply.REPLACED
        assert await board.held() == {(MINE, 1, when)}
        assert (await board.store.read(TENANT, YOURS)).reply is Reply.MISSING

    @pytest.mark.parametrize("reply", [Reply.TAKEN, Reply.HELD, Reply.MISS, Reply.STALE])
    async def test_place_keeps_the_old_one_when_it_is_refused(self, board: Board, reply: Reply) -> None:
        when = span("12:00", "12:30")
        version = board.version
        match reply:
            case Reply.TAKEN:
                await board.fill(NOA, taken=[[when]])
            case Reply.HELD:
                await board.place(either(wanted(NOA, when)), _THIRD)
            case Reply.MISS:
                when = Span(at("12:00", DAY + 1), at("12:30", DAY + 1))
            case _:
                version = "1"

        answer = await board.place(either(wanted(NOA, when)), client="tab", replaces=YOURS, catalogue_version=version)

        assert answer.reply is reply
        assert (await board.record(YOURS)).state == "held"
        assert (YOURS, 1, _TEN) in await board.held()

    async def test_place_is_refused_when_the_old_one_is_being_confirmed(self, board: Board) -> None:
        await board.store.pin(TENANT, YOURS, 8000)

        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", replaces=YOURS)

        assert answer.reply is Reply.REPLACING
        assert await board.held((DAN, DAY)) == set()
        assert await board.held((NOA, DAY)) == {(YOURS, 1, _TEN)}

    @pytest.mark.parametrize("old", [YOURS, HoldId("hld_never")])
    async def test_place_does_nothing_when_the_old_one_is_gone(self, board: Board, old: HoldId) -> None:
        await board.store.release(TENANT, YOURS)

        answer = await board.place(either(wanted(NOA, _TEN)), client="tab", replaces=old)

        assert answer.reply is Reply.MISSING
        assert await board.held() == set()

    async def test_place_does_nothing_when_the_old_one_has_expired(self, board: Board) -> None:
        await board.let_pass(TTL_MS, YOURS)

        answer = await board.place(either(wanted(NOA, _TEN)), client="tab", replaces=YOURS)

        assert answer.reply is Reply.EXPIRED
        assert await board.held() == set()

    @pytest.mark.parametrize("old", [YOURS, _THIRD, HoldId("hld_never")])
    async def test_place_does_without_the_old_one_when_asked_to(self, board: Board, old: HoldId) -> None:
        await board.place(either(wanted(DAN, _TEN)), _THIRD)
        await board.let_pass(TTL_MS, _THIRD)
        await board.store.release(TENANT, YOURS)

        answer = await board.place(either(wanted(NOA, _TEN)), replaces=old, replaces_optional=True)

        assert answer.reply is Reply.PLACED
        assert answer.record is not None
        assert answer.record.limit_ms - answer.record.now_ms == 4 * TTL_MS

    async def test_place_under_the_same_id_does_not_miss_the_old_one_that_it_gave_up_before(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), replaces=YOURS, pinned=True)
        await board.let_pass(TTL_MS)

        answer = await board.place(either(wanted(NOA, _TEN)), replaces=YOURS, pinned=True)

        assert answer.reply is Reply.PLACED

    @pytest.mark.parametrize("optional", [False, True])
    async def test_place_is_refused_when_the_old_one_became_an_appointment(
        self,
        board: Board,
        optional: bool,  # noqa: FBT001
    ) -> None:
        await board.store.pin(TENANT, YOURS, 8000)
        await board.redis.hset(keys.hold(TENANT, YOURS), "state", "confirmed")

        answer = await board.place(either(wanted(DAN, _TEN)), client="tab", replaces=YOURS, replaces_optional=optional)

        assert answer.reply is Reply.REPLACING
        assert (await board.record(YOURS)).state == "confirmed"
        assert await board.held((DAN, DAY)) == set()


class TestLifeOfReplacing:
    """A hold at ten that may live for 20 minutes in all, of which 18 have passed."""

    _LEFT_MS = 120_000

    @pytest.fixture
    async def board(self, board: Board) -> Board:
        await board.place(either(wanted(NOA, _TEN)), YOURS, ttl_ms=4 * TTL_MS)
        await board.let_pass(4 * TTL_MS - self._LEFT_MS, YOURS)
        return board

    @pytest.mark.parametrize("other", [NOA, DAN])
    @pytest.mark.parametrize("when", [_TEN, span("10:15", "10:45"), span("09:35", "10:01")])
    async def test_hold_on_shared_minutes_has_what_is_left(self, board: Board, other: ResourceId, when: Span) -> None:
        answer = await board.place(either(wanted(other, when)), replaces=YOURS)

        assert answer.reply is Reply.REPLACED
        assert answer.record is not None
        left = answer.record.limit_ms - answer.record.now_ms
        assert self._LEFT_MS - 5000 < left <= self._LEFT_MS
        assert answer.record.deadline_ms == answer.record.limit_ms

    @pytest.mark.parametrize("when", [span("10:30", "11:00"), span("09:30", "10:00")])
    async def test_hold_on_other_minutes_has_a_life_of_its_own(self, board: Board, when: Span) -> None:
        answer = await board.place(either(wanted(NOA, when)), replaces=YOURS)

        assert answer.reply is Reply.REPLACED
        assert answer.record is not None
        assert answer.record.deadline_ms - answer.record.now_ms == TTL_MS
        assert answer.record.limit_ms - answer.record.now_ms == 4 * TTL_MS

    async def test_hold_is_never_given_a_longer_life_by_asking(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN)), replaces=YOURS, ttl_ms=30_000, longest_ms=60_000)

        assert answer.record is not None
        assert answer.record.deadline_ms - answer.record.now_ms == 30_000
        assert answer.record.limit_ms - answer.record.now_ms == 60_000

    async def test_hold_is_refused_when_nothing_is_left(self, board: Board) -> None:
        await board.let_pass(self._LEFT_MS - 20_000, YOURS)
        await board.store.pin(TENANT, YOURS, 60_000)
        await board.let_pass(30_000, YOURS)
        await board.redis.hset(keys.hold(TENANT, YOURS), "state", "held")

        answer = await board.place(either(wanted(NOA, _TEN)), replaces=YOURS)

        assert answer.reply is Reply.EXHAUSTED
        assert await board.held() == {(YOURS, 1, _TEN)}

    async def test_direct_booking_has_all_of_its_grace(self, board: Board) -> None:
        answer = await board.place(
            either(wanted(NOA, _TEN)), replaces=YOURS, pinned=True, ttl_ms=500_000, longest_ms=500_000
        )

        assert answer.reply is Reply.REPLACED
        assert answer.record is not None
        assert answer.record.deadline_ms - answer.record.now_ms == 500_000


class TestOwnClaims:
    """An appointment of the caller at ten, to be moved."""

    OWN = f"{NOA}:1:{_TEN.start}:{_TEN.end}"

    @pytest.fixture
    async def board(self, board: Board) -> Board:
        await board.fill(NOA, taken=[[_TEN]])
        return board

    @pytest.mark.parametrize("when", [_TEN, span("10:15", "10:45"), span("09:40", "10:10"), span("09:00", "11:00")])
    async def test_place_is_not_in_its_own_way(self, board: Board, when: Span) -> None:
        own = await board.place(either(wanted(NOA, when)), own_claims=self.OWN)
        await board.store.release(TENANT, MINE)
        others = await board.place(either(wanted(NOA, when)))

        assert (own.reply, others.reply) == (Reply.PLACED, Reply.TAKEN)

    async def test_place_sees_other_claims_beside_its_own(self, board: Board) -> None:
        await board.fill(NOA, taken=[[_TEN, span("10:30", "11:00")]])

        answer = await board.place(either(wanted(NOA, span("10:15", "10:45"))), own_claims=self.OWN)

        assert answer.reply is Reply.TAKEN

    async def test_place_does_not_free_another_lane(self, board: Board) -> None:
        await board.fill(NOA, taken=[[_TEN], [_TEN]])

        one = await board.place(either(wanted(NOA, _TEN, lanes=2)), own_claims=self.OWN)
        two = await board.place(either(wanted(NOA, _TEN, lanes=2, count=2)), YOURS, own_claims=self.OWN)

        assert (one.reply, two.reply) == (Reply.PLACED, Reply.TAKEN)

    async def test_place_is_not_in_its_own_way_across_midnight(self, board: Board) -> None:
        night, moved = span("23:30", "00:30"), span("23:45", "00:45")
        await board.fill(NOA, DAY, DAY + 1, taken=[[night]])

        answer = await board.place(either(wanted(NOA, moved)), own_claims=f"{NOA}:1:{night.start}:{night.end}")

        assert answer.reply is Reply.PLACED

    async def test_place_honours_a_hold_on_its_own_time(self, board: Board) -> None:
        await board.fill(NOA)
        await board.place(either(wanted(NOA, _TEN)), YOURS)
        await board.fill(NOA, taken=[[_TEN]])

        answer = await board.place(either(wanted(NOA, _TEN)), own_claims=self.OWN)

        assert answer.reply is Reply.HELD


async def test_place_is_taken_when_there_is_no_candidate(board: Board) -> None:
    answer = await board.place([])

    assert answer.reply is Reply.TAKEN


async def test_every_key_of_a_business_has_its_hash_tag(board: Board) -> None:
    await board.place(either(wanted(NOA, _TEN)), client="tab")

    names = [key.decode() async for key in board.redis.scan_iter("*")]

    assert [name for name in names if not name.startswith(keys.prefix(TENANT))] == []
