"""Equality of the fast lane and FastAPI: every request here is put to both."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from api.app import ROUTERS, Application
from api.fast_lane import OPERATIONS, find
from api.shell.application import Shell, Shortcut
from api.shell.request_body import RequestBody
from kernel.errors import NotFound
from telemetry.metrics import Metrics
from tests.support.application import PUBLISHABLE, SECRET, TOKEN, Tokens, application
from tests.support.asgi import Answered, Asked, RawHeaders, ask
from tests.support.away import UnitOfWorkAway

_JSON: Final = (b"content-type", b"application/json")
_PLACE: Final = {"service": "haircut", "start": "2026-12-01T09:00:00Z"}
_CUSTOMER: Final = {"name": "Dana", "email": "dana@example.com"}
# One that fits, for each operation with a body that is read by its model.
_BODIES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("POST", "/v1/holds"): {**_PLACE, "resource": "noa", "party": 2, "client": "c", "ttl_seconds": 60},
    ("POST", "/v1/holds/{hold_id}/confirm"): {"customer": _CUSTOMER, "notes": "n", "metadata": {"crm": "81"}},
    ("POST", "/v1/appointments"): {
        **_PLACE,
        "customer": _CUSTOMER,
        "party": 2,
        "notes": "n",
        "metadata": {"crm": "81"},
    },
}
_QUERIES: Final = {
    "/v1/availability": b"service=haircut&from=2026-12-01&to=2026-12-07&resource=noa&resource=dan",
    "/v1/availability/days": b"service=haircut&from=2026-12-01&to=2026-12-07&timezone=Asia%2FJerusalem",
    "/v1/availability/next": b"service=haircut&limit=3&resource=noa&party=2",
    "/v1/holds/{hold_id}": b"timezone=Asia/Jerusalem",
}
_FILLED: Final = {"hold_id": "hld_1"}


class Telling(Tokens):
    """Services that refuse everything, saying what they were asked for."""

    def __getattr__(self, use_case: str) -> Callable[..., object]:
        async def tell(*arguments: object, **named: object) -> None:
            raise NotFound(f"{use_case}{arguments}{sorted(named.items())}")

        return tell


class Framework:
    """FastAPI's way, counted."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.times = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.times += 1
        await self._app.framework(scope, receive, send)


class Both:
    """The application, with and without the fast lane."""

    def __init__(self) -> None:
        self._app, self.framework = _application()
        self._app_without, _ = _application(_no_shortcut)

    async def ask(self, asked: Asked) -> Answered:
        by_lane, by_framework = await ask(self._app, asked), await ask(self._app_without, asked)

        assert by_lane == by_framework, asked
        return by_lane


async def _no_shortcut(_scope: Scope, _headers: Mapping[bytes, bytes], _body: RequestBody) -> None:
    """All requests go to the framework."""


def _application(shortcut: Shortcut | None = None) -> tuple[FastAPI, Framework]:
    telling = Telling()
    app = application(
        **dict.fromkeys(("holds", "bookings", "listing", "snapshots"), telling),
        unit_of_work=UnitOfWorkAway(),
    )
    assert isinstance(app, Application)
    framework = Framework(app)
    app.shell = Shell(
        framework,
        shortcut=shortcut or app.fast_lane,
        shutdown=app.state.shutdown,
        limit_bytes=1_048_576,
        max_requests=1000,
        metrics=Metrics(),
        log_sample=1.0,
    )
    return app, framework


@pytest.fixture(scope="module")
def both() -> Both:
    return Both()


def _raw(headers: dict[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _asked(method: str, path: str, **changes: Any) -> Asked:
    body = _BODIES.get((method, path))
    usual = Asked(
        method,
        path.format(**_FILLED),
        _QUERIES.get(path, b"") if method == "GET" else b"",
        [*_raw(SECRET), *([] if body is None else [_JSON])],
        (b"" if body is None else orjson.dumps(body),),
    )
    return usual._replace(**changes)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_request_that_fits_reaches_the_same_service_with_the_same_arguments(
    both: Both, method: str, path: str
) -> None:
    answered = await both.ask(_asked(method, path))

    assert answered.status in {204, 404, 422}, answered
    assert answered.route == path


@pytest.mark.parametrize(("method", "path"), [*_BODIES, *(("GET", path) for path in _QUERIES)])
async def test_request_that_fits_does_without_the_framework(both: Both, method: str, path: str) -> None:
    before = both.framework.times

    answered = await both.ask(_asked(method, path))

    assert b'"not_found"' in answered.body, answered
    assert both.framework.times == before


_CREDENTIALS: Final[list[RawHeaders]] = [
    [],
    _raw(PUBLISHABLE),
    _raw(TOKEN),
    _raw({**PUBLISHABLE, "Appointment-Token": "hft_token"}),
    _raw({**PUBLISHABLE, "Appointment-Token": "hft_other"}),
    _raw({**PUBLISHABLE, "Appointment-Token": ""}),
    _raw({"Authorization": "bearer  hfs_secret "}),
    _raw({"Authorization": "Bearer"}),
    _raw({"Authorization": "Bearer hfs_other"}),
    _raw({"Authorization": "Bearer hft_other"}),
    _raw({"Authorization": "Bearer \xe9"}),
    _raw({"Authorization": "Basic aGZzX3NlY3JldA=="}),
    [*_raw(PUBLISHABLE), *_raw(SECRET)],
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("fits", [True, False])
async def test_callers_are_told_apart_the_same_way(
    both: Both,
    method: str,
    path: str,
    fits: bool,  # noqa: FBT001 - a column
) -> None:
    wrong = [{"chunks": (body,), "query": b"limit=x&timezone=x&service="} for body in (b"[]", b"null")]
    for credential in _CREDENTIALS:
        for changes in [{}] if fits else wrong:
            await both.ask(_asked(method, path, headers=[*credential, _JSON], **changes))


@pytest.mark.parametrize("query", [b"token=hft_token", b"%74oken=hft_token", b"token=", b"token=hft_other", b"a=%"])
async def test_token_in_the_query_is_found_the_same_way(both: Both, query: bytes) -> None:
    path = "/v1/holds/{hold_id}"

    await both.ask(_asked("GET", path, headers=_raw(PUBLISHABLE), query=query))


@pytest.mark.parametrize(("method", "path"), _BODIES)
@pytest.mark.parametrize("query", [b"dry_run=true", b"dry_run", b"a=%&%64ry%5Frun=1"])
async def test_dry_run_in_the_query_is_refused_the_same_way(both: Both, method: str, path: str, query: bytes) -> None:
    answered = await both.ask(_asked(method, path, query=query))

    assert answered.status == 422
    assert b'"query.dry_run"' in answered.body


def _bodies_that_are_odd(fitting: dict[str, Any]) -> Iterator[bytes]:
    written = orjson.dumps(fitting)
    first = next(iter(fitting))
    yield from (b"", b" ", b"{", b"{}", b"[]", b"null", b'"text"', b"1", b"true", b"NaN", written[:-1], written + b"x")
    yield from (written + b" \r\n\t", b"\xef\xbb\xbf" + written, written.decode().encode("utf-16"), b"\x00" + written)
    yield from (b"[" + written + b"]", written[:-1] + b',"more":1}', written[:-1] + b',"more":NaN}')
    yield from (b'{"\\ud800":1,' + written[1:], b'{"\xff":1,' + written[1:], b'{"\xed\xa0\x80":1,' + written[1:])
    yield b"{" + written[1:-1] + b"," + written[1:]
    for depth in (100, 900, 1100, 100_000):
        yield b'{"deep":' + b"[" * depth + b"]" * depth + b"," + written[1:]
    for name in fitting:
        yield orjson.dumps({key: value for key, value in fitting.items() if key != name})
        for value in _VALUES:
            yield orjson.dumps({key: value for key, value in fitting.items() if key != name} | {name: None}).replace(
                b"null", value
            )
            yield b'{"%s":%s,' % (name.encode(), value) + written[1:]
    yield b'{"%s":"%s"}' % (first.encode(), b"x" * 1_048_577)


_VALUES: Final = (
    b"0", b"-0", b"1.0", b"1e2", b"1E400", b"-1", b"18446744073709551616", b"9" * 5000, b"NaN", b"-Infinity", b"01",
    b"true", b"null", b'""', b'" "', b'"1"', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\xed\xa0\x80"',
    b'"\x01"', b'"\xff"', b'"\xc3\xa9"', b'"2026-12-01"', b'"2026-12-01T09:00:00Z"', b'"' + b"x" * 600 + b'"',
    b"[]", b"{}", b'{"name":"Dana"}', b'{"name":1}', b'{"a":"b","a":"c"}', b'{"":""}',
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), _BODIES)
async def test_bodies_that_are_odd_are_judged_the_same_way(both: Both, method: str, path: str) -> None:
    statuses = set()
    for body in _bodies_that_are_odd(_BODIES[method, path]):
        answered = await both.ask(_asked(method, path, chunks=(body,)))
        statuses.add(answered.status)

    assert statuses >= {404, 413, 422}


_JSONS: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["haircut", "2026-12-01T09:00:00Z", "2026-12-01T09:00:00+02:00", "Asia/Jerusalem"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(("method", "path"), _BODIES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
async def test_bodies_that_nobody_thought_of_are_judged_the_same_way(
    both: Both, method: str, path: str, data: st.DataObject
) -> None:
    fitting = _BODIES[method, path]
    changes = data.draw(st.dictionaries(st.sampled_from([*fitting, "customer", "replaces", "if_free"]), _JSONS))

    await both.ask(_asked(method, path, chunks=(_written(fitting | changes),)))


def _written(body: object) -> bytes:
    # As Python writes it, which is more than JSON: NaN, and halves of surrogate pairs.
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "types",
    [
        [], [b""], [b"application/json"], [b"application/json; charset=utf-8"], [b"application/json;charset=latin-1"],
        [b"APPLICATION/JSON"], [b"application/merge-patch+json"], [b"text/plain"], [b"text/json"], [b"json"], [b"\xff"],
        [b"application/x-www-form-urlencoded"], [b"application/json", b"text/plain"],
        [b"text/plain", b"application/json"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"{", None])
async def test_types_of_bodies_count_the_same_way(both: Both, types: list[bytes], body: bytes | None) -> None:
    for method, path in _BODIES:
        usual = _asked(method, path)
        headers = [*_raw(SECRET), *((b"content-type", media_type) for media_type in types)]
        await both.ask(usual._replace(headers=headers, chunks=usual.chunks if body is None else (body,)))


@pytest.mark.parametrize("given_up", [True, False])
@pytest.mark.parametrize("credential", [SECRET, {}])
async def test_body_in_pieces_is_read_the_same_way(
    both: Both,
    given_up: bool,  # noqa: FBT001 - a column
    credential: dict[str, str],
) -> None:
    for method, path in _BODIES:
        whole = _asked(method, path).chunks[0]
        for chunks in (
            (whole[:5], whole[5:]),
            (whole[:1], b"", whole[1:], b""),
            (whole, b" " * 1_048_576),
            (b" " * 1_048_577, whole),
            (whole, b"{"),
        ):
            headers = [*_raw(credential), _JSON]
            await both.ask(_asked(method, path, headers=headers, chunks=chunks, given_up=given_up))


@pytest.mark.parametrize("length", [b"1048577", b"3", b"-1", b"1e9", b"", b"99999999999999999999"])
async def test_declared_length_counts_the_same_way(both: Both, length: bytes) -> None:
    for method, path in OPERATIONS:
        await both.ask(_asked(method, path, headers=[_JSON, (b"content-length", length)]))


_PLAIN: Final = b"service=haircut&from=2026-12-01&to=2026-12-07&"


@pytest.mark.parametrize("path", _QUERIES)
async def test_odd_queries_are_judged_the_same_way(both: Both, path: str) -> None:
    statuses = set()
    for query in (
        b"", b"&&", b"=", b"service", b"service=", b"service=a&service=b", b"service=%00", b"service=%ff",
        b"service=\xff", b"service=%ed%a0%80", b"service=a+b", b"service=a;from=b", b"resource=", b"limit=", b"limit=0",
        b"limit=1.0", b"limit=+3", b"limit=%D9%A3", b"limit=3&limit=4", b"limit=x&limit=4", b"limit=1e1", b"limit= 3",
        b"limit=1_0", b"timezone=", b"timezone=UTC&timezone=x", b"timezone=x", b"timezone=%2B02:00",
        b"cursor=" + b"c" * 513, b"ending_after=2026-12-01", b"starts_from=x", b"first=2026-12-01",
        b"customer=x&status=confirmed", _PLAIN + b"explain=yes", _PLAIN + b"explain=2", _PLAIN + b"explain=",
        _PLAIN + b"party=2",
        _PLAIN + b"party=2.0", _PLAIN + b"party=1001", _PLAIN + b"party=", _PLAIN + b"from=2026-12-09",
        _PLAIN + b"to=2027-12-09", _PLAIN + b"resource=a&resource=", _PLAIN + b"&".join([b"resource=r"] * 201),
        _PLAIN + b"hold=h&rescheduling=apt_1",
        _PLAIN + b"FROM=x&extra=1", b"service=haircut&%66rom=2026-12-01&to=2026-12-01", _PLAIN + b"resource[]=a",
        b"service=haircut&first=2026-12-01&last=2026-12-02",
    ):  # fmt: skip
        answered = await both.ask(_asked("GET", path, query=query))
        statuses.add(answered.status)

    assert statuses == {404, 422}


@pytest.mark.parametrize("headers", [SECRET, {}])
async def test_odd_paths_lead_to_the_same_place(both: Both, headers: dict[str, str]) -> None:
    for path in (
        "/", "", "//", "/v1", "/v1/", "/v1/holds/", "//v1/holds", "/v1//holds", "/v1/holds//confirm", "/v1/Holds",
        "/v1/holds\n", "/v1/holds/hld_1\n", "/v1/holds/hld_1/confirm\n", "/v1/holds/a/b/confirm", "/v1/holds/hld 1",
        "/v1/holds/\x00", "/v1/holds/é", "/v1/holds/\ufffd", "/v1/holds/a?b", "/v1/holds/a#b", "/v1/holds/a\\b",
        "/v1/holds/..", "/v1/holds/%2F", "/v1/holds/{hold_id}", "/v1/holds/" + "h" * 64, "/v1/holds/" + "h" * 65,
        "/v1/availability/other", "/v1/availability/days/", "/v1/availability/next/", "/v1/appointments/",
        "/v1/resources/main/other", "/healthz", "/problems/x",
        "/v1/holds/" + "x" * 64 + "/extend", "/v1/appointments/" + "a" * 65, "/v1/sandbox/clock/", "v1/holds",
    ):  # fmt: skip
        for method in ("GET", "POST", "DELETE"):
            await both.ask(Asked(method, path, headers=[*_raw(headers), _JSON], chunks=(b"{}",)))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "QUERY", "get", ""])
async def test_other_methods_are_answered_the_same_way(both: Both, method: str) -> None:
    for path in {path for _, path in OPERATIONS}:
        await both.ask(Asked(method, path.format(**_FILLED), headers=_raw(SECRET)))


@pytest.mark.parametrize(
    "extra",
    [
        {"If-Match": '"3"'}, {"If-Match": "*"}, {"If-Match": "x"}, {"If-Match": "3" * 65}, {"Idempotency-Key": "k"},
        {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}, {"Origin": "https://fade.example"}, {"Origin": ""},
        {"Origin": "https://fade.example", "Access-Control-Request-Method": "POST"},
    ],
)  # fmt: skip
async def test_other_headers_count_the_same_way(both: Both, extra: dict[str, str]) -> None:
    for method, path in OPERATIONS:
        for credential in (SECRET, {}):
            await both.ask(_asked(method, path, headers=[*_raw(credential), _JSON, *_raw(extra)]))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_route_is_the_one_that_the_router_finds(method: str, path: str) -> None:
    scope = {"method": method, "path": path.format(**_FILLED), "type": "http", "root_path": ""}
    matching = [route for router in ROUTERS for route in router.routes if route.matches(dict(scope))[0].name == "FULL"]

    route, hold = find(scope)

    assert route is not None
    assert [route.path] == [getattr(found, "path", None) for found in matching]
    assert [route.operation_id] == [getattr(found, "operation_id", None) for found in matching]
    assert matching[0].matches(dict(scope))[1]["path_params"] == ({"hold_id": hold} if hold else {})
