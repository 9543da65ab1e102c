"""A suspended business: no credential of it opens anything, its work waits, and all goes on once it is resumed."""

import asyncio
from typing import Final

from sqlalchemy import text

from bootstrap.services import build_services
from businesses.standings import LATEST_SECONDS, Standings
from tasks.model import PlannedTask, Task, TaskKind
from tasks.repository import TaskRepository
from telemetry.measures import BUSINESSES_SUSPENDED
from tests.support.door import Door, as_customer_of
from tests.support.operator import Operator
from workers.suspensions import SuspensionLoop
from workers.task_lag import TaskLagLoop
from workers.tasks import TaskLoop

_IN_TIME: Final = 30.0


async def _refused(door: Door, headers: dict[str, str], path: str = "/v1/me") -> None:
    """Wait until the credential is refused; nothing but the suspension refuses it meanwhile."""
    async with asyncio.timeout(_IN_TIME):
        while True:
            answered = await door.http.get(path, headers=headers)
            if answered.status_code != 200:
                break
    assert (answered.status_code, answered.json()["code"]) == (403, "business_suspended")


async def test_every_credential_is_refused_and_works_again(operator: Operator) -> None:
    door = operator.door
    await door.set_up("barbershop")
    start = next(iter(await door.slots("haircut", "2026-12-01", resource="noa")))
    booked = await door.book("haircut", start)
    ticket = (await door.send("POST", "/v1/stream-tickets", json={}, status=201))["ticket"]
    token, path = as_customer_of(booked), f"/v1/appointments/{booked['id']}"

    suspended = await operator.suspend(door.tenant_id)
    again = await operator.suspend(door.tenant_id)

    assert suspended["suspended"] is True
    assert again["suspended_at"] == suspended["suspended_at"] is not None
    await _refused(door, door.secret)
    await _refused(door, door.publishable)
    await _refused(door, token, path)
    await _refused(door, {}, f"/v1/events/stream?ticket={ticket}")
    hold = await door.http.post("/v1/holds", headers=door.publishable, json={"service": "haircut", "start": start})
    assert (hold.status_code, hold.json()["code"]) == (403, "business_suspended")
    assert (await operator.ask("GET", f"/{door.tenant_id}", status=200))["suspended"] is True
    resumed = await operator.suspend(door.tenant_id, suspended=False)
    assert (resumed["suspended"], resumed["suspended_at"]) == (False, None)
    async with asyncio.timeout(_IN_TIME):
        while (await door.http.get("/v1/me", headers=door.secret)).status_code != 200:
            pass
    assert (await door.send("GET", path, headers=token, status=200))["status"] == "confirmed"


async def test_other_businesses_go_on(operator: Operator) -> None:
    made = await operator.make()
    other = {"Authorization": f"Bearer {made['secret_key']}"}

    await operator.suspend(operator.door.tenant_id)

    await _refused(operator.door, operator.door.secret)
    await operator.door.send("GET", "/v1/me", headers=other, status=200)


async def test_open_stream_ends(operator: Operator) -> None:
    door, ended = operator.door, asyncio.Event()
    streams = build_services(door.context).open_streams
    async with streams.opening(door.tenant_id, "", by_visitor=False) as stream:
        stream.wake = ended.set

        await operator.suspend(door.tenant_id)

        async with asyncio.timeout(_IN_TIME):
            await ended.wait()
        assert stream.has_ended


class _Noting:
    """Notes the tasks that it is given."""

    def __init__(self, kind: TaskKind) -> None:
        self.kind = kind
        self.done: list[str] = []

    async def run(self, task: Task) -> None:
        self.done.append(task.subject)


_WAITS: Final = TaskKind(name="tested.waits", lease_seconds=30, retry_seconds=(), concurrency=8)
_GOES_ON: Final = TaskKind(
    name="tested.goes_on", lease_seconds=30, retry_seconds=(), concurrency=8, goes_on_while_suspended=True
)


async def test_tasks_wait_and_are_done_once_it_is_resumed(operator: Operator) -> None:
    context, tenant_id = operator.door.context, operator.door.tenant_id
    waits, goes_on = _Noting(_WAITS), _Noting(_GOES_ON)
    loop = TaskLoop(engine=context.engine, handlers=(waits, goes_on), metrics=context.metrics)
    lags = TaskLagLoop(engine=context.engine, kinds=[_WAITS.name], metrics=context.metrics)
    async with context.engine.begin() as connection:
        await TaskRepository(connection).plan(
            [PlannedTask(tenant_id=tenant_id, kind=kind.name, subject="apt_1") for kind in (_WAITS, _GOES_ON)]
        )
    await operator.suspend(tenant_id)

    await loop.run_once(asyncio.Event())

    assert (waits.done, goes_on.done) == ([], ["apt_1"])
    # What waits on purpose is not late.
    assert (await lags.run_once(asyncio.Event())).longest_seconds == 0
    await operator.suspend(tenant_id, suspended=False)
    await loop.run_once(asyncio.Event())
    assert waits.done == ["apt_1"]


async def test_suspended_businesses_are_counted(operator: Operator) -> None:
    context = operator.door.context
    loop = SuspensionLoop(engine=context.engine, metrics=context.metrics)
    before = (await loop.run_once(asyncio.Event())).suspended

    await operator.suspend(operator.door.tenant_id)

    assert (await loop.run_once(asyncio.Event())).suspended == before + 1
    assert context.metrics.gauges[BUSINESSES_SUSPENDED.name] == before + 1


async def test_process_that_has_not_asked_for_a_while_asks_for_all(operator: Operator) -> None:
    """Else it asks for what changed within the last minute."""
    now = 1000.0
    standings = Standings(operator.door.context.engine, elapsed=lambda: now)
    tenant_id = operator.door.tenant_id
    assert list(await standings.among([tenant_id])) == []
    await operator.suspend(tenant_id)
    async with operator.door.context.engine.begin() as connection:
        await connection.execute(text("UPDATE standings SET changed_at = now() - interval '5 minutes'"))
    now += LATEST_SECONDS + 0.1
    assert list(await standings.among([tenant_id])) == []
    now += 60

    assert list(await standings.among([tenant_id])) == [tenant_id]
