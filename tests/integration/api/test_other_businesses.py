"""What belongs to another business does not exist: by the answers, by what they cost, and in Redis."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from sqlalchemy import event

from access.roles import Role
from bootstrap.services import build_services
from catalogue.model.business import Mode
from holds.store import HoldStore
from kernel.clock import SystemClock
from kernel.ids import HoldId
from persistence import keys, lua
from tests.support.audited_operations import STEPS, Walk
from tests.support.door import Door, open_door
from tests.support.engine import patient_settings, pools
from tests.support.role_cells import OPERATIONS, World, body_of, open_world
from tests.support.shared_routes import app_with_shared_routes

_ULID: Final = "01kbc9x3v4h5m6n7p8q9r0zzzz"
_UNKNOWN: Final = {
    "appointment": f"apt_{_ULID}",
    "hold": f"hld_{_ULID}",
    "resource": f"res_{_ULID}",
    "location": f"loc_{_ULID}",
    "service": f"svc_{_ULID}",
    "time_off": f"tof_{_ULID}",
    "endpoint": f"whe_{_ULID}",
    "delivery": f"whd_{_ULID}",
    "notification": f"ntf_{_ULID}",
    "event": "evt_019b0a4f6c2e7d1b3c5a9f8e2d",
    "user": f"usr_{_ULID}",
    "key": f"key_{_ULID}",
    "customer": f"cus_{_ULID}",
    "channel": "sms",
}
_DATE: Final = "2027-03-02"
# Parts of paths that name nothing of a business.
_FREE: Final = {"date": _DATE, "purpose": "newsletter"}
_BODIES: Final = {
    "replayWebhookEvents": {"from": "2026-11-30T00:00:00Z", "to": "2026-12-01T00:00:00Z"},
    "mergeCustomer": {"into": "cus_01kbc9x3v4h5m6n7p8q9r0s1t3"},
}
# Success that says nothing: deleting what is not there.
_IDEMPOTENT: Final = {"releaseHold": 204}
# Keys that are of no business (lua/README.md).
_OF_THE_ENGINE: Final = ("hf:holders", "hf:probe", "hf:metrics:", "{counts}:", "{hf:metrics")


@dataclass
class Costs:
    """What a request asked of the stores."""

    statements: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """Two businesses on the same stores."""

    ours: World
    theirs: World

    async def name(self, kind: str) -> str:
        """The id of a fresh object of theirs, or of one that they have."""
        if kind in {"service", "location"}:
            path = {"service": "/v1/services/haircut", "location": "/v1/locations/main"}[kind]
            return str((await self.theirs.door.send("GET", path, status=200))["id"])
        if kind == "channel":
            url = {"url": "https://messages.fade.example/"}
            await self.theirs.door.send("PUT", "/v1/notification-channels/http", json=url, status=200)
            return "http"
        return await self.theirs.object(kind, "own")


@pytest.fixture
async def pair(database_url: str, redis_url: str) -> AsyncIterator[Pair]:
    async with open_world(database_url, redis_url) as ours, open_world(database_url, redis_url) as theirs:
        yield Pair(ours, theirs)


@contextmanager
def _counted(door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Costs]:
    """Note each statement and each script while the block lasts."""
    costs = Costs()
    run = lua._run  # noqa: SLF001 - there is no other place where all scripts pass

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # Who is suspended is asked by the clock, whatever the requests are about.
        if "FROM standings" not in statement:
            costs.statements.append(statement)

    async def noted(redis: Any, name: str, *arguments: Any) -> Any:
        costs.scripts.append(name)
        return await run(redis, name, *arguments)

    engine = door.context.engine.sync_engine
    event.listen(engine, "before_cursor_execute", executed)
    monkeypatch.setattr(lua, "_run", noted)
    try:
        yield costs
    finally:
        monkeypatch.setattr(lua, "_run", run)
        event.remove(engine, "before_cursor_execute", executed)


def _parameters(template: str) -> list[str]:
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


_ON_OBJECTS: Final = sorted(name for name, (_, path) in OPERATIONS.items() if _parameters(path))


async def _ask(world: World, operation_id: str, names: Mapping[str, str]) -> tuple[int, str]:
    """Status and body, with the names that were asked for struck out, and the id of the request."""
    method, template = OPERATIONS[operation_id]
    response = await world.door.http.request(
        method,
        template.format(**names),
        headers={**world.headers(Role.OWNER), "X-Request-Id": "0" * 32},
        json=None if method == "GET" else {**_BODIES.get(operation_id, body_of(operation_id, world, "own"))},
    )
    return response.status_code, _without(response, names.values())


def _without(response: httpx.Response, names: Any) -> str:
    text = response.text
    for name in names:
        text = text.replace(name, "*")
    return text


@pytest.mark.parametrize("operation_id", _ON_OBJECTS)
async def test_object_of_another_business_is_answered_and_costs_as_one_that_does_not_exist(
    pair: Pair, operation_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {one: one.removesuffix("_id") for one in _parameters(OPERATIONS[operation_id][1])}
    unknown = {one: _FREE.get(kind) or _UNKNOWN[kind] for one, kind in kinds.items()}
    theirs = {one: _FREE.get(kind) or await pair.name(kind) for one, kind in kinds.items()}
    # What is remembered of a catalogue is there for both.
    await _ask(pair.ours, operation_id, unknown)

    with _counted(pair.ours.door, monkeypatch) as costs_of_unknown:
        expected = await _ask(pair.ours, operation_id, unknown)
    with _counted(pair.ours.door, monkeypatch) as costs:
        told = await _ask(pair.ours, operation_id, theirs)

    assert told == expected
    assert told[0] == _IDEMPOTENT.get(operation_id, 404)
    assert costs == costs_of_unknown


@pytest.mark.parametrize(
    ("request_line", "kind", "sent", "status"),
    [
        ("GET /v1/availability/days?from=2026-12-01&to=2026-12-01&service={}", "service", None, 404),
        ("GET /v1/availability/next?service=haircut&resource={}", "resource", None, 404),
        ("POST /v1/holds", "service", {"service": "{}", "start": "2026-12-01T10:00:00+02:00"}, 404),
        ("POST /v1/holds", "resource", {"service": "haircut", "resource": "{}", "start": "2026-12-01T08:00:00Z"}, 404),
        ("GET /v1/appointments?resource={}", "resource", None, 404),
        ("GET /v1/appointments?service={}", "service", None, 404),
        ("GET /v1/events?subject={}", "appointment", None, 200),
        ("GET /v1/audit?subject={}", "appointment", None, 200),
    ],
)  # fmt: skip
async def test_name_of_another_business_in_a_query_or_a_body_is_that_of_nothing(
    pair: Pair, request_line: str, kind: str, sent: Mapping[str, str] | None, status: int
) -> None:
    method, path = request_line.split()

    async def ask(name: str) -> tuple[int, str]:
        body = None if sent is None else {key: value.replace("{}", name) for key, value in sent.items()}
        headers = {**pair.ours.door.secret, "X-Request-Id": "0" * 32}
        response = await pair.ours.door.http.request(method, path.replace("{}", name), headers=headers, json=body)
        return response.status_code, _without(response, [name])

    told, expected = await ask(await pair.name(kind)), await ask(_UNKNOWN[kind])

    assert told == expected
    assert told[0] == status


async def test_key_and_token_of_two_businesses_open_nothing_together(pair: Pair) -> None:
    visit = pair.theirs.appointments["own"]
    path = f"/v1/appointments/{visit['id']}"

    for headers in (pair.ours.door.publishable, pair.ours.door.secret):
        sent = {**headers, "Appointment-Token": visit["token"]}
        response = await pair.ours.door.http.request("GET", path, headers=sent)
        assert response.status_code in {403, 404}
        assert visit["customer"]["name"] not in response.text


def _as_user(redis_url: str, name: str) -> str:
    parts = urlsplit(redis_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:secret@{host}"))


async def test_scripts_of_a_business_touch_no_key_of_another(database_url: str, redis_url: str) -> None:
    """Redis itself judges: it lets the user as whom a business's requests run touch that business's keys alone."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(Redis.from_url(redis_url))
        doors: list[Door] = []
        for number in range(2):
            door = await stack.enter_async_context(
                open_door(database_url, redis_url, clock=SystemClock(), mode=Mode.SANDBOX)
            )
            user = f"business-{door.tenant_id.hex}"
            allowed = [keys.prefix(door.tenant_id) + "*", *(f"{begin}*" for begin in _OF_THE_ENGINE)]
            await admin.acl_setuser(
                user, enabled=True, passwords="+secret", categories=["+@all"], keys=allowed, channels=["*"]
            )
            stack.push_async_callback(admin.acl_deluser, user)
            settings = patient_settings(database_url, _as_user(redis_url, user))
            context = await stack.enter_async_context(pools(settings))
            transport = httpx.ASGITransport(app_with_shared_routes(context, build_services(context, SystemClock())))
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://engine"))
            doors.append(replace(door, http=http, context=context))
            assert len(doors) == number + 1

        for door in doors:
            walk = Walk(door)
            await walk.begin()
            for step in STEPS.values():
                await step(walk)
        other = doors[1].tenant_id
        with pytest.raises(NoPermissionError):
            await HoldStore(doors[0].context.redis).read(other, HoldId(f"hld_{_ULID}"))

        written = [key.decode() async for key in admin.scan_iter()]
    of_ours = [key for key in written if not key.startswith(_OF_THE_ENGINE)]
    assert of_ours
    assert [key for key in of_ours if not key.startswith(tuple(keys.prefix(door.tenant_id) for door in doors))] == []
