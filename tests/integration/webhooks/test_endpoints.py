"""Webhook endpoints over HTTP: what they are made of, and what they refuse."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from bootstrap.settings import Settings
from persistence.sealing import MasterKeys, new_master_key
from tests.support.door import open_door
from tests.support.webhooks import Hooks

_PATH: Final = "/v1/webhook-endpoints"
# Of a network that is allowed here; nothing listens.
_URL: Final = "http://127.0.0.1:9999/hook"


async def _create(hooks: Hooks, *, status: int = 201, headers: Mapping[str, str] | None = None, **body: Any) -> Any:
    sent = {"url": _URL, "types": ["*"], **body}
    return await hooks.door.send("POST", _PATH, json=sent, headers=headers or {}, status=status)


async def test_secret_is_shown_once_and_stored_sealed(hooks: Hooks) -> None:
    created = await _create(hooks, description="Accounting")
    read = await hooks.door.send("GET", f"{_PATH}/{created['id']}", status=200)
    listed = await hooks.door.send("GET", _PATH, status=200)
    sealed = await hooks.outside.fetchval(
        "SELECT sealed FROM secrets WHERE tenant_id = $1 AND purpose = 'webhook_endpoint'", hooks.door.tenant_id
    )

    secret = created.pop("secret")
    assert secret.startswith("whsec_")
    assert read == created
    assert listed == {"data": [created]}
    assert (created["enabled"], created["payload"], created["version"]) == (True, "thin", 1)
    assert secret.removeprefix("whsec_").encode() not in sealed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "http://user:password@example.com/"}, "url"),
        ({"url": "http://example.com:25/"}, "url"),
        ({"types": []}, "types"),
        ({"types": ["appointment.*", "appointment.confirmd"]}, "types[1]"),
        ({"types": ["Appointment"]}, "types[0]"),
        ({"payload": "fat"}, "payload"),
        ({"description": "x" * 201}, "description"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_faults_are_told_with_their_place(hooks: Hooks, body: dict[str, Any], pointer: str) -> None:
    refused = await _create(hooks, status=422, **body)

    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_misspelt_type_is_answered_with_the_nearest(hooks: Hooks) -> None:
    refused = await _create(hooks, status=422, types=["appointment.confirmd"])

    assert "appointment.confirmed" in refused["detail"]


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://0/"])
async def test_address_that_may_not_be_reached_is_refused_with_the_setting(hooks: Hooks, url: str) -> None:
    created = await _create(hooks)

    refused = [
        await _create(hooks, status=422, url=url),
        await hooks.door.send("PATCH", f"{_PATH}/{created['id']}", json={"url": url}, status=422),
    ]

    assert [(one["code"], one["setting"]) for one in refused] == [("target_not_allowed", "HOLDFAST_OUTBOUND_ALLOW")] * 2


async def test_business_has_sixteen_endpoints_at_most(hooks: Hooks) -> None:
    created = [await _create(hooks) for _ in range(16)]

    refused = await _create(hooks, status=422)
    await hooks.door.send("DELETE", f"{_PATH}/{created[0]['id']}", status=204)
    await _create(hooks)

    assert "16" in refused["detail"]


async def test_change_replaces_what_is_sent_and_keeps_the_rest(hooks: Hooks) -> None:
    created = await _create(hooks, description="Accounting")
    path = f"{_PATH}/{created['id']}"

    changed = await hooks.door.send("PATCH", path, json={"types": ["appointment.*"], "payload": "full"}, status=200)
    cleared = await hooks.door.send("PATCH", path, json={"description": None}, status=200)
    disabled = await hooks.door.send("PATCH", path, json={"enabled": False}, status=200)
    stale = await hooks.door.send("PATCH", path, json={"enabled": True}, headers={"If-Match": '"1"'}, status=412)

    assert (changed["types"], changed["payload"], changed["description"]) == (["appointment.*"], "full", "Accounting")
    assert (cleared["description"], cleared["payload"]) == (None, "full")
    assert (disabled["enabled"], disabled["disabled_reason"], disabled["version"]) == (False, "owner", 4)
    assert stale["code"] == "version_conflict"


@pytest.mark.parametrize("name", ["url", "types", "payload", "enabled"])
async def test_null_takes_nothing_away_but_a_description(hooks: Hooks, name: str) -> None:
    endpoint = await _create(hooks)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"

    refused = await hooks.door.send("PATCH", path, json={name: None}, status=422)
    assert [error["pointer"] for error in refused["errors"]] == [name]
    changed = await hooks.door.send("PATCH", path, json={"description": None}, status=200)
    assert changed["description"] is None


async def test_deleted_endpoint_leaves_nothing(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        await hooks.door.send("DELETE", f"{_PATH}/{receiver.id}", status=204)

        for method, path in (("GET", ""), ("GET", "/deliveries"), ("POST", "/ping"), ("DELETE", "")):
            refused = await hooks.door.send(method, f"{_PATH}/{receiver.id}{path}", status=404)
            assert refused["code"] == "not_found"
        for table in ("secrets", "webhook_endpoints", "webhook_deliveries"):
            count = f"SELECT count(*) FROM {table} WHERE tenant_id = $1"  # noqa: S608 - ours
            assert await hooks.outside.fetchval(count, hooks.door.tenant_id) == 0
        assert await hooks.run(receiver) is None


async def test_disabled_endpoint_refuses_resending_and_replays(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen("apt_1")
        await hooks.run(receiver)
        (delivery,) = await hooks.deliveries(receiver)
        path = f"{_PATH}/{receiver.id}"
        await hooks.door.send("PATCH", path, json={"enabled": False}, status=200)

        stretch = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        refused = [
            await hooks.door.send("POST", f"/v1/webhook-deliveries/{delivery['id']}/resend", status=409),
            await hooks.door.send("POST", f"{path}/replay", json=stretch, status=409),
        ]
        assert [one["code"] for one in refused] == ["webhook_endpoint_disabled"] * 2


@pytest.mark.parametrize("to", ["2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z", "2026-02-02T00:00:00Z"])
async def test_stretch_of_a_replay_ends_after_it_begins_and_within_a_month(hooks: Hooks, to: str) -> None:
    created = await _create(hooks)

    refused = await hooks.door.send(
        "POST", f"{_PATH}/{created['id']}/replay", json={"from": "2026-01-01T00:00:00Z", "to": to}, status=422
    )

    assert refused["errors"][0]["pointer"] == "to"


async def test_end_of_a_rotation_is_shown_until_it_is_over(hooks: Hooks) -> None:
    created = await _create(hooks)
    path = f"{_PATH}/{created['id']}"
    rotated = await hooks.door.send("POST", f"{path}/rotate-secret", json={"overlap_minutes": 60}, status=200)
    await hooks.outside.execute(
        "UPDATE webhook_endpoints SET previous_until = now() - interval '1 second' WHERE id = $1", created["id"]
    )

    shown = await hooks.door.send("GET", path, status=200)
    (listed,) = (await hooks.door.send("GET", _PATH, status=200))["data"]

    assert created["previous_secret_until"] is None
    assert rotated["previous_secret_until"] is not None
    assert (shown["previous_secret_until"], listed["previous_secret_until"]) == (None, None)


async def test_deliveries_are_listed_in_pages_the_latest_first(hooks: Hooks) -> None:
    async with hooks.receiver() as receiver:
        await hooks.happen_often(7, subjects=7)
        await hooks.run(receiver)
        path = f"{_PATH}/{receiver.id}/deliveries"
        pages = [await hooks.door.send("GET", path, params={"limit": 3}, status=200)]
        while pages[-1]["next_cursor"]:
            params = {"limit": 3, "cursor": pages[-1]["next_cursor"]}
            pages.append(await hooks.door.send("GET", path, params=params, status=200))

        subjects = [one["subject"] for page in pages for one in page["data"]]
        assert [len(page["data"]) for page in pages] == [3, 3, 1]
        assert subjects == [f"apt_{number}" for number in range(6, -1, -1)]
        for cursor in ("x", "AA", "d2hkXw"):
            await hooks.door.send("GET", path, params={"cursor": cursor}, status=422)


async def test_endpoints_of_another_business_are_not_there(hooks: Hooks, database_url: str, redis_url: str) -> None:

    created = await _create(hooks)
    async with open_door(database_url, redis_url) as other:
        await other.send("GET", f"{_PATH}/{created['id']}", status=404)
        assert await other.send("GET", _PATH, status=200) == {"data": []}


async def test_publishable_key_sees_no_endpoints(hooks: Hooks) -> None:
    await hooks.door.send("GET", _PATH, headers=hooks.door.publishable, status=403)


async def test_answer_with_a_secret_can_be_repeated_and_is_remembered_sealed(hooks: Hooks) -> None:
    headers = {"Idempotency-Key": "endpoint-1"}
    first = await _create(hooks, headers=headers)
    again = await _create(hooks, headers=headers)
    remembered = await hooks.outside.fetchval(
        "SELECT coalesce(body, sealed) FROM idempotency_keys WHERE tenant_id = $1", hooks.door.tenant_id
    )

    assert first == again
    assert first["secret"].encode() not in remembered
    assert b"whsec_" not in remembered


async def test_repetition_after_the_master_key_is_gone_is_told_what_to_do(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await _create(hooks, headers={"Idempotency-Key": "endpoint-1"})
    path = f"{_PATH}/{created['id']}/rotate-secret"
    body = {"overlap_minutes": 0}
    await hooks.door.send("POST", path, json=body, headers={"Idempotency-Key": "rotation-1"}, status=200)
    others = MasterKeys.parse(new_master_key())
    monkeypatch.setattr(Settings, "master_keys", property(lambda _settings: others))

    refused = [
        await _create(hooks, headers={"Idempotency-Key": "endpoint-1"}, status=410),
        await hooks.door.send("POST", path, json=body, headers={"Idempotency-Key": "rotation-1"}, status=410),
    ]

    assert [one["code"] for one in refused] == ["idempotency_answer_lost"] * 2
    assert "rotate its secret" in refused[0]["detail"]
    assert len((await hooks.door.send("GET", _PATH, status=200))["data"]) == 1
