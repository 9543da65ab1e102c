"""Events reach endpoints: signed, at least once, in order per subject, and again where they failed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.peers import PeerRequest, Respond, answering
from tests.support.webhooks import Hooks


def _failing(*statuses: int, then: int = 200) -> Respond:
    """Answer these statuses in turn, and then always the last."""
    left = list(statuses)

    async def respond(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        status = left.pop(0) if left else then
        await answering(status, b"sorry" if status >= 300 else b"")(request, writer)

    return respond


def _hours_around(instant: datetime) -> dict[str, str]:
    """A stretch to replay: the hour before an instant, and the hour after."""
    hour = timedelta(hours=1)
    return {"from": (instant - hour).isoformat(), "to": (instant + hour).isoformat()}


async def test_event_arrives_in_its_public_form_and_the_library_verifies_it(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1", status="confirmed")

        again = await hooks.run(receiver)

        (body,) = receiver.bodies()
        assert body["type"] == "appointment.confirmed"
        assert (body["version"], body["business"], body["subject"]) == (1, str(hooks.door.tenant_id), "apt_1")
        assert body["data"] == {"id": "apt_1", "status": "confirmed"}
        assert receiver.peer.requests[0].headers["content-type"] == "application/json"
        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["attempts"], delivery["response"]["status"]) == ("delivered", 1, 200)
        assert delivery["event"] == body["id"]
        # Nothing is to be done before the log of the delivery is deleted.
        assert again is not None
        assert (again.due_at - hooks.clock.now()).days >= 29


async def test_types_decide_what_an_endpoint_is_told(hooks: Hooks) -> None:
    async with (
        hooks.receiver(types=["appointment.cancelled", "hold.*"]) as some,
        hooks.receiver(types=["appointment.*"]) as family,
    ):
        for subject, name in (
            ("apt_1", "appointment.confirmed.v1"),
            ("apt_1", "appointment.cancelled.v1"),
            ("hld_1", "hold.expired.v1"),
            ("x", "appointments.other.v1"),
        ):
            await hooks.happen(subject, name)
        await hooks.run(some)
        await hooks.run(family)

        # Of two subjects either may come first.
        assert sorted(body["type"] for body in some.bodies()) == ["appointment.cancelled", "hold.expired"]
        assert [body["type"] for body in family.bodies()] == ["appointment.confirmed", "appointment.cancelled"]


async def test_endpoint_is_told_of_nothing_that_happened_before_it_was_there(hooks: Hooks) -> None:
    await hooks.happen("apt_before")
    await hooks.relay.run_once()
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_after")
        await hooks.run(receiver)

        assert receiver.subjects() == ["apt_after"]


async def test_failed_delivery_is_tried_by_the_schedule_and_then_given_up(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500, b"out of order")) as receiver:
        await hooks.happen("apt_1")
        for _ in range(40):
            again = await hooks.run(receiver)
            assert again is not None
            (delivery,) = await hooks.deliveries(receiver)
            if delivery["status"] == "failed":
                break
            # The endpoint may rest for longer than the delivery waits.
            hooks.clock.instant = max(again.due_at, hooks.clock.now())
        else:
            pytest.fail("it was never given up")

        assert len(receiver.peer.requests) == 10
        assert len({request.headers["webhook-id"] for request in receiver.peer.requests}) == 1
        assert delivery["response"] == {"status": 500, "body": "out of order"}
        assert delivery["attempts"] == 10


async def test_retried_delivery_arrives_and_each_attempt_has_a_time_of_its_own(hooks: Hooks) -> None:
    async with hooks.receiver(_failing(503)) as receiver:
        await hooks.happen("apt_1")
        again = await hooks.run(receiver)
        assert again is not None
        hooks.clock.instant = again.due_at
        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["attempts"]) == ("delivered", 2)
        assert receiver.subjects() == ["apt_1", "apt_1"]


async def test_later_event_of_a_subject_waits_for_an_earlier_one_and_others_do_not(hooks: Hooks) -> None:
    tried = 0

    async def refuse_the_first_once(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += b'"number":1' in request.body
        await answering(500 if tried == 1 and b'"number":1' in request.body else 200)(request, writer)

    async with hooks.receiver(refuse_the_first_once) as receiver:
        await hooks.happen("apt_1", number=1)
        await hooks.happen("apt_1", number=2)
        await hooks.happen("apt_2", number=3)

        again = await hooks.run(receiver)
        first = [body["data"]["number"] for body in receiver.bodies()]
        assert again is not None
        hooks.clock.instant = again.due_at
        await hooks.run(receiver)

        assert sorted(first) == [1, 3]
        assert [body["data"]["number"] for body in receiver.bodies()][2:] == [1, 2]


async def test_later_event_waits_no_longer_than_some_minutes(hooks: Hooks) -> None:
    async def refuse_the_first(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        await answering(500 if b'"number":1' in request.body else 200)(request, writer)

    async with hooks.receiver(refuse_the_first) as receiver:
        await hooks.happen("apt_1", number=1)
        await hooks.happen("apt_1", number=2)
        began = hooks.clock.now()
        while not any(one["status"] == "delivered" for one in await hooks.deliveries(receiver)):
            again = await hooks.run(receiver)
            assert again is not None
            hooks.clock.instant = max(again.due_at, hooks.clock.now())

        assert (hooks.clock.now() - began).total_seconds() < 3600
        assert [body["data"]["number"] for body in receiver.bodies()] == [1, 1, 1, 2]


async def test_retry_after_is_heeded_within_bounds(hooks: Hooks) -> None:
    async with hooks.receiver(answering(429, retry_after="600")) as receiver:
        await hooks.happen("apt_1")
        again = await hooks.run(receiver)

        assert again is not None
        assert 590 < (again.due_at - hooks.clock.now()).total_seconds() < 610
    async with hooks.receiver(answering(429, retry_after="1000000")) as receiver:
        await hooks.happen("apt_1")
        again = await hooks.run(receiver)

        assert again is not None
        assert (again.due_at - hooks.clock.now()).total_seconds() < 3700


async def test_gone_endpoint_is_disabled_and_the_others_are_told(hooks: Hooks) -> None:
    """W5: the alert never sits inside the very receiver that gets nothing."""
    async with hooks.receiver(answering(410)) as gone, hooks.receiver() as other:
        await hooks.happen("apt_1")
        await hooks.happen("apt_2")
        await hooks.run(gone)
        await hooks.run(other)
        await hooks.run(gone)

        endpoint = await hooks.endpoint(gone)
        assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "gone")
        told = [body for body in other.bodies() if body["type"] == "webhook_endpoint.disabled"]
        assert [(body["subject"], body["data"]["reason"]) for body in told] == [(gone.id, "gone")]
        assert {one["type"] for one in await hooks.deliveries(gone)} == {"appointment.confirmed"}
        assert {one["status"] for one in await hooks.deliveries(gone)} <= {"held", "failed"}
        assert len(gone.peer.requests) <= 2


async def test_endpoint_that_does_nothing_but_fail_is_disabled_after_five_days(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as failing, hooks.receiver() as other:
        began = hooks.clock.now()
        number = 0
        while (await hooks.endpoint(failing))["enabled"]:
            number += 1
            await hooks.happen(f"apt_{number}")
            await hooks.run(failing)
            hooks.pass_time(hours=6)
            assert (hooks.clock.now() - began).days < 7
        await hooks.run(other)

        endpoint = await hooks.endpoint(failing)
        assert endpoint["disabled_reason"] == "failing"
        assert (hooks.clock.now() - began).total_seconds() >= 5 * 86_400
        disabled = [body["data"]["reason"] for body in other.bodies() if body["type"] == "webhook_endpoint.disabled"]
        assert disabled == ["failing"]


async def test_one_success_in_five_days_keeps_an_endpoint_enabled(hooks: Hooks) -> None:
    statuses = [500] * 12 + [200] + [500] * 12
    async with hooks.receiver(_failing(*statuses)) as receiver:
        for number in range(24):
            await hooks.happen(f"apt_{number}")
            await hooks.run(receiver)
            hooks.pass_time(hours=6)

        assert (await hooks.endpoint(receiver))["enabled"]


async def test_paused_endpoint_holds_what_happens_and_a_replay_sends_it(hooks: Hooks) -> None:
    """W4: nothing is called delivered that was not sent."""
    async with hooks.receiver() as receiver:
        path = f"/v1/webhook-endpoints/{receiver.id}"
        await hooks.door.send("PATCH", path, json={"enabled": False}, status=200)
        await hooks.happen_often(50, subjects=10)
        await hooks.run(receiver)
        held = await hooks.deliveries(receiver, status="held")
        sent_while_disabled = len(receiver.peer.requests)
        await hooks.door.send("PATCH", path, json={"enabled": True}, status=200)
        await hooks.run(receiver)
        after_enabling = await hooks.deliveries(receiver, status="held")

        stretch = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-20T00:00:00Z"}
        nothing = await hooks.door.send("POST", f"{path}/replay", json=stretch, status=202)
        stretch = _hours_around(hooks.clock.now())
        replayed = await hooks.door.send("POST", f"{path}/replay", json=stretch, status=202)
        await hooks.run(receiver)

        assert (len(held), sent_while_disabled, len(after_enabling)) == (50, 0, 50)
        assert nothing == {"scheduled": 0, "next_from": None}
        assert replayed == {"scheduled": 50, "next_from": None}
        assert len(receiver.bodies()) == 50
        assert await hooks.deliveries(receiver, status="held") == []
        assert len(await hooks.deliveries(receiver, status="delivered")) == 50
        # In order per subject, also when replayed.
        numbers: dict[str, list[int]] = {}
        for body in receiver.bodies():
            numbers.setdefault(body["subject"], []).append(body["data"]["number"])
        assert all(one == sorted(one) for one in numbers.values())


async def test_replay_sends_what_was_delivered_again_unless_it_is_told_not_to(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        path = f"/v1/webhook-endpoints/{receiver.id}/replay"
        stretch = _hours_around(hooks.clock.now())

        nothing = await hooks.door.send("POST", path, json={**stretch, "undelivered_only": True}, status=202)
        again = await hooks.door.send("POST", path, json=stretch, status=202)
        await hooks.run(receiver)

        assert (nothing["scheduled"], again["scheduled"]) == (0, 1)
        first, second = receiver.ids()
        assert first == second


async def test_delivery_is_sent_again_on_request(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        (delivery,) = await hooks.deliveries(receiver)

        again = await hooks.door.send("POST", f"/v1/webhook-deliveries/{delivery['id']}/resend", status=202)
        await hooks.run(receiver)

        assert (again["id"], again["status"], again["attempts"]) == (delivery["id"], "pending", 0)
        assert len(set(receiver.ids())) == 1
        assert len(receiver.ids()) == 2


async def test_ping_is_sent_once_also_to_a_disabled_endpoint(hooks: Hooks) -> None:
    async with hooks.receiver(_failing(500)) as receiver:
        path = f"/v1/webhook-endpoints/{receiver.id}"
        await hooks.door.send("PATCH", path, json={"enabled": False}, status=200)
        failed = await hooks.door.send("POST", f"{path}/ping", status=202)
        await hooks.run(receiver)
        arrived = await hooks.door.send("POST", f"{path}/ping", status=202)
        await hooks.run(receiver)

        statuses = {one["id"]: one["status"] for one in await hooks.deliveries(receiver)}
        assert statuses == {failed["id"]: "failed", arrived["id"]: "delivered"}
        assert [body["type"] for body in receiver.bodies()] == ["webhook_endpoint.ping"] * 2
        assert receiver.bodies()[0]["subject"] == receiver.id


async def test_both_secrets_sign_during_a_rotation_and_the_new_one_alone_afterwards(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        path = f"/v1/webhook-endpoints/{receiver.id}"
        old = receiver.secret
        rotated = await hooks.door.send("POST", f"{path}/rotate-secret", json={"overlap_minutes": 60}, status=200)
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        refused = await hooks.door.send("POST", f"{path}/rotate-secret", json={"overlap_minutes": 60}, status=409)

        assert rotated["secret"] != old
        assert len(receiver.bodies(old)) == len(receiver.bodies(rotated["secret"])) == 1
        assert refused["code"] == "secret_rotating"

        await hooks.door.send("DELETE", f"{path}/previous-secret", status=204)
        receiver.peer.requests.clear()
        await hooks.happen("apt_2")
        await hooks.run(receiver)
        assert len(receiver.peer.requests[0].headers["webhook-signature"].split()) == 1
        assert len(receiver.bodies(rotated["secret"])) == 1

        again = await hooks.door.send("POST", f"{path}/rotate-secret", json={"overlap_minutes": 5}, status=200)
        hooks.pass_time(minutes=6)
        receiver.peer.requests.clear()
        await hooks.happen("apt_3")
        await hooks.run(receiver)
        assert len(receiver.peer.requests[0].headers["webhook-signature"].split()) == 1
        assert len(receiver.bodies(again["secret"])) == 1


async def test_refused_address_is_told_with_the_setting_that_would_allow_it(hooks: Hooks) -> None:
    """W8."""
    async with hooks.receiver() as receiver:
        await hooks.outside.execute("UPDATE webhook_endpoints SET url = 'http://10.0.0.1/'")
        await hooks.happen("apt_1")
        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["response"]) == ("pending", None)
        assert delivery["error"]["code"] == "target_not_allowed"
        assert "HOLDFAST_OUTBOUND_ALLOW" in delivery["error"]["detail"]


async def test_full_payload_has_the_appointment_as_it_is_when_it_is_sent(hooks: Hooks) -> None:
    await hooks.door.set_up("barbershop")
    slots: Sequence[Any] = []
    day = hooks.clock.now().date()
    listing = await hooks.door.send(
        "GET", "/v1/availability/next", params={"service": "haircut", "limit": 1}, status=200
    )
    slots = listing["data"] if "data" in listing else listing["slots"]
    async with hooks.receiver(payload="full", types=["appointment.*"]) as receiver:
        booked = await hooks.door.book("haircut", slots[0]["start"])
        await hooks.door.send("PATCH", f"/v1/appointments/{booked['id']}", json={"notes": "Bring tea"}, status=200)
        await hooks.run(receiver)

        first, second = receiver.bodies()
        read = await hooks.door.send("GET", f"/v1/appointments/{booked['id']}", status=200)
        assert day is not None
        assert [first["type"], second["type"]] == ["appointment.confirmed", "appointment.annotated"]
        assert first["data"]["object"] == second["data"]["object"] == read
        assert first["data"]["object"]["notes"] == "Bring tea"


async def test_event_that_is_kept_no_longer_is_dropped(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500)) as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        await hooks.outside.execute("DELETE FROM events")
        hooks.pass_time(minutes=1)
        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert (delivery["status"], delivery["error"]["code"]) == ("dropped", "event_gone")


async def test_log_of_a_delivery_is_kept_for_thirty_days(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        again = await hooks.run(receiver)
        assert again is not None
        hooks.clock.instant = again.due_at
        kept = await hooks.deliveries(receiver)
        hooks.pass_time(seconds=1)
        last = await hooks.run(receiver)

        assert len(kept) == 1
        assert await hooks.deliveries(receiver) == []
        assert last is None or last.due_at <= hooks.clock.now()


async def test_answer_is_kept_up_to_twenty_kilobytes_whatever_is_in_it(hooks: Hooks) -> None:
    async with hooks.receiver(answering(500, b"\x00\xff" + b"x" * 50_000)) as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)

        (delivery,) = await hooks.deliveries(receiver)
        assert len(delivery["response"]["body"]) == 20_000


async def test_no_more_than_four_are_under_way_to_an_endpoint(hooks: Hooks) -> None:
    under_way = most = 0
    enough = asyncio.Event()

    async def wait(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == 4:
            enough.set()
        await enough.wait()
        under_way -= 1
        await answering()(request, writer)

    async with hooks.receiver(wait) as receiver:
        await hooks.happen_often(20, subjects=20)
        await hooks.run(receiver)

        assert (most, len(receiver.peer.requests)) == (4, 20)


async def test_events_of_one_subject_are_never_under_way_together(hooks: Hooks) -> None:
    under_way: set[str] = set()
    together = 0

    async def note(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal together
        subject = request.body.split(b'"subject":"')[1].split(b'"')[0].decode()
        together += subject in under_way
        under_way.add(subject)
        await asyncio.sleep(0)
        under_way.discard(subject)
        await answering()(request, writer)

    async with hooks.receiver(note) as receiver:
        await hooks.happen_often(60, subjects=3)
        await hooks.run(receiver)

        assert together == 0
        numbers: dict[str, list[int]] = {}
        for body in receiver.bodies():
            numbers.setdefault(body["subject"], []).append(body["data"]["number"])
        assert {subject: len(one) for subject, one in numbers.items()} == {"apt_0": 20, "apt_1": 20, "apt_2": 20}
        assert all(one == sorted(one) for one in numbers.values())
