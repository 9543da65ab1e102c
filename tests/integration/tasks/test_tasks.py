"""A task is done at least once: by one worker at a time, again after a failure, and parked in the end."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import TextClause, text

from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from tasks import repository
from tasks.model import PlannedTask, RunAgain, Task, TaskFailed, TaskHandler, TaskKind
from tasks.repository import ClaimLimit, TaskRepository
from tasks.service import TaskService
from telemetry.measures import TASKS_DONE, TASKS_FAILED
from tests.support.engine import Engine
from workers.task_lag import TaskLagLoop, TaskLagReport
from workers.tasks import TaskLoop, TaskReport

# Workers serve all businesses of a database.
pytestmark = pytest.mark.own_database

_KIND: Final = TaskKind(name="tested.work", lease_seconds=30, retry_seconds=(10, 100), concurrency=8)


async def _succeed(_task: Task) -> None:
    pass


@dataclass(slots=True)
class Handler:
    """Does what the test says, and remembers what it was given."""

    act: Callable[[Task], Awaitable[RunAgain | None]] = _succeed
    kind: TaskKind = _KIND
    seen: list[Task] = field(default_factory=list)

    async def run(self, task: Task) -> RunAgain | None:
        self.seen.append(task)
        return await self.act(task)


@dataclass(frozen=True, slots=True)
class Shop:
    engine: Engine
    outside: "asyncpg.Connection[Any]"

    @property
    def tenant_id(self) -> TenantId:
        return self.engine.tenant_id

    @property
    def tasks(self) -> TaskService:
        return TaskService(self.engine.context.engine)

    def loop(self, *handlers: TaskHandler) -> TaskLoop:
        return TaskLoop(engine=self.engine.context.engine, handlers=handlers, metrics=self.engine.context.metrics)

    async def run(self, *handlers: TaskHandler) -> TaskReport:
        return await self.loop(*handlers).run_once(asyncio.Event())

    async def plan(self, *subjects: str, **more: Any) -> None:
        await self.tasks.plan(*(self.planned(subject, **more) for subject in subjects))

    def planned(self, subject: str, **more: Any) -> PlannedTask:
        return PlannedTask(tenant_id=self.tenant_id, subject=subject, **{"kind": _KIND.name, **more})

    async def rows(self) -> Sequence[Any]:
        return await self.outside.fetch("SELECT * FROM tasks ORDER BY id")

    async def make_due(self) -> None:
        await self.outside.execute("UPDATE tasks SET due_at = now() - interval '1 second'")

    async def claim(self, lease_seconds: float = 30) -> list[Task]:
        async with self.engine.context.engine.begin() as connection:
            return await TaskRepository(connection).claim([ClaimLimit(replace(_KIND, lease_seconds=lease_seconds), 9)])


@pytest.fixture
async def shop(engine: Engine, outside: "asyncpg.Connection[Any]") -> Shop:
    return Shop(engine, outside)


async def test_task_that_is_due_is_done_and_gone(shop: Shop) -> None:
    await shop.plan("apt_1")
    await shop.plan("apt_2", due_at=datetime.now(UTC) + timedelta(hours=1))
    handler = Handler()

    report = await shop.run(handler)

    assert report == TaskReport(done=1, failed=0)
    assert [(task.subject, task.attempt, task.tenant_id) for task in handler.seen] == [("apt_1", 1, shop.tenant_id)]
    assert [row["subject"] for row in await shop.rows()] == ["apt_2"]
    assert shop.engine.context.metrics.take_counts()[f"{TASKS_DONE.name}:{_KIND.name}"] == 1


async def test_failed_task_is_tried_again_by_its_schedule_and_then_parked(shop: Shop) -> None:
    async def fail(_task: Task) -> None:
        raise TaskFailed("no answer")

    handler = Handler(fail)
    await shop.plan("apt_1")
    pauses, row = [], None
    for _ in range(3):
        before = datetime.now(UTC)
        assert await shop.run(handler) == TaskReport(done=0, failed=1)
        (row,) = await shop.rows()
        pauses.append((row["due_at"] - before).total_seconds())
        if row["parked_at"] is None:
            await shop.make_due()

    assert [task.attempt for task in handler.seen] == [1, 2, 3]
    assert 8 <= pauses[0] <= 13
    assert 80 <= pauses[1] <= 121
    assert row is not None
    assert (row["parked_at"] is not None, row["last_error"], row["leased_until"]) == (True, "no answer", None)
    assert shop.engine.context.metrics.take_counts()[f"{TASKS_FAILED.name}:{_KIND.name}"] == 3
    assert await shop.run(handler) == TaskReport(done=0, failed=0)


async def test_parked_task_is_run_again_or_dropped_by_an_operator(shop: Shop) -> None:
    async def fail(_task: Task) -> None:
        raise TaskFailed("no answer")

    kind = replace(_KIND, retry_seconds=())
    await shop.plan("apt_1", "apt_2", "apt_3")
    await shop.run(Handler(fail, kind))
    first, second, third = await shop.tasks.find()

    retried = await shop.tasks.retry([first.id])
    dropped = await shop.tasks.drop([second.id, -1])
    again = Handler(kind=kind)
    await shop.run(again)

    assert (retried, dropped) == (1, 1)
    assert [(task.subject, task.attempt) for task in again.seen] == [(first.subject, 1)]
    assert [task.id for task in await shop.tasks.find()] == [third.id]
    assert await shop.tasks.retry(kind=_KIND.name) == 1
    assert await shop.tasks.find() == []
    assert [task.id for task in await shop.tasks.find(parked=False)] == [third.id]


async def test_failure_says_itself_when_to_try_again(shop: Shop) -> None:
    async def fail(_task: Task) -> None:
        raise TaskFailed("busy", retry_seconds=3600)

    await shop.plan("apt_1")
    before = datetime.now(UTC)

    await shop.run(Handler(fail))

    (row,) = await shop.rows()
    assert 3599 <= (row["due_at"] - before).total_seconds() <= 3660


async def test_error_that_nobody_expected_is_told_without_its_words(shop: Shop) -> None:
    async def fail(_task: Task) -> None:
        raise ValueError("ada@example.com")

    await shop.plan("apt_1")

    await shop.run(Handler(fail))

    (row,) = await shop.rows()
    assert row["last_error"] == "ValueError"


async def test_cancellation_that_a_handler_lets_out_is_a_failure(shop: Shop) -> None:
    attempts = 0

    async def let_out(_task: Task) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            return
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    await shop.plan("apt_1")
    assert await shop.run(Handler(let_out)) == TaskReport(done=0, failed=1)

    (row,) = await shop.rows()
    assert (attempts, row["attempt"], row["leased_until"]) == (1, 1, None)


async def test_lost_store_is_no_failure_of_the_task(shop: Shop) -> None:
    async def fail(_task: Task) -> None:
        raise StoreUnavailable("away")

    await shop.plan("apt_1")

    report = await shop.run(Handler(fail, replace(_KIND, retry_seconds=())))

    (row,) = await shop.rows()
    assert (report.failed, row["parked_at"], row["attempt"]) == (0, None, 0)


async def test_task_may_be_due_again_after_it_went_well(shop: Shop) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)

    async def come_back(_task: Task) -> RunAgain:
        return RunAgain(later)

    await shop.plan("apt_1")

    report = await shop.run(Handler(come_back))

    (row,) = await shop.rows()
    assert report.done == 1
    assert (row["due_at"], row["attempt"], row["leased_until"]) == (later, 0, None)


async def test_handler_that_takes_longer_than_its_lease_is_cancelled_and_tried_again(shop: Shop) -> None:
    async def hang(_task: Task) -> None:
        await asyncio.Event().wait()

    await shop.plan("apt_1")

    report = await shop.run(Handler(hang, replace(_KIND, lease_seconds=1.2)))

    (row,) = await shop.rows()
    assert (report.failed, row["last_error"]) == (1, "took longer than its lease")


class TestKeys:
    async def test_later_plan_takes_the_place_of_the_earlier(self, shop: Shop) -> None:
        later = datetime.now(UTC) + timedelta(hours=2)
        await shop.plan("apt_1", key="reminder")
        await shop.plan("apt_1", key="reminder", due_at=later)

        (row,) = await shop.rows()
        assert row["due_at"] == later

    async def test_sooner_plan_counts_where_work_gathers(self, shop: Shop) -> None:
        soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))
        await shop.plan("web_1", key="web_1", due_at=soon, keeps_sooner=True)
        await shop.plan("web_1", key="web_1", due_at=later, keeps_sooner=True)

        (row,) = await shop.rows()
        assert row["due_at"] == soon

    async def test_plans_of_one_call_are_one_task(self, shop: Shop) -> None:
        soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))
        await shop.tasks.plan(
            *(shop.planned("web_1", key="web_1", due_at=at, keeps_sooner=True) for at in (later, soon, later)),
            *(shop.planned("apt_1", key="apt_1", due_at=at) for at in (later, soon)),
        )

        assert [(row["key"], row["due_at"]) for row in await shop.rows()] == [("apt_1", soon), ("web_1", soon)]

    async def test_same_key_of_another_business_or_kind_is_another_task(self, shop: Shop) -> None:
        await shop.plan("apt_1", key="one")
        await shop.plan("apt_1", key="one", kind="tested.other")
        await shop.tasks.plan(replace(shop.planned("apt_1", key="one"), tenant_id=TenantId(UUID(int=1))))

        assert len(await shop.rows()) == 3

    async def test_removed_task_is_not_run(self, shop: Shop) -> None:
        await shop.plan("apt_1", key="reminder")
        async with shop.engine.context.engine.begin() as connection:
            await TaskRepository(connection).remove(shop.tenant_id, _KIND.name, ["reminder"])

        assert await shop.run(Handler()) == TaskReport(done=0, failed=0)

    async def test_task_planned_again_while_it_runs_is_run_again(self, shop: Shop) -> None:
        async def plan_again(task: Task) -> None:
            if len(handler.seen) == 1:
                await shop.plan("apt_1", key="one", keeps_sooner=True)

        handler = Handler(plan_again)
        await shop.plan("apt_1", key="one")

        report = await shop.run(handler)

        assert report.done == 2
        assert await shop.rows() == []

    async def test_task_planned_again_is_not_given_to_a_second_worker_meanwhile(self, shop: Shop) -> None:
        await shop.plan("apt_1", key="one")
        (claimed,) = await shop.claim()
        await shop.plan("apt_1", key="one", keeps_sooner=True)

        assert await shop.claim() == []
        async with shop.engine.context.engine.begin() as connection:
            await TaskRepository(connection).finish(claimed)
        assert [task.subject for task in await shop.claim()] == ["apt_1"]

    async def test_parked_task_that_is_planned_again_is_tried_again(self, shop: Shop) -> None:
        async def fail(_task: Task) -> None:
            raise TaskFailed("no answer")

        await shop.plan("apt_1", key="one")
        await shop.run(Handler(fail, replace(_KIND, retry_seconds=())))
        await shop.plan("apt_1", key="one", keeps_sooner=True)

        assert await shop.run(Handler()) == TaskReport(done=1, failed=0)


class TestLeases:
    async def test_task_of_a_worker_that_died_is_done_by_another(self, shop: Shop) -> None:
        await shop.plan("apt_1")
        (lost,) = await shop.claim()
        handler = Handler()

        assert await shop.run(handler) == TaskReport(done=0, failed=0)
        await shop.outside.execute("UPDATE tasks SET leased_until = now() - interval '1 second'")
        await shop.run(handler)

        assert [task.attempt for task in handler.seen] == [lost.attempt + 1]

    async def test_task_that_ends_its_worker_each_time_is_parked(self, shop: Shop) -> None:
        await shop.plan("apt_1")
        for _ in range(3):
            assert len(await shop.claim()) == 1
            await shop.outside.execute("UPDATE tasks SET leased_until = now() - interval '1 second'")
        handler = Handler()

        assert await shop.run(handler) == TaskReport(done=0, failed=1)

        (parked,) = await shop.tasks.find()
        assert handler.seen == []
        assert (parked.subject, parked.attempt) == ("apt_1", 4)
        assert parked.last_error is not None
        assert "its worker stopped each time" in parked.last_error
        assert await shop.tasks.retry([parked.id]) == 1
        assert await shop.run(handler) == TaskReport(done=1, failed=0)

    async def test_worker_whose_lease_ran_out_ends_nothing_of_the_next(self, shop: Shop) -> None:
        await shop.plan("apt_1")
        (first,) = await shop.claim()
        await shop.outside.execute("UPDATE tasks SET leased_until = now() - interval '1 second'")
        (second,) = await shop.claim()

        async with shop.engine.context.engine.begin() as connection:
            repository = TaskRepository(connection)
            await repository.finish(first)
            await repository.park(first, "late")
            await repository.retry_later(first, 1, "late")

        (row,) = await shop.rows()
        assert (row["leased_until"], row["parked_at"], row["last_error"]) == (second.leased_until, None, None)

    async def test_workers_share_what_is_due_and_do_nothing_twice(self, shop: Shop) -> None:
        await shop.plan(*(f"apt_{number}" for number in range(60)))
        handlers = [Handler() for _ in range(3)]

        reports = await asyncio.gather(*(shop.run(handler) for handler in handlers))

        assert sum(report.done for report in reports) == 60
        assert sorted(task.id for handler in handlers for task in handler.seen) == sorted(
            {task.id for handler in handlers for task in handler.seen}
        )

    async def test_kind_that_this_program_does_not_know_is_left_to_others(self, shop: Shop) -> None:
        await shop.plan("apt_1", kind="newer.kind")

        assert await shop.run(Handler()) == TaskReport(done=0, failed=0)
        assert len(await shop.rows()) == 1

    async def test_kind_is_done_so_many_at_once_and_keeps_no_other_waiting(self, shop: Shop) -> None:
        release, begun = asyncio.Event(), asyncio.Semaphore(0)

        async def wait(_task: Task) -> None:
            begun.release()
            await release.wait()

        slow = Handler(wait, replace(_KIND, name="tested.slow", concurrency=2))
        quick_done = asyncio.Event()

        async def note(_task: Task) -> None:
            quick_done.set()

        await shop.plan(*(f"apt_{number}" for number in range(5)), kind="tested.slow")
        running = asyncio.create_task(shop.run(slow, Handler(note)))
        await begun.acquire()
        await begun.acquire()
        await shop.plan("apt_9")
        await quick_done.wait()

        assert len(slow.seen) == 2
        release.set()
        assert (await running).done == 6

    async def test_loop_that_is_told_to_stop_gives_back_what_does_not_end(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workers.tasks._GRACE_SECONDS", 0.01)
        begun = asyncio.Event()

        async def hang(_task: Task) -> None:
            begun.set()
            await asyncio.Event().wait()

        await shop.plan("apt_1")
        stop = asyncio.Event()
        running = asyncio.create_task(shop.loop(Handler(hang)).run_once(stop))
        await begun.wait()
        stop.set()
        await running

        (row,) = await shop.rows()
        assert (row["leased_until"], row["attempt"]) == (None, 0)


class TestLags:
    async def _report(self, shop: Shop) -> TaskLagReport:
        loop = TaskLagLoop(
            engine=shop.engine.context.engine,
            kinds=[_KIND.name, "tested.idle"],
            metrics=shop.engine.context.metrics,
        )
        return await loop.run_once(asyncio.Event())

    async def test_lag_is_that_of_the_longest_due_task_that_nobody_has(self, shop: Shop) -> None:
        await shop.plan("apt_1", due_at=datetime.now(UTC) - timedelta(minutes=5))
        await shop.plan("apt_2", due_at=datetime.now(UTC) - timedelta(minutes=1))
        await shop.plan("apt_3", due_at=datetime.now(UTC) + timedelta(minutes=1))
        late = await self._report(shop)
        async with shop.engine.context.engine.begin() as connection:
            await TaskRepository(connection).claim([ClaimLimit(_KIND, 1)])

        claimed = await self._report(shop)

        assert late.longest_seconds == pytest.approx(300, abs=50)
        assert claimed.longest_seconds == pytest.approx(60, abs=50)
        gauges = shop.engine.context.metrics.gauges
        assert gauges["task_lag_seconds:tested.idle"] == 0
        assert gauges[f"task_lag_seconds:{_KIND.name}"] == pytest.approx(claimed.longest_seconds, abs=0.001)

    async def test_parked_tasks_are_counted_and_are_not_late(self, shop: Shop) -> None:
        async def fail(_task: Task) -> None:
            raise TaskFailed("no answer")

        await shop.plan("apt_1", "apt_2")
        await shop.run(Handler(fail, replace(_KIND, retry_seconds=())))

        assert await self._report(shop) == TaskLagReport(longest_seconds=0.0, parked=2)


@pytest.mark.parametrize("statement", [repository.CLAIM, repository.LAG])
async def test_workers_look_no_further_than_what_is_due(shop: Shop, statement: TextClause) -> None:
    await shop.outside.execute(
        "INSERT INTO tasks (tenant_id, kind, subject, due_at)"
        " SELECT md5(n::text)::uuid, 'tested.work', 'apt_' || n, timestamptz '2100-01-01'"
        " FROM generate_series(1, 20000) AS n"
    )
    await shop.outside.execute("ANALYZE tasks")
    values = {"kinds": [_KIND.name], "rooms": [8], "leases": [30.0], "go_on": [False], "most": 1000}

    async with shop.engine.context.engine.connect() as connection:
        plan = await connection.execute(
            text(f"EXPLAIN (ANALYZE, BUFFERS) {statement.text}"),
            {name: value for name, value in values.items() if f":{name}" in statement.text},
        )
        lines = [line for (line,) in plan]
        lines = lines[: lines.index("Planning:")]

    assert any("tasks_due_idx" in line for line in lines)
    assert not any("Seq Scan on tasks" in line for line in lines)
    # A handful of pages of an index, of some hundred that the table has.
    assert max(int(match[1]) for line in lines if (match := re.search(r"shared hit=(\d+)", line))) < 30
