"""Changes that meet deliveries under way, and answers that are made to confuse."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from kernel.ids import TenantId
from kernel.operation import by_system
from persistence.sealing import MasterKeys, new_master_key
from persistence.unit_of_work import UnitOfWork
from tasks.model import TaskFailed
from tests.support.peers import PeerRequest, Respond, answering
from tests.support.waiting import eventually
from tests.support.webhooks import Hooks
from webhooks.deliveries.service import WebhookDeliveryService
from webhooks.endpoint_service import WebhookEndpointService
from webhooks.model import DeliveryBatch

_WAITS_FOR_US: Final = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
)


class _Gate:
    """An endpoint that answers when it is told to."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        self.reached.set()
        await self.opened.wait()
        await self._respond(request, writer)


@pytest.mark.parametrize(
    "text",
    ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999999"],
    ids=["year", "zone"],
)
async def test_retry_after_beyond_all_calendars_counts_as_none(hooks: Hooks, text: str) -> None:
    async with hooks.receiver(answering(503, retry_after=text)) as receiver:
        await hooks.happen("apt_1")

        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["attempts"]) == ("pending", 1)


async def test_address_that_is_gone_takes_nothing_from_the_one_that_replaces_it(hooks: Hooks) -> None:
    old = _Gate(answering(410))
    async with hooks.receiver(old) as receiver, hooks.receiver(types=["hold.*"]) as new:
        await hooks.happen("apt_1")
        sending = asyncio.create_task(hooks.run(receiver))
        await old.reached.wait()
        path = f"/v1/webhook-endpoints/{receiver.id}"
        await hooks.door.send("PATCH", path, json={"url": new.url}, status=200)
        old.opened.set()
        await sending

        endpoint = await hooks.endpoint(receiver)
        assert (endpoint["enabled"], endpoint["failing_since"]) == (True, None)


async def test_new_address_begins_without_the_failures_of_the_old_one(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as receiver, hooks.receiver(types=["hold.*"]) as new:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        assert (await hooks.endpoint(receiver))["failing_since"] is not None

        path = f"/v1/webhook-endpoints/{receiver.id}"
        changed = await hooks.door.send("PATCH", path, json={"url": new.url}, status=200)

        assert changed["failing_since"] is None


async def test_same_address_keeps_its_failures(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)

        path = f"/v1/webhook-endpoints/{receiver.id}"
        changed = await hooks.door.send("PATCH", path, json={"url": receiver.url, "description": "x"}, status=200)

        assert changed["failing_since"] is not None


async def test_delivery_that_is_asked_for_while_it_is_under_way_is_sent_once_more(hooks: Hooks) -> None:
    gate = _Gate(answering(200))
    async with hooks.receiver(gate) as receiver:
        await hooks.happen("apt_1")
        sending = asyncio.create_task(hooks.run(receiver))
        await gate.reached.wait()
        (delivery,) = await hooks.deliveries(receiver)
        await hooks.door.send("POST", f"/v1/webhook-deliveries/{delivery['id']}/resend", status=202)
        gate.opened.set()
        await sending
        await hooks.run(receiver)

        assert receiver.subjects() == ["apt_1", "apt_1"]
        (delivery,) = await hooks.deliveries(receiver)
        assert delivery["status"] == "delivered"


async def test_delivery_that_is_asked_for_while_its_endpoint_is_disabled_is_not_left_pending(hooks: Hooks) -> None:
    async def waits() -> bool:
        return bool(await hooks.outside.fetchval(_WAITS_FOR_US))

    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        (delivery,) = await hooks.deliveries(receiver)
        path = f"/v1/webhook-deliveries/{delivery['id']}/resend"
        async with hooks.outside.transaction():
            disable = "UPDATE webhook_endpoints SET disabled_reason = 'owner' WHERE id = $1"
            await hooks.outside.execute(disable, receiver.id)
            resending = asyncio.create_task(hooks.door.http.post(path, headers=hooks.door.secret))
            await eventually(waits)

        assert (await resending).status_code == 409
        assert [one["status"] for one in await hooks.deliveries(receiver)] == ["delivered"]


async def test_rest_that_was_asked_for_outlives_an_answer_to_what_was_under_way(hooks: Hooks) -> None:
    slow = asyncio.Event()

    async def respond(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        if b'"apt_1"' in request.body:
            await answering(429, retry_after="600")(request, writer)
            slow.set()
        else:
            await slow.wait()
            await answering(200)(request, writer)

    async with hooks.receiver(respond) as receiver:
        await hooks.happen("apt_1")
        await hooks.happen("apt_2")
        await hooks.run(receiver)
        sent = len(receiver.peer.requests)
        hooks.pass_time(seconds=1)
        await hooks.happen("apt_3")
        await hooks.run(receiver)

        assert len(receiver.peer.requests) == sent


async def test_replay_in_pieces_skips_no_event_that_was_committed_late(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.deliveries.service.MOST_REPLAYED", 2)
    async with hooks.receiver() as receiver:
        begin = datetime.now(UTC) - timedelta(seconds=60)
        # The third began before the others, and was committed after them.
        for number, seconds in ((1, 10), (2, 11), (3, 5), (4, 12)):
            await hooks.outside.execute(
                "INSERT INTO outbox (tenant_id, name, subject, data, created_at)"
                " VALUES ($1, 'appointment.confirmed.v1', $2, '{}', $3)",
                hooks.door.tenant_id,
                f"apt_{number}",
                begin + timedelta(seconds=seconds),
            )
        await hooks.run(receiver)
        receiver.peer.requests.clear()
        since, until = begin.isoformat(), (begin + timedelta(seconds=60)).isoformat()
        while since:
            path = f"/v1/webhook-endpoints/{receiver.id}/replay"
            answer = await hooks.door.send("POST", path, json={"from": since, "to": until}, status=202)
            since = answer["next_from"]
        await hooks.run(receiver)

        assert set(receiver.subjects()) == {"apt_1", "apt_2", "apt_3", "apt_4"}


async def test_event_that_cannot_be_told_in_full_holds_up_no_other(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def view(_tenant_id: TenantId, subject: str) -> None:
        if subject == "apt_1":
            raise KeyError(subject)

    monkeypatch.setattr(hooks.handler, "_view", view)
    async with hooks.receiver(payload="full") as receiver:
        await hooks.happen("apt_1")
        await hooks.happen("apt_2")
        await hooks.run(receiver)

        assert receiver.subjects() == ["apt_2"]
        (failed,) = await hooks.deliveries(receiver, status="pending")
        assert (failed["attempts"], failed["error"]["code"]) == (1, "internal")
        # It is no fault of the endpoint.
        assert (await hooks.endpoint(receiver))["failing_since"] is None


async def test_log_of_a_database_whose_clock_is_behind_is_deleted_without_haste(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    begin_run = WebhookDeliveryService.begin_run

    async def counted(service: WebhookDeliveryService, tenant_id: TenantId, endpoint_id: str) -> DeliveryBatch | None:
        looked.append(endpoint_id)
        return await begin_run(service, tenant_id, endpoint_id)

    async with hooks.receiver() as receiver:
        hooks.pass_time(seconds=60)
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        (delivery,) = await hooks.deliveries(receiver)
        hooks.clock.instant = datetime.fromisoformat(delivery["created_at"]) + timedelta(days=30, seconds=1)
        monkeypatch.setattr(WebhookDeliveryService, "begin_run", counted)

        again = await hooks.run(receiver)

        assert (len(looked), await hooks.deliveries(receiver)) == (1, [delivery])
        assert again is not None
        hooks.clock.instant = again.due_at
        await hooks.run(receiver)
        assert await hooks.deliveries(receiver) == []


async def test_lost_master_key_is_made_good_by_a_rotation(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hooks.receiver() as receiver:
        lost = MasterKeys.parse(new_master_key())
        monkeypatch.setattr(hooks.handler, "_deliveries", _deliveries_with(hooks, lost))
        await hooks.happen("apt_1")
        with pytest.raises(TaskFailed, match="has no key with the id"):
            await hooks.run(receiver)

        # As the API would, if it had the new key; by default the old secret is to sign for a day.
        service = WebhookEndpointService(
            unit_of_work=UnitOfWork(hooks.door.context.engine),
            keys=lost,
            outbound=hooks.door.context.outbound,
            clock=hooks.clock,
        )
        rotated = await service.rotate_secret(
            by_system(hooks.door.tenant_id, "webhooks"), receiver.id, overlap_minutes=1440
        )
        await hooks.run(receiver)

        assert [body["subject"] for body in receiver.bodies(rotated.secret)] == ["apt_1"]


def _deliveries_with(hooks: Hooks, keys: MasterKeys) -> WebhookDeliveryService:
    return WebhookDeliveryService(unit_of_work=UnitOfWork(hooks.door.context.engine), keys=keys, clock=hooks.clock)


async def test_replay_takes_all_events_of_one_instant_together(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.deliveries.service.MOST_REPLAYED", 2)
    async with hooks.receiver() as receiver:
        begin = datetime.now(UTC) - timedelta(seconds=60)
        for number, seconds in enumerate((10, 10, 10, 11)):
            await hooks.outside.execute(
                "INSERT INTO outbox (tenant_id, name, subject, data, created_at)"
                " VALUES ($1, 'appointment.confirmed.v1', $2, '{}', $3)",
                hooks.door.tenant_id,
                f"apt_{number}",
                begin + timedelta(seconds=seconds),
            )
        await hooks.run(receiver)

        path, until = f"/v1/webhook-endpoints/{receiver.id}/replay", (begin + timedelta(seconds=60)).isoformat()
        body = {"from": begin.isoformat(), "to": until}
        first = await hooks.door.send("POST", path, json=body, status=202)
        second = await hooks.door.send("POST", path, json={**body, "from": first["next_from"]}, status=202)

        assert (first["scheduled"], second) == (3, {"scheduled": 1, "next_from": None})
