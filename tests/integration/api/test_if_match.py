"""The order in which a request with If-Match is judged: its form, the object, the body against it, the version."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.application import application
from tests.support.door import Door, open_door

_STALE: Final = {"If-Match": '"999"'}
_NOBODY: Final = "apt_01kbc9x3v4h5m6n7p8q9r0s1t2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """An operation that honours If-Match, and requests of it that are at fault in one way each."""

    method: str
    path: str
    unknown: str | None
    """The path of an object that does not exist."""
    body: Any = None
    bad_body: Any = None


def _appointment(action: str, body: Any = None, bad_body: Any = None, method: str = "POST") -> Changing:
    return Changing(
        method=method,
        path=f"/v1/appointments/{{appointment_id}}{action}",
        unknown=f"/v1/appointments/{_NOBODY}{action}",
        body=body,
        bad_body=bad_body,
    )


def _object(method: str, plural: str, key: str, body: Any = None, bad_body: Any = None) -> Changing:
    return Changing(
        method=method, path=f"/v1/{plural}/{key}", unknown=f"/v1/{plural}/nobody", body=body, bad_body=bad_body
    )


def _endpoint(method: str, body: Any = None, bad_body: Any = None) -> Changing:
    path = "/v1/webhook-endpoints"
    unknown = f"{path}/whe_01kbc9x3v4h5m6n7p8q9r0s1t2"
    return Changing(method=method, path=f"{path}/{{endpoint_id}}", unknown=unknown, body=body, bad_body=bad_body)


def _user(method: str, body: Any = None, bad_body: Any = None) -> Changing:
    unknown = "/v1/users/usr_01kbc9x3v4h5m6n7p8q9r0s1t2"
    return Changing(method=method, path="/v1/users/{user_id}", unknown=unknown, body=body, bad_body=bad_body)


_PROVIDER_PATH: Final = "/v1/identity-provider"
_PROVIDER: Final = {
    "issuer": "https://id.example/",
    "audience": "holdfast",
    "public_keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
    "claims": {"role": "role"},
}


def _provider(method: str, unknown: str | None, body: Any = None, bad_body: Any = None) -> Changing:
    return Changing(method=method, path=_PROVIDER_PATH, unknown=unknown, body=body, bad_body=bad_body)


_HTTP_CHANNEL: Final = {"url": "https://messages.fade.example/holdfast"}


def _channel(name: str, body: Any, bad_body: Any) -> Changing:
    return Changing(method="PUT", path=f"/v1/notification-channels/{name}", unknown=None, body=body, bad_body=bad_body)


_OPERATIONS: Final = {
    "annotateAppointment": _appointment("", {"notes": "a"}, {"notes": 1}, method="PATCH"),
    "rescheduleAppointment": _appointment("/reschedule", {"start": "2026-12-02T10:00:00+02:00"}, {"start": "soon"}),
    "cancelAppointment": _appointment("/cancel", {"reason": "ill"}, {"reason": 1}),
    "completeAppointment": _appointment("/complete"),
    "missAppointment": _appointment("/no-show", {"waive_fee": True}, {"waive_fee": 1}),
    "waiveFee": _appointment("/waive-fee"),
    "reopenAppointment": _appointment("/reopen"),
    "approveAppointment": _appointment("/approve"),
    "declineAppointment": _appointment("/decline"),
    "applyBusiness": Changing(
        method="PUT",
        path="/v1/business",
        unknown=None,
        body={"business": {"name": "A", "timezone": "UTC", "currency": "EUR"}},
        bad_body={"business": {"name": "A"}},
    ),
    "changeLocation": _object("PATCH", "locations", "main", {"name": "A"}, {"name": "\u202e"}),
    "archiveLocation": _object("DELETE", "locations", "main"),
    "changeResource": _object("PATCH", "resources", "noa", {"name": "A"}, {"location": "nowhere"}),
    "archiveResource": _object("DELETE", "resources", "noa"),
    "changeService": _object("PATCH", "services", "haircut", {"name": "A"}, {"duration_minutes": 0}),
    "archiveService": _object("DELETE", "services", "haircut"),
    "putOverride": Changing(
        method="PUT",
        path="/v1/resources/noa/overrides/2026-12-24",
        unknown="/v1/resources/nobody/overrides/2026-12-24",
        body={"spans": []},
        bad_body={"spans": [{"start": "09:00"}]},
    ),
    "deleteOverride": Changing(
        method="DELETE",
        path="/v1/resources/noa/overrides/2026-12-24",
        unknown="/v1/resources/nobody/overrides/2026-12-24",
    ),
    "changeCustomer": Changing(
        method="PATCH",
        path="/v1/customers/{customer_id}",
        unknown="/v1/customers/cus_01kbc9x3v4h5m6n7p8q9r0s1t2",
        body={"name": "A"},
        bad_body={"name": 1},
    ),
    "putIdentityProvider": _provider("PUT", None, _PROVIDER, {**_PROVIDER, "claims": {}}),
    "deleteIdentityProvider": _provider("DELETE", _PROVIDER_PATH),
    "putEmailChannel": _channel("email", {"host": "mail.fade.example"}, {"host": 1}),
    "putSmsChannel": _channel("sms", {"account": "a", "token": "b", "from": "+15551234567"}, {"account": "a"}),
    "putPushChannel": _channel("push", {"subject": "mailto:a@fade.example"}, {"subject": "a"}),
    "putHttpChannel": _channel("http", _HTTP_CHANNEL, {"url": 1}),
    "deleteNotificationChannel": Changing(
        method="DELETE", path="/v1/notification-channels/http", unknown="/v1/notification-channels/sms"
    ),
    "changeUser": _user("PATCH", {"name": "A"}, {"name": 1}),
    "deleteUser": _user("DELETE"),
    "changeWebhookEndpoint": _endpoint("PATCH", {"enabled": False}, {"enabled": 1}),
    "deleteWebhookEndpoint": _endpoint("DELETE"),
}
_every_operation = pytest.mark.parametrize("operation", _OPERATIONS.values(), ids=_OPERATIONS)


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _path(door: Door, operation: Changing) -> str:
    if "{endpoint_id}" in operation.path:
        endpoint = {"url": "https://hooks.fade.example/holdfast", "types": ["*"]}
        added = await door.send("POST", "/v1/webhook-endpoints", json=endpoint, status=201)
        return operation.path.format(endpoint_id=added["id"])
    if "{user_id}" in operation.path:
        user = {"email": "dana@fade.example", "name": "Dana", "role": "manager"}
        added = await door.send("POST", "/v1/users", json=user, status=201)
        return operation.path.format(user_id=added["id"])
    if operation.path.startswith("/v1/notification-channels/"):
        body = operation.body or _HTTP_CHANNEL
        await door.send("PUT", operation.path, json=body, status=200)
    if operation.path == _PROVIDER_PATH:
        await door.send("PUT", operation.path, json={**_PROVIDER, "audience": str(door.tenant_id)}, status=200)
    if "{appointment_id}" not in operation.path and "{customer_id}" not in operation.path:
        return operation.path
    found = await door.send("GET", "/v1/availability/next", params={"service": "haircut"}, status=200)
    booked = await door.book("haircut", found["slots"][0]["start"])
    return operation.path.format(appointment_id=booked["id"], customer_id=booked["customer"]["id"])


def test_table_has_every_operation_that_honours_if_match() -> None:
    honouring = {
        operation["operationId"]
        for operations in application().openapi()["paths"].values()
        for operation in operations.values()
        if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ()))
    }

    assert honouring == set(_OPERATIONS)


@_every_operation
async def test_unknown_object_is_not_found_whatever_the_version(door: Door, operation: Changing) -> None:
    if operation.unknown is None:
        return

    refused = await door.send(operation.method, operation.unknown, json=operation.body, headers=_STALE, status=404)

    assert refused["code"] == "not_found"


@_every_operation
async def test_bad_body_is_invalid_whatever_the_version(door: Door, operation: Changing) -> None:
    if operation.bad_body is None:
        return
    path = await _path(door, operation)

    refused = await door.send(operation.method, path, json=operation.bad_body, headers=_STALE, status=422)

    assert refused["code"] == "validation"
    assert all(error["pointer"] != "header.If-Match" for error in refused["errors"])


@_every_operation
async def test_malformed_tag_is_invalid_whatever_the_object(door: Door, operation: Changing) -> None:
    path = operation.unknown or operation.path

    for tag in ("", "x", "null", '"1", "2"', '"', "W/", "1 2", '"a b"', '"' + "1" * 63 + '"'):
        refused = await door.send(operation.method, path, json=operation.body, headers={"If-Match": tag}, status=422)

        assert [error["pointer"] for error in refused["errors"]] == ["header.If-Match"]


@_every_operation
async def test_other_version_is_a_conflict(door: Door, operation: Changing) -> None:
    path = await _path(door, operation)

    for tag in ('"999"', 'W/"999"', "999", '"some-other-tag"', '""', '"0"'):
        refused = await door.send(operation.method, path, json=operation.body, headers={"If-Match": tag}, status=412)

        assert refused["code"] == "version_conflict"


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}"])
async def test_current_version_is_accepted_in_every_spelling(door: Door, form: str) -> None:
    for path, body in (("/v1/services/haircut", {"name": "Cut"}), ("/v1/business", None)):
        read = await door.http.get(path, headers=door.secret)
        headers = {**door.secret, "If-Match": form.format(read.headers["ETag"].strip('"'))}

        changed = await door.http.request("PATCH" if body else "PUT", path, json=body or read.json(), headers=headers)

        assert changed.status_code == 200, changed.text
