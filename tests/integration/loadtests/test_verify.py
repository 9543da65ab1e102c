"""The judgement of a load run on real stores: a good run is kept, and whatever is broken by hand is told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bootstrap.loops import build_invalidator
from catalogue.tenants import KeyKind
from kernel.ids import HoldId
from loadtests.faults.history import Exchange, Operation
from loadtests.journal import Journal, Opening
from loadtests.verify import reading
from loadtests.verify import run as judgement
from loadtests.verify.run import Evidence, verify
from persistence import keys
from tests.support.engine import Engine, running_engine
from tests.support.shared_routes import app_with_shared_routes

pytestmark = pytest.mark.own_database

TRUE: Final = "what was answered is in Postgres, as it was answered"
APART: Final = "no two claims of a lane overlap"
ROOM: Final = "no resource serves more at once than it can, by its appointments"
PROMISED: Final = "every hold is live with its minutes, or ended as its visitor was told"
FORGOTTEN: Final = "no record of a hold is kept longer than it should be"
LISTED: Final = "no list names a hold that is not live"
AUDITED: Final = "the audit finds nothing"
DRAINED: Final = "Redis is told of every change"
WHOLE: Final = "the journal is whole"


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day at the barbershop as a journal has it, and somebody who writes past the engine."""

    engine: Engine
    evidence: Evidence
    outside: "asyncpg.Connection[Any]"
    held: str
    """A live hold."""
    booked: str
    other: str
    """Another appointment, at another time."""
    cancelled: str

    async def corrupt(self, statement: str, *arguments: object) -> None:
        """Write what no trigger and no foreign key sees."""
        async with self.outside.transaction():
            await self.outside.execute("SET LOCAL session_replication_role = replica")
            await self.outside.execute(statement, *arguments)

    async def broken(self) -> set[str]:
        """The promises that were not kept."""
        return {check.promise for check in (await verify(self.evidence)).checks if not check.kept}


class Visitor:
    """Asks through the API, and notes what a load test would."""

    def __init__(self, client: httpx.AsyncClient, journal: Journal) -> None:
        self._client = client
        self._journal = journal
        self._sent = 0

    async def ask(
        self, operation: Operation, path: str, body: Mapping[str, Any] | None = None, *, subject: str | None = None
    ) -> dict[str, Any]:
        method = "DELETE" if operation is Operation.RELEASE else "POST"
        answer = await self._client.request(method, path, json=body)
        assert answer.is_success, answer.text
        self._sent += 1
        found: dict[str, Any] = answer.json() if answer.content else {}
        self._journal.note(
            Exchange(
                client=1,
                server="http://engine",
                operation=operation,
                attempt=str(self._sent),
                subject=subject,
                sent=body,
                sent_at=self._sent,
                ended_at=self._sent + 0.5,
                status=answer.status_code,
                media_type="application/json",
                answer=found or None,
            )
        )
        return found

    async def hold(self, hour: str, **more: object) -> str:
        wish = {"service": "haircut", "resource": "noa", "start": f"2026-12-01T{hour}:00+02:00", **more}
        return str((await self.ask(Operation.HOLD, "/v1/holds", wish))["id"])

    async def book(self, hour: str, number: int) -> str:
        hold_id = await self.hold(hour)
        body = {"customer": {"name": "Ann", "email": f"ann{number}@example.com"}, "metadata": {"attempt": str(number)}}
        path = f"/v1/holds/{hold_id}/confirm"
        return str((await self.ask(Operation.CONFIRM, path, body, subject=hold_id))["id"])


@pytest.fixture
async def day(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Day]:
    monkeypatch.setattr(judgement, "_DRAIN_SECONDS", 0.5)
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key
        app = app_with_shared_routes(engine.context, engine.services)
        transport = httpx.ASGITransport(app)
        opening = Opening(seed=7, host="http://engine", process=0, began_at=1.0, capacities={"noa": 1, "dan": 1})
        journal = Journal(tmp_path, opening)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as client:
            visitor = Visitor(client, journal)
            held = await visitor.hold("09:00", client="ann")
            booked = await visitor.book("10:00", 1)
            other = await visitor.book("11:00", 2)
            cancelled = await visitor.book("14:00", 3)
            await visitor.ask(Operation.CANCEL, f"/v1/appointments/{cancelled}/cancel", subject=cancelled)
            released = await visitor.hold("15:00")
            await visitor.ask(Operation.RELEASE, f"/v1/holds/{released}", subject=released)
            # So that there are bitmaps to be compared.
            await client.get("/v1/availability?service=haircut&from=2026-12-01&to=2026-12-01")
        journal.close()
        await build_invalidator(engine.context).drain()
        monkeypatch.setattr(reading, "_client", lambda host: httpx.AsyncClient(transport=transport, base_url=host))
        yield Day(
            engine=engine,
            evidence=Evidence(journal=tmp_path, database_url=database_url, redis_url=redis_url, key=key),
            outside=outside,
            held=held,
            booked=booked,
            other=other,
            cancelled=cancelled,
        )
    await outside.close()


async def test_good_run_is_kept(day: Day) -> None:
    finding = await verify(day.evidence)

    assert [check.promise for check in finding.checks if not check.kept] == []
    assert {TRUE, APART, ROOM, PROMISED, FORGOTTEN, LISTED, AUDITED, DRAINED, WHOLE} <= {
        check.promise for check in finding.checks
    }
    assert all(check.examined for check in finding.checks)
    assert [sentence for sentence in finding.unchecked if "requests.json" not in sentence] == []


async def delete_an_appointment(day: Day) -> None:
    for table, column in (
        ("claims", "appointment_id"),
        ("appointment_resources", "appointment_id"),
        ("appointments", "id"),
    ):
        await day.corrupt(f"DELETE FROM {table} WHERE {column} = $1", day.booked)  # noqa: S608 - names of ours


async def move_an_appointment(day: Day) -> None:
    await day.corrupt(
        "UPDATE appointments SET starts_at = starts_at + '1 hour'::interval, ends_at = ends_at + '1 hour'::interval"
        " WHERE id = $1",
        day.booked,
    )


async def revive_a_cancelled_one(day: Day) -> None:
    await day.corrupt("UPDATE appointments SET status = 'confirmed' WHERE id = $1", day.cancelled)


async def sell_the_time_again(day: Day) -> None:
    await day.outside.execute("ALTER TABLE claims DROP CONSTRAINT claims_lane_overlap")
    await day.corrupt(
        "INSERT INTO claims (tenant_id, appointment_id, lane_id, during)"
        " SELECT tenant_id, $2, lane_id, during FROM claims WHERE appointment_id = $1",
        day.booked,
        day.other,
    )


async def let_two_come_at_once(day: Day) -> None:
    """Without a claim that would show it."""
    await day.corrupt(
        "UPDATE appointment_resources AS one SET starts_at = other.starts_at, ends_at = other.ends_at"
        " FROM appointment_resources AS other WHERE one.appointment_id = $2 AND other.appointment_id = $1",
        day.booked,
        day.other,
    )


async def leave_an_entry_behind(day: Day) -> None:
    redis, tenant_id = day.engine.context.redis, day.engine.tenant_id
    (key,) = [key async for key in redis.scan_iter(f"{keys.prefix(tenant_id)}held:*")]
    text = await redis.get(key)
    assert isinstance(text, bytes)
    stray = text.decode().replace(day.held, "hld_00000000000000000000000000", 1)
    await redis.set(key, f"{text.decode()} {stray}", keepttl=True)


async def lose_a_hold(day: Day) -> None:
    await day.engine.context.redis.delete(keys.hold(day.engine.tenant_id, HoldId(day.held)))


async def drop_the_lists(day: Day) -> None:
    redis = day.engine.context.redis
    async for key in redis.scan_iter(f"{keys.prefix(day.engine.tenant_id)}held:*"):
        await redis.delete(key)


async def keep_a_record_for_ever(day: Day) -> None:
    await day.engine.context.redis.persist(keys.hold(day.engine.tenant_id, HoldId(day.held)))


async def spoil_a_bitmap(day: Day) -> None:
    redis = day.engine.context.redis
    key, *_ = [key async for key in redis.scan_iter(f"{keys.prefix(day.engine.tenant_id)}clear:*")]
    await redis.setbit(key, 1500, 1 - await redis.getbit(key, 1500))


async def forget_to_tell_redis(day: Day) -> None:
    await day.outside.execute("INSERT INTO invalidations (tenant_id) VALUES ($1)", day.engine.tenant_id)


async def cut_the_journal_off(day: Day) -> None:
    (path,) = day.evidence.journal.iterdir()
    path.write_text(path.read_text()[:-30])


@pytest.mark.parametrize(
    ("corrupt", "promises"),
    [
        (delete_an_appointment, {TRUE, AUDITED}),
        (move_an_appointment, {TRUE}),
        (revive_a_cancelled_one, {TRUE}),
        (sell_the_time_again, {APART}),
        (let_two_come_at_once, {ROOM}),
        (leave_an_entry_behind, {LISTED, AUDITED}),
        (lose_a_hold, {PROMISED, LISTED, AUDITED}),
        (drop_the_lists, {PROMISED, AUDITED}),
        (keep_a_record_for_ever, {FORGOTTEN}),
        (spoil_a_bitmap, {AUDITED}),
        (forget_to_tell_redis, {DRAINED}),
        (cut_the_journal_off, {WHOLE}),
    ],
)
async def test_what_is_broken_is_told(day: Day, corrupt: Callable[[Day], Awaitable[None]], promises: set[str]) -> None:
    await corrupt(day)

    assert promises <= await day.broken()


async def test_run_is_judged_through_the_api_where_no_store_is_named(day: Day) -> None:
    from_outside = replace(day.evidence, database_url=None, redis_url=None)

    finding = await verify(from_outside)

    assert [check.promise for check in finding.checks if not check.kept] == []
    assert any("claims" in sentence for sentence in finding.unchecked)
    assert any("bitmaps" in sentence for sentence in finding.unchecked)


@pytest.mark.parametrize(
    ("corrupt", "promise"),
    [
        (delete_an_appointment, TRUE),
        (move_an_appointment, TRUE),
        (revive_a_cancelled_one, TRUE),
        (lose_a_hold, "every hold that should live is live, by what the API says"),
    ],
)
async def test_what_is_broken_is_told_through_the_api(
    day: Day, corrupt: Callable[[Day], Awaitable[None]], promise: str
) -> None:
    await corrupt(day)

    finding = await verify(replace(day.evidence, database_url=None, redis_url=None))
    assert promise in {check.promise for check in finding.checks if not check.kept}
