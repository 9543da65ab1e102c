"""Cells of the table of permissions, put to the test over HTTP: an operation, a role, and whose object it is on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, Literal

import httpx

from access.permissions import PERMISSIONS, Reach
from access.roles import Role
from access.subject import Subject
from catalogue.model.business import Mode
from kernel.ids import CustomerId, ResourceId, TenantId, UserId, UserSessionId
from tests.support.application import application
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock
from tests.support.notifications import add_sent
from tests.support.permissions_page import operations

Whose = Literal["own", "other", "unknown"]

OPERATIONS: Final = {
    operation["operationId"]: (method, path) for method, path, operation in operations(application().openapi())
}
"""Method and path of each operation that has a caller."""
_ULID: Final = "01kbc9x3v4h5m6n7p8q9r0zzzz"
_RESOURCES: Final = {"own": "noa", "other": "dan", "unknown": "nobody"}
_REFUSED: Final = frozenset({401, 403, 404, 500})
_STREAMS: Final = frozenset({"streamEvents", "streamAvailability"})
_BOTH: Final[tuple[Whose, ...]] = ("own", "other")
_LISTS: Final = {
    "listAppointments": "appointment",
    "listHolds": "hold",
    "listResources": "resource",
    "listAuditEntries": "audit_entry",
    "listCustomers": "customer",
}
"""Lists that have own objects and others, with the kind of object."""
# Both work on Tuesdays and Thursdays at these hours.
_HOURS: Final = (10, 11, 12)
_DAYS: Final = [datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=days) for days in (0, 2, 7, 9, 14, 16, 21, 23)]


class TestTokens:
    """Verifies tokens that name a role; each is that of somebody with a resource or a customer of their own."""

    __test__ = False

    def __init__(self) -> None:
        self.tenant_id: TenantId | None = None
        self.resource_id: ResourceId | None = None
        self.customer_id: CustomerId | None = None

    async def verify(self, raw: str) -> Subject | None:
        """What JwtVerifier.verify answers."""
        header, name, signature = raw.split(".")
        if (header, signature) != ("test", "test") or self.tenant_id is None:
            return None
        role, is_customer = Role(name), name == Role.CUSTOMER
        return Subject(
            tenant_id=self.tenant_id,
            role=role,
            expires_at=datetime.now(UTC) + timedelta(minutes=5),
            user_id=None if is_customer else UserId(f"usr_{_ULID}"),
            customer_id=self.customer_id if is_customer else None,
            external_id=f"ext_{_ULID}" if is_customer else None,
            resource_id=self.resource_id if role is Role.STAFF else None,
            session_id=None if is_customer else UserSessionId(f"ses_{_ULID}"),
        )


@dataclass(slots=True, kw_only=True)
class World:
    """A shop with an appointment of Noa's for one customer, and an appointment of Dan's for another."""

    door: Door
    tokens: TestTokens
    starts: dict[str, Any] = field(default_factory=dict)
    appointments: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    def headers(self, role: Role) -> dict[str, str]:
        """The credential of a caller with the role, to whom `own` belongs. Both owners are asked: a key is one too."""
        match role:
            case Role.VISITOR:
                return self.door.publishable
            case Role.HOLDER:
                return {"Authorization": f"Bearer {self.appointments['own']['token']}"}
            case _:
                return {"Authorization": f"Bearer test.{role.value}.test"}

    def start(self, whose: str) -> str:
        """A start of Noa's or of Dan's that nobody has asked for yet."""
        number = self.starts[whose] = self.starts.get(whose, -1) + 1
        day, hour = _DAYS[number // len(_HOURS)], _HOURS[number % len(_HOURS)]
        return f"{day.date()}T{hour}:00:00+02:00"

    async def object(self, kind: str, whose: Whose) -> str:
        """The id of an object of a kind that is own or another's, and which the operation may change or delete."""
        if kind == "appointment":
            return f"apt_{_ULID}" if whose == "unknown" else str(self.appointments[whose]["id"])
        if kind == "customer":
            return f"cus_{_ULID}" if whose == "unknown" else str(self.appointments[whose]["customer"]["id"])
        if kind == "resource":
            return _RESOURCES[whose] if whose == "unknown" else self.resources[whose]
        return str(await _MAKERS[kind](self, whose))

    async def listed(self, kind: str, whose: Whose) -> str:
        """The id of a fresh object, as a list has it."""
        return f'"{await self.object(kind, whose)}"'


async def _hold(world: World, whose: Whose) -> str:
    if whose == "unknown":
        return f"hld_{_ULID}"
    body = {"service": "haircut", "resource": _RESOURCES[whose], "client": f"client-{next(world.numbers)}"}
    made = await world.door.send("POST", "/v1/holds", json={**body, "start": world.start(whose)}, status=201)
    return str(made["id"])


async def _time_off(world: World, whose: Whose) -> str:
    if whose == "unknown":
        return f"tof_{_ULID}"
    span = {"start": "2027-02-01T00:00:00Z", "end": "2027-02-02T00:00:00Z"}
    path = f"/v1/resources/{_RESOURCES[whose]}/time-off"
    return str((await world.door.send("POST", path, json=span, status=201))["id"])


async def _endpoint(world: World, _whose: Whose) -> str:
    body = {"url": "http://127.0.0.1:9009/hook", "types": ["appointment.*"]}
    made = await world.door.send("POST", "/v1/webhook-endpoints", json=body, status=201)
    return str(made["id"])


async def _key(world: World, whose: Whose) -> str:
    if whose == "unknown":
        return f"key_{_ULID}"
    return str((await world.door.send("POST", "/v1/api-keys", json={"name": "Till"}, status=201))["id"])


async def _delivery(world: World, whose: Whose) -> str:
    path = f"/v1/webhook-endpoints/{await _endpoint(world, whose)}/ping"
    return str((await world.door.send("POST", path, status=202))["id"])


async def _notification(world: World, whose: Whose) -> str:
    appointment = world.appointments["own" if whose == "unknown" else whose]
    return await add_sent(world.door.context, world.door.tenant_id, appointment)


async def _audit_entry(world: World, whose: Whose) -> str:
    path = f"/v1/appointments/{world.appointments['own']['id']}"
    headers = world.headers(Role.STAFF) if whose == "own" else world.door.secret
    await world.door.send("GET", path, headers=headers, status=200)
    return str((await world.door.send("GET", "/v1/audit", params={"limit": 1}, status=200))["data"][0]["id"])


async def _user(world: World, _whose: Whose) -> str:
    body = {"email": f"user{next(world.numbers)}@example.com", "name": "Eva", "role": "manager"}
    return str((await world.door.send("POST", "/v1/users", json=body, status=201))["id"])


_MAKERS: Final[Mapping[str, Callable[[World, Whose], Awaitable[str]]]] = {
    "hold": _hold,
    "time_off": _time_off,
    "endpoint": _endpoint,
    "delivery": _delivery,
    "notification": _notification,
    "audit_entry": _audit_entry,
    "user": _user,
    "key": _key,
}
"""What makes an object of a kind that an operation may use up, one for each request."""
_NAMED: Final = {
    "channel": "http",
    "location": "main",
    "service": "haircut",
    "date": "2027-03-02",
    "purpose": "reminders",
}
"""Objects that belong to nobody, by the parameter of the path."""


def body_of(operation_id: str, world: World, whose: Whose) -> Mapping[str, Any]:
    """The JSON of a request. Where the reach is all of the business, an empty object is judged well enough."""
    at = "own" if whose == "unknown" else whose
    span = {"start": "2027-02-01T00:00:00Z", "end": "2027-02-02T00:00:00Z"}
    customer = {"customer": {"name": "Eva", "email": f"eva{next(world.numbers)}@example.com"}}
    visit = {"service": "haircut", "resource": _RESOURCES[whose]}
    if operation_id in {"placeHold", "bookAppointment", "rescheduleAppointment"}:
        visit["start"] = world.start(at)
    bodies: Mapping[str, Mapping[str, Any]] = {
        "placeHold": visit,
        "bookAppointment": {**visit, **customer},
        "confirmHold": customer,
        "annotateAppointment": {"customer": {"name": "Eva"}},
        "extendHold": {"ttl_seconds": 60},
        "sendVerificationCode": {"email": customer["customer"]["email"]},
        "checkVerificationCode": {"code": "123456"},
        "rescheduleAppointment": {"start": visit.get("start")},
        "addTimeOff": span,
        "putOverride": {"spans": []},
        "changeCustomer": {"timezone": "Asia/Jerusalem"},
        "setConsent": {"granted": True, "source": "phone"},
    }
    return bodies.get(operation_id, {})


_ON_CHANNEL: Final = frozenset({"getNotificationChannel", "deleteNotificationChannel"})
_ON_PROVIDER: Final = frozenset({"getIdentityProvider", "deleteIdentityProvider"})


def _provider(world: World) -> Mapping[str, Any]:
    """An identity provider whose audience is that of this business alone."""
    key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    audience, claims = str(world.door.tenant_id), {"role": "role"}
    return {"issuer": "https://id.example/", "audience": audience, "public_keys": [key], "claims": claims}


_QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "listAvailability": {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01"},
    "listAvailableDays": {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01"},
    "listNextAvailability": {"service": "haircut"},
    "streamAvailability": {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01"},
}


async def ask(world: World, operation_id: str, role: Role, whose: Whose) -> tuple[httpx.Response, list[str]]:
    """The answer to a request of the role, and the ids that it named."""
    method, template = OPERATIONS[operation_id]
    names: dict[str, str] = {}
    for parameter in [part[1:-1] for part in template.split("/") if part.startswith("{")]:
        kind = parameter.removesuffix("_id")
        names[parameter] = _NAMED.get(kind) or await world.object(kind, whose)
    body = body_of(operation_id, world, whose)
    if operation_id in _ON_PROVIDER:
        await world.door.send("PUT", "/v1/identity-provider", json=_provider(world), status=200)
    if operation_id in _ON_CHANNEL:
        url = {"url": "https://messages.fade.example/holdfast"}
        await world.door.send("PUT", "/v1/notification-channels/http", json=url, status=200)
    response = await world.door.http.request(
        "HEAD" if operation_id in _STREAMS else method,
        template.format(**names),
        headers=world.headers(role),
        params=_QUERIES.get(operation_id),
        json=None if method == "GET" else body,
    )
    return response, [*names.values(), str(body.get("resource", "-"))]


class WrongCell(AssertionError):
    """The engine does not do as the table says."""


async def check_cell(world: World, operation_id: str, role: Role) -> None:
    """Raise WrongCell if the engine does not do as the table says for the role, on own objects and on others."""
    reach = PERMISSIONS[operation_id][role]
    own, _ = await ask(world, operation_id, role, "own")
    if reach is Reach.NO:
        _expect(own.status_code == 403, own)
        return
    _expect(own.status_code not in _REFUSED, own)
    other, other_names = await ask(world, operation_id, role, "other")
    if operation_id in _LISTS:
        ids = {one: await world.listed(_LISTS[operation_id], one) for one in _BOTH}
        listed, _ = await ask(world, operation_id, role, "own")
        _expect(ids["own"] in listed.text, listed)
        _expect((ids["other"] in listed.text) == (reach is Reach.ALL), listed)
    elif reach is Reach.ALL:
        _expect(other.status_code not in _REFUSED, other)
    elif role is Role.HOLDER:
        _expect(other.status_code == 403, other)
    else:
        unknown, unknown_names = await ask(world, operation_id, role, "unknown")
        _expect(_told(other, other_names) == _told(unknown, unknown_names), other)
        _expect(other.status_code == (204 if operation_id == "releaseHold" else 404), other)
        if operation_id == "releaseHold":
            path = f"/v1/holds/{other_names[0]}"
            kept = await world.door.http.request("GET", path, headers=world.door.secret)
            _expect(kept.status_code == 200, kept)


def _expect(is_so: bool, response: httpx.Response) -> None:  # noqa: FBT001 - what is expected
    if not is_so:
        message = f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
        raise WrongCell(message)


def _told(response: httpx.Response, names: list[str]) -> tuple[int, Any]:
    """Status and body, with the names of the request and what differs between any two answers struck out."""
    text = response.text
    for name in names:
        text = text.replace(name, "*")
    told = httpx.Response(response.status_code, text=text).json() if text else {}
    told.pop("request_id", None)
    return response.status_code, told


@asynccontextmanager
async def open_world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    """The barbershop as a sandbox, with two appointments."""
    tokens = TestTokens()
    async with open_door(
        database_url, redis_url, clock=FixedClock(MONDAY), mode=Mode.SANDBOX, web_tokens=tokens
    ) as door:
        await door.set_up("barbershop")
        world = World(door=door, tokens=tokens)
        for whose in ("own", "other"):
            customer = {"name": whose.title(), "email": f"{whose}@example.com"}
            body = {"service": "haircut", "resource": _RESOURCES[whose], "customer": customer}
            made = await door.send("POST", "/v1/appointments", json={**body, "start": world.start(whose)}, status=201)
            world.appointments[whose] = made
            resource = await door.send("GET", f"/v1/resources/{_RESOURCES[whose]}", status=200)
            world.resources[whose] = resource["id"]
        tokens.tenant_id = door.tenant_id
        tokens.resource_id = ResourceId(world.resources["own"])
        read = await door.send("GET", f"/v1/appointments/{world.appointments['own']['id']}", status=200)
        tokens.customer_id = CustomerId(read["customer"]["id"])
        yield world
