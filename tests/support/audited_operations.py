"""A walk through every operation that changes something, for tests of what it leaves in the audit log.

A new operation of the API has a step here, or a reason to leave no entry: a contract test compares the two tables with
the OpenAPI document.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeAlias

from bootstrap.services import build_sign_in
from kernel.ids import UserId
from tests.support.door import Door, act
from tests.support.notifications import add_sent

MARKER: Final = "Zyxwvut"
"""In everything personal that the walk sends."""
WITHOUT_ENTRY: Final[Mapping[str, str]] = {
    "placeHold": "holds are in Redis for some minutes, and become entries when they are confirmed",
    "extendHold": "a hold",
    "releaseHold": "a hold",
    "checkVerificationCode": "the proof is kept beside the hold, and the appointment remembers it",
    "makeStreamTicket": "nothing is stored",
    "requestSignIn": "nobody is told whether somebody has the address; the link has an entry when it is made",
    "refreshSession": "the session goes on; one that ends, because a token was used again, has an entry",
}
"""Operations that are no GET and leave no entry, with the reason."""
_MONDAY: Final = "2026-12-07"


@dataclass
class Walk:
    """The steps so far, and what they made."""

    door: Door
    made: dict[str, Any] = field(default_factory=dict)
    starts: Iterator[str] = field(init=False)

    async def begin(self) -> None:
        """Set the barbershop up, and list its starts."""
        await self.door.set_up("barbershop")
        listed = await self.door.slots("haircut", _MONDAY, resource="noa")
        # Far enough from each other to be booked one after another.
        self.starts = iter([start for number, start in enumerate(listed) if number % 3 == 0])
        self.numbers = count()

    def person(self) -> dict[str, str]:
        """Return a customer whose every field has the marker."""
        number = next(self.numbers)
        # Digits of a number that is in nothing else.
        return {
            "name": f"{MARKER} Levi",
            "email": f"{MARKER.lower()}{number}@example.com",
            "phone": f"+97250987654{number % 10}",
        }

    async def book(self, service: str = "haircut", start: str | None = None) -> Any:
        """Book as the business, with the marker in whatever is personal."""
        body = {
            "service": service,
            "start": start or next(self.starts),
            "customer": self.person(),
            "notes": f"{MARKER}'s notes",
            "metadata": {f"{MARKER}-key": f"{MARKER} value"},
        }
        return await self.door.send("POST", "/v1/appointments", json=body, status=201)

    async def at(self, instant: str) -> None:
        """Set the clock of the sandbox."""
        await self.door.send("PUT", "/v1/sandbox/clock", json={"now": instant}, status=200)

    async def send(self, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
        """Send a request as the business."""
        return await self.door.send(method, path, status=status, **arguments)


Step: TypeAlias = Callable[[Walk], Awaitable[object]]


async def _apply(walk: Walk) -> None:
    document = await walk.send("GET", "/v1/business")
    document["business"]["name"] = f"{MARKER} & Co"
    await walk.send("PUT", "/v1/business", json=document)


async def _send_code(walk: Walk) -> None:
    hold = await walk.door.hold("haircut", next(walk.starts))
    path = f"/v1/holds/{hold['id']}/verification"
    await walk.send("POST", path, json={"email": walk.person()["email"]}, headers=walk.door.publishable, status=202)
    await walk.send("DELETE", f"/v1/holds/{hold['id']}", status=204)


async def _confirm(walk: Walk) -> None:
    hold = await walk.door.hold("haircut", next(walk.starts))
    body = {"customer": walk.person(), "notes": f"{MARKER}'s notes"}
    await walk.send("POST", f"/v1/holds/{hold['id']}/confirm", json=body, headers=walk.door.publishable, status=201)


async def _book(walk: Walk) -> None:
    walk.made["visit"] = await walk.book()


async def _annotate(walk: Walk) -> None:
    body = {"customer": {"name": f"{MARKER} Cohen"}, "notes": f"{MARKER} again"}
    await walk.send("PATCH", f"/v1/appointments/{walk.made['visit']['id']}", json=body)


async def _reschedule(walk: Walk) -> None:
    await act(walk.door, walk.made["visit"], "reschedule", json={"start": next(walk.starts)})


async def _cancel(walk: Walk) -> None:
    await act(walk.door, walk.made["visit"], "cancel", json={"reason": f"{MARKER} is ill"})


async def _miss(walk: Walk) -> None:
    walk.made["missed"] = visit = await walk.book()
    walk.made["missed_customer"] = visit["customer"]
    await walk.at(visit["end"])
    await act(walk.door, visit, "no-show")


async def _complete(walk: Walk) -> None:
    await walk.send("DELETE", "/v1/sandbox/clock", status=204)
    visit = await walk.book()
    await walk.at(visit["end"])
    await act(walk.door, visit, "complete")
    walk.made["completed"] = visit


async def _pending(walk: Walk, what: str) -> None:
    await walk.send("DELETE", "/v1/sandbox/clock", status=204)
    starts = list(await walk.door.slots("father-and-son", "2026-12-09"))
    await act(walk.door, await walk.book("father-and-son", starts[0]), what)


async def _of_customer(walk: Walk, method: str, path: str, body: Mapping[str, Any], status: int = 200) -> None:
    customer = walk.made["visit"]["customer"]["id"]
    await walk.send(method, f"/v1/customers/{customer}{path}", json=body, status=status)


async def _merge(walk: Walk) -> None:
    await _of_customer(walk, "POST", "/merge", {"into": walk.made["completed"]["customer"]["id"]})


async def _add_time_off(walk: Walk) -> None:
    body = {"start": "2027-02-01T00:00:00+02:00", "end": "2027-02-08T00:00:00+02:00", "reason": f"{MARKER}'s surgery"}
    walk.made["time_off"] = await walk.send("POST", "/v1/resources/noa/time-off", json=body, status=201)


async def _create_endpoint(walk: Walk) -> None:
    body = {"url": "http://127.0.0.1:9999/", "types": ["*"], "description": f"{MARKER}'s server"}
    walk.made["endpoint"] = await walk.send("POST", "/v1/webhook-endpoints", json=body, status=201)


async def _resend(walk: Walk) -> None:
    sent = await add_sent(walk.door.context, walk.door.tenant_id, walk.made["visit"])
    await walk.send("POST", f"/v1/notifications/{sent}/resend", status=202)


async def _ping(walk: Walk) -> None:
    path = f"/v1/webhook-endpoints/{walk.made['endpoint']['id']}/ping"
    walk.made["delivery"] = await walk.send("POST", path, status=202)


async def _create_key(walk: Walk) -> None:
    walk.made["key"] = await walk.send("POST", "/v1/api-keys", json={"name": f"{MARKER}'s till"}, status=201)


def _request(method: str, path: str, *, status: int = 200, **arguments: Any) -> Step:
    """A step of one request; `{name}` in the path is the id of what a step before has made."""

    async def step(walk: Walk) -> None:
        ids = {name: made["id"] for name, made in walk.made.items()}
        await walk.send(method, path.format_map(ids), status=status, **arguments)

    return step


_LOCATION: Final = {"key": "north", "name": f"{MARKER} Street 80", "timezone": "Asia/Jerusalem"}
_RESOURCE: Final = {"key": "gal", "kind": "staff", "name": f"Gal {MARKER}", "location": "main", "hours": []}
_SERVICE: Final = {
    "key": "shave",
    "name": "Shave",
    "duration_minutes": 20,
    "price": {"amount_minor": 5000, "currency": "ILS"},
    "requires": [{"role": "staff", "kind": "staff"}],
}
_STRETCH: Final = {"from": "2026-11-30T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
PROVIDER: Final = {
    "issuer": f"https://{MARKER.lower()}.example/",
    "audience": "audited",
    "public_keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
    "claims": {"role": "role"},
}
_SMTP_URL: Final = f"smtp://{MARKER}:{MARKER}@mail.fade.example:587"
_USER: Final = {"email": f"{MARKER}@fade.example", "name": f"Noa {MARKER}", "role": "manager"}


async def _create_user(walk: Walk) -> None:
    walk.made["user"] = await walk.send("POST", "/v1/users", json=_USER, status=201)


async def _sign_in(walk: Walk) -> None:
    link = await build_sign_in(walk.door.context).make_link(walk.door.tenant_id, UserId(walk.made["user"]["id"]))
    assert link is not None
    body = {"code": link.partition("#")[2]}
    walk.made["session"] = {"id": "", **await walk.send("POST", "/v1/sessions", json=body, status=201)}


async def _sign_out(walk: Walk) -> None:
    headers = {"Authorization": f"Bearer {walk.made['session']['access_token']}"}
    await walk.send("DELETE", "/v1/sessions/current", headers=headers, status=204)


STEPS: Final[Mapping[str, Step]] = {
    "rotateAppointmentTokens": _request("POST", "/v1/appointment-tokens/rotate", json={"overlap_days": 0}),
    "setClock": lambda walk: walk.at("2026-12-06T06:00:00Z"),
    "resetClock": _request("DELETE", "/v1/sandbox/clock", status=204),
    "applyBusiness": _apply,
    "createLocation": _request("POST", "/v1/locations", json=_LOCATION, status=201),
    "changeLocation": _request("PATCH", "/v1/locations/north", json={"name": "North"}),
    "archiveLocation": _request("DELETE", "/v1/locations/north", status=204),
    "createResource": _request("POST", "/v1/resources", json=_RESOURCE, status=201),
    "changeResource": _request("PATCH", "/v1/resources/gal", json={"name": MARKER}),
    "archiveResource": _request("DELETE", "/v1/resources/gal", status=204),
    "addTimeOff": _add_time_off,
    "deleteTimeOff": _request("DELETE", "/v1/resources/noa/time-off/{time_off}", status=204),
    "putOverride": _request(
        "PUT", "/v1/resources/noa/overrides/2027-12-24", json={"spans": [{"start": "09:00", "end": "12:00"}]}
    ),
    "deleteOverride": _request("DELETE", "/v1/resources/noa/overrides/2027-12-24", status=204),
    "createService": _request("POST", "/v1/services", json=_SERVICE, status=201),
    "changeService": _request("PATCH", "/v1/services/shave", json={"name": MARKER}),
    "archiveService": _request("DELETE", "/v1/services/shave", status=204),
    "createUser": _create_user,
    "changeUser": _request("PATCH", "/v1/users/{user}", json={"name": f"Noa B {MARKER}"}),
    "createSession": _sign_in,
    "deleteCurrentSession": _sign_out,
    "putIdentityProvider": _request("PUT", "/v1/identity-provider", json=PROVIDER),
    "deleteIdentityProvider": _request("DELETE", "/v1/identity-provider", status=204),
    "putEmailChannel": _request("PUT", "/v1/notification-channels/email", json={"url": _SMTP_URL}),
    "putSmsChannel": _request(
        "PUT", "/v1/notification-channels/sms", json={"account": MARKER, "token": MARKER, "from": "+15551234567"}
    ),
    "putPushChannel": _request("PUT", "/v1/notification-channels/push", json={"subject": f"mailto:{MARKER}@a.example"}),
    "putHttpChannel": _request(
        "PUT", "/v1/notification-channels/http", json={"url": f"https://{MARKER.lower()}.example/"}
    ),
    "deleteNotificationChannel": _request("DELETE", "/v1/notification-channels/sms", status=204),
    "deleteUser": _request("DELETE", "/v1/users/{user}", status=204),
    "createWebhookEndpoint": _create_endpoint,
    "sendVerificationCode": _send_code,
    "confirmHold": _confirm,
    "bookAppointment": _book,
    "annotateAppointment": _annotate,
    "rescheduleAppointment": _reschedule,
    "cancelAppointment": _cancel,
    "missAppointment": _miss,
    "waiveFee": lambda walk: act(walk.door, walk.made["missed"], "waive-fee"),
    "completeAppointment": _complete,
    "reopenAppointment": lambda walk: act(walk.door, walk.made["completed"], "reopen"),
    "approveAppointment": lambda walk: _pending(walk, "approve"),
    "declineAppointment": lambda walk: _pending(walk, "decline"),
    "changeCustomer": lambda walk: _of_customer(walk, "PATCH", "", {"name": f"{MARKER} Mizrahi"}),
    "setConsent": lambda walk: _of_customer(walk, "PUT", "/consents/reminders", {"granted": True, "source": "phone"}),
    "mergeCustomer": _merge,
    "eraseCustomer": _request("DELETE", "/v1/customers/{missed_customer}", status=204),
    "changeWebhookEndpoint": _request("PATCH", "/v1/webhook-endpoints/{endpoint}", json={"description": MARKER}),
    "rotateWebhookSecret": _request(
        "POST", "/v1/webhook-endpoints/{endpoint}/rotate-secret", json={"overlap_minutes": 60}
    ),
    "revokePreviousWebhookSecret": _request("DELETE", "/v1/webhook-endpoints/{endpoint}/previous-secret", status=204),
    "pingWebhookEndpoint": _ping,
    "resendNotification": _resend,
    "resendWebhookDelivery": _request("POST", "/v1/webhook-deliveries/{delivery}/resend", status=202),
    "replayWebhookEvents": _request("POST", "/v1/webhook-endpoints/{endpoint}/replay", json=_STRETCH, status=202),
    "deleteWebhookEndpoint": _request("DELETE", "/v1/webhook-endpoints/{endpoint}", status=204),
    "createApiKey": _create_key,
    "rotateApiKey": _request("POST", "/v1/api-keys/{key}/rotate", json={"overlap_minutes": 60}),
    "revokeApiKey": _request("DELETE", "/v1/api-keys/{key}", status=204),
}
"""A request, or some, that carry each operation out, in an order in which each finds what it needs."""


def changing_operations(document: Mapping[str, Any]) -> set[str]:
    """Ids of the operations of an OpenAPI document that are no GET; those of the operator have a test of their own."""
    return {
        spec["operationId"]
        for operations in document["paths"].values()
        for method, spec in operations.items()
        if method != "get" and spec["tags"] != ["Operator"]
    }
