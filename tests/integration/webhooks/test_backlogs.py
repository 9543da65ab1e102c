"""Changes of endpoints that have much to catch up with: a request does a part of it, and the task the rest."""

import asyncio
from collections import Counter
from typing import Final

import pytest

from tests.support.peers import answering
from tests.support.webhooks import Hooks, Receiver
from webhooks import backlog

_EVENTS: Final = 50
_SOME: Final = 7


@pytest.fixture(autouse=True)
def _little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SOME", _SOME)


async def _patch(hooks: Hooks, receiver: Receiver, **body: object) -> None:
    await hooks.door.send("PATCH", f"/v1/webhook-endpoints/{receiver.id}", json=body, status=200)


async def _relay(hooks: Hooks) -> None:
    while await hooks.relay.run_once():
        pass


async def _statuses(hooks: Hooks, receiver: Receiver) -> Counter[str]:
    return Counter(one["status"] for one in await hooks.deliveries(receiver))


async def test_long_backlog_is_no_work_of_the_request_and_keeps_the_settings_of_its_time(hooks: Hooks) -> None:
    """W4: what waited when it was disabled, and what came meanwhile, is held; what follows is sent."""
    async with hooks.receiver() as receiver:
        await hooks.happen_often(_EVENTS, subjects=5)
        await _relay(hooks)
        await _patch(hooks, receiver, enabled=False)
        made_by_the_request = await _statuses(hooks, receiver)
        await hooks.happen_often(_EVENTS, subjects=5)
        await _relay(hooks)
        await _patch(hooks, receiver, enabled=True)
        await hooks.happen("apt_new")
        await hooks.run(receiver)

        assert made_by_the_request == {"held": _SOME}
        assert await _statuses(hooks, receiver) == {"held": 2 * _EVENTS, "delivered": 1}
        assert receiver.subjects() == ["apt_new"]


async def test_types_count_from_their_change_on_however_much_waits(hooks: Hooks) -> None:
    async with hooks.receiver(types=["hold.*"]) as receiver:
        for types in (["appointment.annotated"], ["hold.expired"], ["appointment.*"]):
            await hooks.happen_often(_EVENTS, subjects=5)
            await hooks.happen(f"hld_before_{types[0]}", "hold.expired.v1")
            await _relay(hooks)
            await _patch(hooks, receiver, types=types)
        await hooks.happen("apt_last")
        await hooks.happen("hld_last", "hold.expired.v1")
        await hooks.run(receiver)

        subjects = Counter(receiver.subjects())
        assert subjects.pop("hld_before_appointment.annotated") == 1
        assert subjects.pop("hld_before_appointment.*") == 1
        assert subjects.pop("apt_last") == 1
        assert subjects == {f"apt_{number}": _EVENTS // 5 for number in range(5)}


async def test_pending_deliveries_are_held_a_part_at_a_time_and_those_asked_for_since_are_sent(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as receiver:
        await hooks.happen_often(_EVENTS, subjects=_EVENTS)
        await hooks.run(receiver)
        before = await _statuses(hooks, receiver)
        last = (await hooks.deliveries(receiver))[0]
        await _patch(hooks, receiver, enabled=False)
        held_by_the_request = await _statuses(hooks, receiver)
        await _patch(hooks, receiver, enabled=True)
        await hooks.door.send("POST", f"/v1/webhook-deliveries/{last['id']}/resend", status=202)
        sent = len(receiver.peer.requests)
        hooks.pass_time(days=1)
        await hooks.run(receiver)

        assert before == {"pending": _EVENTS}
        assert held_by_the_request == {"pending": _EVENTS - _SOME, "held": _SOME}
        assert await _statuses(hooks, receiver) == {"held": _EVENTS - 1, "pending": 1}
        assert receiver.subjects()[sent:] == [last["subject"]]


async def test_interrupted_run_is_gone_on_with(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen_often(_EVENTS, subjects=5)
        await _relay(hooks)
        await _patch(hooks, receiver, enabled=False)
        parts = 0
        original = hooks.handler._deliveries.begin_run  # noqa: SLF001 - cut off between its transactions

        async def begin_run(*arguments: object) -> object:
            nonlocal parts
            parts += 1
            if parts == 3:
                raise asyncio.CancelledError
            return await original(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(hooks.handler._deliveries, "begin_run", begin_run)  # noqa: SLF001 - as above
        with pytest.raises(asyncio.CancelledError):
            await hooks.run(receiver)
        at_the_cut = await _statuses(hooks, receiver)
        await hooks.run(receiver)

        assert at_the_cut == {"held": 3 * _SOME}
        assert await _statuses(hooks, receiver) == {"held": _EVENTS}


async def test_new_url_is_sent_in_order_at_once_what_waited_for_its_next_attempt(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as receiver, hooks.receiver(types=["hold.*"]) as new:
        new.secret = receiver.secret
        await hooks.happen_often(_EVENTS, subjects=5)
        for _ in range(4):
            await hooks.run(receiver)
            hooks.pass_time(minutes=6)
        waiting = await hooks.deliveries(receiver)
        await _patch(hooks, receiver, url=new.url)
        await hooks.run(receiver)

        assert any(one["attempts"] > 1 for one in waiting)
        assert await _statuses(hooks, receiver) == {"delivered": _EVENTS}
        assert len(new.bodies()) == _EVENTS
        numbers: dict[str, list[int]] = {}
        for body in new.bodies():
            numbers.setdefault(body["subject"], []).append(body["data"]["number"])
        assert all(one == sorted(one) for one in numbers.values())
