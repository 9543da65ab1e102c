"""Whatever is asked in whatever order, on real stores, the answers are those of a model of plain lists."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import cycle, islice
from random import SystemRandom
from time import monotonic
from typing import Any, Final, TypeVar
from unittest.mock import patch

import asyncpg
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from availability.model import Listing, ListingQuery, Override
from bookings.model import Appointment, AppointmentFilter, Booked, Details
from bootstrap.context import open_context
from bootstrap.loops import build_invalidator
from bootstrap.services import build_services
from catalogue.loader import CatalogueLoader
from catalogue.model.business import Mode
from catalogue.model.objects import ObjectKind
from catalogue.model.wall_clock import WallSpan
from holds.model import Hold, PlaceRequest
from kernel.errors import DomainError
from kernel.ids import AppointmentId, HoldId, new_time_off_id
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number, to_datetime
from persistence import keys
from tests.support.cached import differences
from tests.support.engine import MONDAY, Engine, FixedClock, patient_settings
from tests.support.ledger import read_ledger
from tests.support.model import (
    HELD_SECONDS,
    LONGEST_SECONDS,
    MOST_PER_CLIENT,
    Again,
    Claim,
    Code,
    Granted,
    Model,
    Refused,
    State,
    Wish,
)
from tests.support.operations import by_business, by_customer
from tests.support.redis_time import let_pass
from tests.support.visits import details, request

pytestmark = pytest.mark.own_database

_T = TypeVar("_T")

# Noon there is the last hour of the day before in UTC, so the hours at work lie on both sides of UTC's midnight.
ZONE: Final = "Pacific/Auckland"
DATES: Final = (date(2026, 12, 1), date(2026, 12, 2))
NOON: Final = [day_number(day) * MINUTES_PER_DAY - 60 for day in DATES]
# Everything is a multiple of five minutes, and nobody ever works outside of these.
MINUTES: Final = [noon + minute for noon in NOON for minute in range(-30, 210, 5)]
HOURS: Final = (
    (WallSpan(720, 900),),
    (WallSpan(690, 810), WallSpan(825, 930)),
    (WallSpan(750, 840),),
    (),
)
# Longer than any example takes, and shorter than the time that passes at once (see patient_settings).
PIN_SECONDS: Final = 91
PASSING_SECONDS: Final = 100
TOLERANCE_SECONDS: Final = 35
# So much of it may pass before it is given back.
UNNOTICED_SECONDS: Final = 7
EVERY_DAY: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _spelled(hours: Iterable[WallSpan]) -> list[dict[str, object]]:
    def spell(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    return [{"days": EVERY_DAY, "start": spell(span.start), "end": spell(span.end)} for span in hours]


def _resource(key: str, kind: str, capacity: int = 1) -> dict[str, object]:
    return {"key": key, "kind": kind, "name": key, "capacity": capacity, "hours": _spelled(HOURS[0])}


def _service(key: str, minutes: int, needs: dict[str, object], **more: object) -> dict[str, object]:
    return {"key": key, "name": key, "duration_minutes": minutes, "requires": [{"role": "staff"} | needs]} | more


DOCUMENT: Final[dict[str, object]] = {
    "business": {
        "name": "Small world",
        "timezone": ZONE,
        "currency": "NZD",
        "rules": {
            "hold": {
                "ttl_seconds": HELD_SECONDS,
                "max_total_seconds": LONGEST_SECONDS,
                "max_per_client": MOST_PER_CLIENT,
            }
        },
    },
    "locations": [{"key": "main", "name": "Main"}],
    "resources": [
        _resource("ann", "staff"),
        _resource("bob", "staff"),
        _resource("yoga", "class", 3),
        _resource("hall", "room", 2) | {"exclusive": "service"},
    ],
    "services": [
        _service(
            "cut",
            30,
            {"any_of": ["ann", "bob"]},
            buffer_after_minutes=5,
            grid={"align": "opening", "step_minutes": 15},
            assign="priority",
        ),
        _service(
            "trim", 20, {"any_of": ["bob", "ann"]}, buffer_before_minutes=5, grid={"align": "clock", "step_minutes": 30}
        ),
        _service("shave", 25, {"any_of": ["ann"]}, grid={"align": "gap", "step_minutes": 15}),
        _service("duo", 40, {"kind": "staff", "count": 2}, buffer_after_minutes=5, grid={"step_minutes": 20}),
        _service("class", 60, {"any_of": ["yoga"]}, buffer_after_minutes=10, grid={"step_minutes": 30}),
        _service("dance", 40, {"any_of": ["hall"]}, buffer_after_minutes=10, grid={"step_minutes": 20}),
        _service("chess", 30, {"any_of": ["hall"]}, grid={"step_minutes": 30}),
    ],
}
Wanted = tuple[str, str | None, int]
"""A service, the key of a resource, and how many people."""
WISHES: Final[tuple[Wanted, ...]] = (
    ("cut", None, 1),
    ("cut", "ann", 1),
    ("cut", "bob", 1),
    ("trim", None, 1),
    ("trim", "ann", 1),
    ("shave", None, 1),
    ("duo", None, 1),
    ("class", None, 1),
    ("class", "yoga", 2),
    ("dance", None, 1),
    ("dance", None, 2),
    ("chess", "hall", 1),
)

EVERYBODY: Final = tuple(Wish(service) for service in ("cut", "trim", "shave", "duo", "class", "dance", "chess"))

picks = st.integers(0, 999)
processes = st.integers(0, 1)
wishes = st.sampled_from(WISHES)
clients = st.sampled_from([None, "amy", "ben"])
staff = st.sampled_from(["ann", "bob", "yoga", "hall"])
# Claims that the engine did not insert are in no session, as far as the constraint can tell.
apart = st.sampled_from(["ann", "bob", "yoga"])
seldom = st.sampled_from([False, False, False, True])

# The examples are shared out to tests that may run side by side.
_SHARES: Final = 2
EXAMPLES: Final = settings(
    max_examples=20 // _SHARES,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
_DATES: Final[dict[str, Any]] = {"first": DATES[0], "last": DATES[1]}
_INSERT_TIME_OFF: Final = """
    INSERT INTO time_off (tenant_id, id, resource_id, during) VALUES ($1, $2, $3, tstzrange($4, $5))
"""
_INSERT_CLAIM: Final = """
    INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
    SELECT $1, $2, id, tstzrange($5, $6) FROM lanes WHERE tenant_id = $1 AND resource_id = $3 AND number = $4
"""


class Died(Exception):
    """The process ends in the middle of a use case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two processes on the same stores, and somebody who writes past both."""

    processes: tuple[Engine, Engine]
    outside: "asyncpg.Connection[Any]"


async def _open_world(stack: AsyncExitStack, database_url: str, redis_url: str) -> World:
    opened = [await stack.enter_async_context(open_context(patient_settings(database_url, redis_url))) for _ in "ab"]
    processes = [(context, build_services(context, FixedClock(MONDAY))) for context in opened]
    services = processes[0][1]
    tenant = await services.tenants.create("Small world", mode=Mode.LIVE)
    await services.catalogue.apply(by_business(tenant.id), DOCUMENT)
    first, second = (Engine(services=services, context=context, tenant_id=tenant.id) for context, services in processes)
    outside = await asyncpg.connect(database_url)
    stack.push_async_callback(outside.close)
    return World(processes=(first, second), outside=outside)


class EngineMachine(RuleBasedStateMachine):
    """Each rule does one thing in one of the processes, and compares what it is told with the model."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._world = self._run(_open_world(self._stack, database_url, redis_url))
        self._step = 0
        self._given_back_at = monotonic()
        self._visitors = 0
        self._owed = False
        first = self._world.processes[0]
        catalogue = self._run(CatalogueLoader(first.services.unit_of_work).load(first.tenant_id))
        self._model = Model(catalogue, MONDAY, MINUTES, PIN_SECONDS)
        self._keys = {resource.key: resource.id for resource in catalogue.resources}

    def teardown(self) -> None:
        self._run(self._stack.aclose())
        self._runner.close()

    # Holds.

    @rule(process=processes, wanted=wishes, pick=picks, client=clients)
    def place(self, process: int, wanted: Wanted, pick: int, client: str | None) -> None:
        wish = self._wish(wanted)
        self._place(process, wish, self._some_start(wish, pick), client, None)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, wanted=wishes, pick=picks, client=clients, same=st.booleans())
    def replace_a_hold(self, process: int, wanted: Wanted, pick: int, client: str | None, *, same: bool) -> None:
        replaces = self._some_hold(pick)
        wish = self._model.holds[replaces].wish if same else self._wish(wanted)
        self._place(process, wish, self._some_start(wish, pick), client, replaces)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, pick=picks, client=clients)
    def want_what_another_holds(self, process: int, pick: int, client: str | None) -> None:
        kept = self._model.holds[self._some_hold(pick)]
        wish = replace(kept.wish, resource=min(resource_id for resource_id, _, _ in kept.claims))
        self._place(process, wish, kept.visit.start, client, None)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, wanted=wishes, pick=picks, same=st.booleans())
    def override_holds(self, process: int, wanted: Wanted, pick: int, *, same: bool) -> None:
        kept = self._model.holds[self._some_hold(pick)]
        wish = kept.wish if same else self._wish(wanted)
        start = kept.visit.start if same else self._some_start(wish, pick)
        self._place(process, wish, start, None, None, overrides=True)

    def _place(
        self,
        process: int,
        wish: Wish,
        start: Minute,
        client: str | None,
        replaces: HoldId | None,
        *,
        overrides: bool = False,
    ) -> None:
        expected = self._model.place(wish, start, client=client, replaces=replaces, overrides=overrides)

        engine = self._world.processes[process]
        wished = self._request(
            wish, start, client=client, replaces=replaces, overrides=(Override.HELD,) if overrides else ()
        )
        answer = self._answer(engine.services.holds.place(by_business(engine.tenant_id), wished))

        if isinstance(answer, Code):
            _assert_refused(expected, answer)
            return
        hold, placed = answer
        if isinstance(expected, Again):
            assert (hold.id, placed) == (expected.id, False)
            return
        assert placed
        way = hold.span, _claims(hold)
        if hold.gave_way:
            assert {self._model.holds[other].state for other in hold.gave_way} == {State.HELD}
            _assert_granted_on_some_lanes(expected, way)
        else:
            _assert_granted(expected, way)
        self._model.keep(hold.id, wish, way, client, replaces, gave_way=hold.gave_way)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, pick=picks, seconds=st.sampled_from([120, 330, 550]))
    def extend(self, process: int, pick: int, seconds: int) -> None:
        hold_id = self._some_hold(pick)
        expected = self._model.extend(hold_id, seconds)

        engine = self._world.processes[process]
        answer = self._answer(engine.services.holds.extend(by_business(engine.tenant_id), hold_id, seconds))

        _assert_done_or_refused(expected, answer)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, pick=picks)
    def release(self, process: int, pick: int) -> None:
        hold_id = self._some_hold(pick)
        expected = self._model.release(hold_id)

        engine = self._world.processes[process]
        answer = self._answer(engine.services.holds.release(by_business(engine.tenant_id), hold_id))

        _assert_done_or_refused(expected, answer)

    @precondition(lambda self: self._unended())
    @rule(pick=picks, times=st.sampled_from([1, 1, 4]))
    def let_time_pass(self, pick: int, times: int) -> None:
        hold_id = _some(self._unended(), pick)
        engine = self._world.processes[0]
        seconds = times * PASSING_SECONDS
        self._run(let_pass(engine.context.redis, engine.tenant_id, hold_id, 1000 * seconds))
        self._model.let_pass(hold_id, seconds)

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, pick=picks)
    def die_after_the_pin(self, process: int, pick: int) -> None:
        hold_id = self._some_hold(pick)
        expected = self._model.pin(hold_id)

        engine = self._world.processes[process]
        hold = self._run(engine.services.holds.pin(by_business(engine.tenant_id), hold_id, 1000 * PIN_SECONDS))

        assert (State.GONE if hold is None else State(hold.status.value)) is expected

    # Appointments.

    @precondition(lambda self: self._model.holds)
    @rule(process=processes, pick=picks, if_free=st.booleans(), dies=seldom)
    def confirm(self, process: int, pick: int, *, if_free: bool, dies: bool) -> None:
        hold_id = self._some_hold(pick)
        wish = self._model.holds[hold_id].wish
        expected = self._model.confirm(hold_id, if_free=if_free)

        engine = self._world.processes[process]
        confirmed = engine.services.bookings.confirm(
            by_business(engine.tenant_id), hold_id, self._visitor(), if_free=if_free
        )
        self._note_booked(expected, self._unless_it_dies(engine.services.holds, "settle", confirmed, dies=dies), wish)

    @rule(process=processes, wanted=wishes, pick=picks, dies=seldom)
    def book(self, process: int, wanted: Wanted, pick: int, *, dies: bool) -> None:
        wish = self._wish(wanted)
        start = self._some_start(wish, pick)
        expected = self._model.place(wish, start)

        engine = self._world.processes[process]
        wished = self._request(wish, start)
        booked = engine.services.bookings.book(
            by_business(engine.tenant_id), wished, self._visitor(), idempotency_key=None
        )
        self._note_booked(expected, self._unless_it_dies(engine.services.holds, "settle", booked, dies=dies), wish)

    def _note_booked(self, expected: Refused | Granted | Again, answer: Booked | Code | None, wish: Wish) -> None:
        if isinstance(answer, Code):
            _assert_refused(expected, answer)
            return
        if isinstance(expected, Again):
            if answer is not None:
                assert (answer.appointment.id, answer.created) == (expected.id, False)
                self._model.settle(answer.appointment.hold_id)
            return
        appointment = self._new_appointment()
        assert answer is None or (answer.created and answer.appointment == appointment)
        way = appointment.span, self._claims_of(appointment.id)
        _assert_granted(expected, way)
        server = appointment.parts[0].resource_id
        self._model.book(appointment.id, appointment.hold_id, wish, way, server, settled=answer is not None)

    @precondition(lambda self: self._model.visits)
    @rule(process=processes, pick=picks, dies=seldom)
    def cancel(self, process: int, pick: int, *, dies: bool) -> None:
        visit_id = self._some_visit(pick)
        expected = self._model.cancel(visit_id, settled=not dies)

        engine = self._world.processes[process]
        cancelled = engine.services.appointments.cancel(
            by_customer(engine.tenant_id), visit_id, reason=None, expected_version=None
        )
        answer = self._unless_it_dies(engine.services.cache_sync, "drop_changed", cancelled, dies=dies)

        _assert_done_or_refused(expected, answer)

    @precondition(lambda self: self._model.visits)
    @rule(process=processes, pick=picks, where=picks, key=st.sampled_from([None, None, None, "ann", "bob"]))
    def move(self, process: int, pick: int, where: int, key: str | None) -> None:
        visit_id = self._some_visit(pick)
        start = self._some_start(self._model.visits[visit_id].wish, where, moving=visit_id)
        expected = self._model.move(visit_id, start, self._keys[key] if key else None)

        answer = self._move(process, visit_id, start=to_datetime(start), resource=key)

        if isinstance(answer, Appointment):
            _assert_granted(expected, (answer.span, self._claims_of(visit_id)))
            self._model.moved(visit_id, (answer.span, self._claims_of(visit_id)), answer.parts[0].resource_id)
        else:
            _assert_done_or_refused(expected, answer)

    @precondition(lambda self: self._model.visits and self._model.holds)
    @rule(process=processes, pick=picks, onto=picks, dies=seldom)
    def move_onto_a_hold(self, process: int, pick: int, onto: int, *, dies: bool) -> None:
        visit_id, hold_id = self._some_visit(pick), self._some_hold(onto)
        expected = self._model.move_onto(visit_id, hold_id)

        answer = self._move(process, visit_id, hold_id=hold_id, dies=dies)

        if isinstance(answer, Code):
            _assert_refused(expected, answer)
            return
        engine = self._world.processes[process]
        appointment = self._run(engine.services.appointments.get(by_business(engine.tenant_id), visit_id))
        assert answer in (None, appointment)
        way = appointment.span, self._claims_of(visit_id)
        _assert_granted(expected, way)
        server = appointment.parts[0].resource_id
        self._model.moved(visit_id, way, server, onto=hold_id, settled=answer is not None)

    def _move(
        self, process: int, visit_id: AppointmentId, *, dies: bool = False, **to: Any
    ) -> Appointment | Code | None:
        engine = self._world.processes[process]
        to = {"start": None, "resource": None, "hold_id": None, "expected_version": None} | to
        moved = _rescheduled(engine, visit_id, **to)
        return self._unless_it_dies(engine.services.cache_sync, "drop_changed", moved, dies=dies)

    # The set-up.

    @rule(process=processes, key=staff, pick=picks, minutes=st.sampled_from([10, 45, 200]))
    def add_time_off(self, process: int, key: str, pick: int, minutes: int) -> None:
        engine, span = self._world.processes[process], _span(pick, minutes)
        document = {"start": to_datetime(span.start).isoformat(), "end": to_datetime(span.end).isoformat()}
        entry, _ = self._run(engine.services.time_off.add(by_business(engine.tenant_id), key, document))
        self._model.time_off[entry.id] = self._keys[key], span

    @precondition(lambda self: self._model.time_off)
    @rule(process=processes, pick=picks)
    def delete_time_off(self, process: int, pick: int) -> None:
        engine, time_off_id = self._world.processes[process], _some(self._model.time_off, pick)
        resource_id, _ = self._model.time_off.pop(time_off_id)
        self._run(engine.services.time_off.delete(by_business(engine.tenant_id), resource_id, time_off_id))

    @rule(process=processes, key=staff, hours=st.sampled_from(HOURS))
    def change_hours(self, process: int, key: str, hours: tuple[WallSpan, ...]) -> None:
        self._patch(process, key, {"hours": _spelled(hours)})
        self._model.change(self._keys[key], hours=hours)

    @rule(process=processes, capacity=st.integers(1, 4))
    def change_capacity(self, process: int, capacity: int) -> None:
        self._patch(process, "yoga", {"capacity": capacity})
        self._model.change(self._keys["yoga"], capacity=capacity)

    def _patch(self, process: int, key: str, patch: dict[str, object]) -> None:
        engine = self._world.processes[process]
        self._run(engine.services.objects.patch(by_business(engine.tenant_id), ObjectKind.RESOURCE, key, patch))

    # Redis loses something.

    @rule(pick=picks)
    def evict(self, pick: int) -> None:
        """Some of the keys that may be lost without anybody's noticing; all of them, if so picked."""
        self._run(self._evict(pick % 4))

    async def _evict(self, kept: int) -> None:
        engine = self._world.processes[0]
        prefix = keys.prefix(engine.tenant_id)
        found = sorted([key.decode() async for key in engine.context.redis.scan_iter(f"{prefix}*")])
        lost = [key for key in found if key.removeprefix(prefix).startswith(("clear:", "version:", "catalogue"))]
        lost = [key for number, key in enumerate(lost) if kept == 0 or number % 4 != kept]
        if lost:
            await engine.context.redis.delete(*lost)

    @rule(everything=st.booleans())
    def flush(self, *, everything: bool) -> None:
        """All keys, or all scripts."""
        redis = self._world.processes[0].context.redis
        if everything:
            self._run(_complete(redis.flushdb()))
            self._model.lose_redis()
        else:
            self._run(_complete(redis.script_flush()))

    # Somebody writes past the engine.

    @rule(key=staff, pick=picks, minutes=st.sampled_from([10, 45, 200]))
    def insert_time_off(self, key: str, pick: int, minutes: int) -> None:
        span, time_off_id = _span(pick, minutes), new_time_off_id()
        self._write(_INSERT_TIME_OFF, time_off_id, self._keys[key], *_bounds(span))
        self._model.time_off[time_off_id] = self._keys[key], span

    @precondition(lambda self: self._model.time_off)
    @rule(pick=picks)
    def remove_time_off(self, pick: int) -> None:
        time_off_id = _some(self._model.time_off, pick)
        self._write("DELETE FROM time_off WHERE tenant_id = $1 AND id = $2", time_off_id)
        del self._model.time_off[time_off_id]

    @precondition(lambda self: self._booked())
    @rule(pick=picks, key=apart, lane=st.integers(1, 3), where=picks)
    def insert_claim(self, pick: int, key: str, lane: int, where: int) -> None:
        """One more for an appointment, whoever holds the time."""
        visit = self._model.visits[visit_id := _some(self._booked(), pick)]
        claim = self._keys[key], lane if key == "yoga" else 1, _span(where, 30)

        try:
            self._write(_INSERT_CLAIM, visit_id, *claim[:2], *_bounds(claim[2]))
        except (asyncpg.ExclusionViolationError, asyncpg.UniqueViolationError):
            assert self._model.collides([claim])
        else:
            assert not self._model.collides([claim])
            visit.claims |= {claim}

    @precondition(lambda self: self._booked())
    @rule(pick=picks)
    def delete_claims(self, pick: int) -> None:
        visit_id = _some(self._booked(), pick)
        self._write("DELETE FROM claims WHERE tenant_id = $1 AND appointment_id = $2", visit_id)
        self._model.visits[visit_id].claims = frozenset()

    @rule(key=staff)
    def delete_hours(self, key: str) -> None:
        self._write("DELETE FROM hours WHERE tenant_id = $1 AND resource_id = $2", self._keys[key])
        self._model.change(self._keys[key], hours=())

    def _write(self, statement: str, *values: object) -> None:
        self._owed = True
        self._run(self._world.outside.execute(statement, self._world.processes[0].tenant_id, *values))

    @rule(process=processes)
    def drain(self, process: int) -> None:
        self._run(build_invalidator(self._world.processes[process].context).drain())
        self._owed = False

    # What somebody sees.

    @rule(process=processes, wanted=wishes)
    def look(self, process: int, wanted: Wanted) -> None:
        """At a certain resource, or for a party."""
        self._settle_debts()
        service, key, party = wanted
        wish = self._wish(wanted)

        listing = self._list(
            process, ListingQuery(**_DATES, service=service, resources=(key,) if key else (), party=party)
        )

        assert _starts(listing) == list(self._model.offered(wish))

    @precondition(lambda self: self._booked())
    @rule(process=processes, pick=picks)
    def look_where_to_move(self, process: int, pick: int) -> None:
        self._settle_debts()
        visit_id = _some(self._booked(), pick)
        wish = Wish(self._model.visits[visit_id].wish.service)

        query = ListingQuery(**_DATES, service=wish.service, rescheduling=visit_id)
        listing = self._answer(self._listing(process, query))

        if self._model.visits[visit_id].claims:
            assert isinstance(listing, Listing)
            assert _starts(listing) == list(self._model.offered(wish, moving=visit_id))
        else:
            assert listing == Code.NOT_FOUND

    # What is always so.

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        self._step += 1
        self._give_time_back()
        self._settle_debts()
        self._compare_listings()
        self._compare_holds()
        self._compare_ledger()
        assert self._run(differences(self._world.processes[0], self._world.outside)) == []

    def _compare_listings(self) -> None:
        # Not all after every step: it takes most of the time, and what is wrong stays so.
        turn = self._step % len(EVERYBODY)
        for wish in islice(cycle(EVERYBODY), turn, turn + 3):
            listing = self._list(self._step % 2, ListingQuery(**_DATES, service=wish.service))
            offered = self._model.offered(wish)
            found = [slot for day in listing.days for slot in day.slots]
            expected = [(start, *slot) for start, ways in offered.items() for slot in self._model.slots(wish, ways)]
            listed = [(slot.start, slot.end, slot.resources) for slot in found]
            assert listed == [slot[:3] for slot in expected], wish.service
            for slot, (*_, places) in zip(found, expected, strict=True):
                assert places is None or slot.remaining == places
            if found and wish is EVERYBODY[turn]:
                self._assert_can_be_held(wish.service, _some(_starts(listing), self._step))

    def _assert_can_be_held(self, service: str, start: Minute) -> None:
        engine = self._world.processes[self._step // 2 % 2]
        hold, _ = self._run(engine.services.holds.place(by_business(engine.tenant_id), request(start, service)))
        self._run(engine.services.holds.release(by_business(engine.tenant_id), hold.id))

    def _compare_holds(self) -> None:
        engine = self._world.processes[self._step % 2]
        for hold_id, kept in self._model.holds.items():
            answer = self._answer(engine.services.holds.get(by_business(engine.tenant_id), hold_id))
            if kept.state is State.GONE:
                assert answer is Code.NO_HOLD
            else:
                assert isinstance(answer, Hold)
                assert (answer.status.value, answer.span, _claims(answer)) == (kept.state, kept.visit, kept.claims)
                if kept.ended is None:
                    assert abs(_seconds_until(answer.expires_at) - kept.left) < TOLERANCE_SECONDS
                    assert abs(_seconds_until(answer.extendable_until) - kept.limit) < TOLERANCE_SECONDS

    def _compare_ledger(self) -> None:
        written = self._run(read_ledger(self._world.outside, self._world.processes[0].tenant_id))
        assert written.overlaps == 0
        assert written.live == len(self._booked())
        assert written.claims == sum(len(visit.claims) for visit in self._model.visits.values())

    def _give_time_back(self) -> None:
        """On a busy machine an example takes so long that holds would end by it: only rules let time pass."""
        took = monotonic() - self._given_back_at
        if took < UNNOTICED_SECONDS:
            return
        engine = self._world.processes[0]
        for hold_id in self._unended():
            self._run(let_pass(engine.context.redis, engine.tenant_id, hold_id, -round(1000 * took)))
        self._given_back_at += took

    def _settle_debts(self) -> None:
        """Changes that nobody settled are told by the invalidator: the engine's own are to be seen without it."""
        if self._owed:
            self._run(build_invalidator(self._world.processes[0].context).drain())
            self._owed = False

    # What the rules are made of.

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._runner.run(work)

    def _answer(self, work: Coroutine[Any, Any, _T]) -> _T | Code:
        """What came back, or how the refusal is called."""
        try:
            return self._run(work)
        except DomainError as refusal:
            return Code(refusal.code)

    def _unless_it_dies(
        self, owner: object, step: str, work: Coroutine[Any, Any, _T], *, dies: bool
    ) -> _T | Code | None:
        """What came back; None when the process has died before that step."""
        if not dies:
            return self._answer(work)
        with patch.object(owner, step, side_effect=Died), suppress(Died):
            return self._answer(work)
        self._owed = True
        return None

    def _list(self, process: int, query: ListingQuery) -> Listing:
        return self._run(self._listing(process, query))

    def _listing(self, process: int, query: ListingQuery) -> Coroutine[Any, Any, Listing]:
        engine = self._world.processes[process]
        return engine.services.listing.list_slots(engine.tenant_id, query)

    def _wish(self, wanted: Wanted) -> Wish:
        service, key, party = wanted
        return Wish(service, self._keys[key] if key else None, party)

    def _request(self, wish: Wish, start: Minute, **more: object) -> PlaceRequest:
        """The resource is named by its id, and at other times by its key."""
        named: str | None = wish.resource
        if self._step % 2:
            named = next((key for key, resource_id in self._keys.items() if resource_id == named), None)
        return request(start, wish.service, resource=named, party=wish.party, **more)

    def _some_start(self, wish: Wish, pick: int, moving: AppointmentId | None = None) -> Minute:
        """Mostly one that is offered; of those to move to, often one that overlaps the visit as it is."""
        offered = list(self._model.offered(wish, moving=moving))
        if moving is not None and pick % 2:
            claimed = [span for _, _, span in self._model.visits[moving].claims]
            offered = [start for start in offered if any(span.start <= start < span.end for span in claimed)]
        return _some((pick % 4 != 2 and offered) or MINUTES, pick // 4)

    def _some_visit(self, pick: int) -> AppointmentId:
        """Mostly one that is not cancelled, often the last of them."""
        every = (pick % 4 and self._booked()) or list(self._model.visits)
        return every[-1] if pick % 2 else _some(every, pick // 4)

    def _some_hold(self, pick: int) -> HoldId:
        """Often the last one, else mostly a live one."""
        every = list(self._model.holds)
        live = [hold_id for hold_id in every if self._model.holds[hold_id].is_live]
        return every[-1] if pick % 2 else _some((pick % 4 and live) or every, pick // 4)

    def _unended(self) -> list[HoldId]:
        return [hold_id for hold_id, kept in self._model.holds.items() if kept.ended is None]

    def _booked(self) -> list[AppointmentId]:
        return [visit_id for visit_id, visit in self._model.visits.items() if not visit.cancelled]

    def _visitor(self) -> Details:
        self._visitors += 1
        return details(self._visitors)

    def _new_appointment(self) -> Appointment:
        """The one that is in Postgres and not in the model."""
        engine = self._world.processes[0]
        every, _ = self._run(
            engine.services.appointments.find(by_business(engine.tenant_id), AppointmentFilter(), after=None, limit=200)
        )
        (new,) = (appointment for appointment in every if appointment.id not in self._model.visits)
        return new

    def _claims_of(self, visit_id: AppointmentId) -> frozenset[Claim]:
        engine = self._world.processes[0]
        found = self._run(engine.services.staff_days.own_claims(engine.tenant_id, visit_id)).claims
        return frozenset((claim.resource_id, claim.lane or 0, claim.span) for claim in found)


def _seconds_until(instant: datetime) -> float:
    return (instant - datetime.now(UTC)).total_seconds()


async def _complete(work: Awaitable[object]) -> None:
    await work


def _some(options: Iterable[_T], pick: int) -> _T:
    every = list(options)
    return every[pick % len(every)]


def _span(pick: int, minutes: int) -> Span:
    start = _some(MINUTES, pick)
    return Span(start, start + minutes)


def _bounds(span: Span) -> tuple[datetime, datetime]:
    return to_datetime(span.start), to_datetime(span.end)


def _claims(hold: Hold) -> frozenset[Claim]:
    return frozenset((claim.resource_id, claim.lane, claim.span) for claim in hold.claims)


def _starts(listing: Listing) -> list[Minute]:
    return list(dict.fromkeys(slot.start for day in listing.days for slot in day.slots))


def _assert_refused(expected: object, answer: Code) -> None:
    assert isinstance(expected, Refused), f"refused with {answer}, and not {expected}"
    assert answer in expected.codes


def _assert_granted(expected: object, way: tuple[Span, frozenset[Claim]]) -> None:
    assert isinstance(expected, Granted), f"granted {way}, and not {expected}"
    assert way in expected.ways


async def _rescheduled(engine: Engine, visit_id: AppointmentId, **to: Any) -> Appointment:
    return (await engine.services.appointments.reschedule(by_business(engine.tenant_id), visit_id, **to)).appointment


def _assert_granted_on_some_lanes(expected: object, way: tuple[Span, frozenset[Claim]]) -> None:
    """Lanes that nobody holds are chosen before those whose holds give way."""
    assert isinstance(expected, Granted), f"granted {way}, and not {expected}"
    assert _without_lanes(way) in [_without_lanes(other) for other in expected.ways]


def _without_lanes(way: tuple[Span, frozenset[Claim]]) -> tuple[Span, Counter[tuple[str, Minute]]]:
    """How many lanes of each resource are claimed in each minute, in whichever pieces."""
    minutes = ((resource_id, minute) for resource_id, _, span in way[1] for minute in range(span.start, span.end))
    return way[0], Counter(minutes)


def _assert_done_or_refused(expected: object, answer: object) -> None:
    if isinstance(answer, Code):
        _assert_refused(expected, answer)
    else:
        assert not isinstance(expected, Refused), f"done, and not {expected}"


@pytest.mark.parametrize("share", range(_SHARES))
def test_answers_are_those_of_the_model(
    database_url: str, redis_url: str, pytestconfig: pytest.Config, share: int
) -> None:
    def machine() -> EngineMachine:
        return EngineMachine(database_url, redis_url)

    # Where the same examples are wanted in every run (tests/conftest.py), only a seed that was asked for counts.
    asked = pytestconfig.getoption("--hypothesis-seed") or (0 if EXAMPLES.derandomize else None)
    number = SystemRandom().getrandbits(64) if asked is None else int(asked)
    # Beyond 64 bits, so that the numbers of one share are not those of another.
    of_share = number + (share << 64)

    try:
        run_state_machine_as_test(seed(of_share)(machine), settings=EXAMPLES)  # type: ignore[arg-type]
    except BaseException as failure:
        failure.add_note(f"To see it again: pytest tests/stateful --hypothesis-seed={number}")
        raise
