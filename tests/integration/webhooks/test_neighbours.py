"""One endpoint holds up no other, however it behaves (W3); what a killed worker had begun is sent again."""

import asyncio

from tests.support.peers import PeerRequest, answering
from tests.support.waiting import eventually
from tests.support.webhooks import Hooks
from workers.tasks import TaskLoop


async def _hang(_request: PeerRequest, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_hanging_endpoints_hold_up_no_other(hooks: Hooks) -> None:
    stop = asyncio.Event()
    context = hooks.door.context
    async with hooks.receiver() as healthy, hooks.receiver(_hang) as one, hooks.receiver(_hang) as other:
        hanging = (one, other)
        await hooks.happen_often(500, subjects=50)
        while await hooks.relay.run_once():
            pass
        loop = TaskLoop(engine=context.engine, handlers=(hooks.handler,), metrics=context.metrics)
        running = asyncio.create_task(loop.run_once(stop))

        async def all_arrived() -> bool:
            return len(healthy.peer.requests) == 500 and all(len(each.peer.requests) == 4 for each in hanging)

        await eventually(all_arrived)
        # Four to each are under way, and nothing else waits for them.
        assert [len(receiver.peer.requests) for receiver in hanging] == [4, 4]
        stop.set()
        await running


async def test_delivery_that_was_cut_off_is_sent_again_by_another_worker(hooks: Hooks) -> None:
    arrived = asyncio.Event()

    async def hang_once(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        if arrived.is_set():
            await answering()(request, writer)
        else:
            arrived.set()
            await asyncio.Event().wait()

    async with hooks.receiver(hang_once) as receiver:
        await hooks.happen("apt_1")
        worker = asyncio.create_task(hooks.run(receiver))
        await arrived.wait()
        worker.cancel()
        await asyncio.wait([worker])
        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["attempts"]) == ("delivered", 1)
        assert len(set(receiver.ids())) == 1
        assert len(receiver.ids()) == 2


async def test_what_was_delivered_before_a_worker_was_stopped_is_written_down(hooks: Hooks) -> None:
    async def hang_at_the_second(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        if len(receiver.peer.requests) == 1:
            await answering()(request, writer)
        else:
            await asyncio.Event().wait()

    async with hooks.receiver(hang_at_the_second) as receiver:
        # Those of one subject go one after the other: when the second has arrived, the first was answered.
        await hooks.happen("apt_1")
        await hooks.happen("apt_1")
        worker = asyncio.create_task(hooks.run(receiver))

        async def both_have_arrived() -> bool:
            return len(receiver.peer.requests) == 2

        await eventually(both_have_arrived)
        worker.cancel()
        await asyncio.wait([worker])

        statuses = sorted(one["status"] for one in await hooks.deliveries(receiver))
        assert statuses == ["delivered", "pending"]
