"""The shell around every request, in the fast lane or in FastAPI."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote

import orjson
import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from api.fast_lane import find
from api.shell.application import Shell
from api.shell.request_body import RequestBody
from api.shell.request_slots import RequestSlots
from api.shell.response_headers import with_cors
from telemetry import logs
from telemetry.metrics import Metrics
from tests.support.application import SECRET, application, client
from tests.support.asgi import Asked, RawHeaders, ask

_ORIGIN: Final = {"Origin": "https://fade.example"}
# One in the fast lane, and one in FastAPI.
_REQUESTS: Final = [("GET", "/v1/holds/hld_1", {}), ("PUT", "/v1/business", {"content": b"{}"})]


class Crashing:
    """Services that are all broken."""

    def __getattr__(self, use_case: str) -> Callable[..., object]:
        async def crash(*_arguments: object, **_named: object) -> None:
            raise RuntimeError(use_case)

        return crash


@pytest.fixture
def broken() -> FastAPI:
    return application(holds=Crashing(), catalogue=Crashing())


async def _no_shortcut(_scope: Scope, _headers: Mapping[bytes, bytes], _body: RequestBody) -> None:
    """All requests go to the framework."""


def _around(app: FastAPI, framework: Callable[[Scope, Receive, Send], Any], *, max_requests: int = 10) -> Shell:
    return Shell(
        framework,
        shortcut=_no_shortcut,
        shutdown=app.state.shutdown,
        limit_bytes=10,
        max_requests=max_requests,
        metrics=Metrics(),
        log_sample=1.0,
    )


@pytest.mark.parametrize(("method", "path", "sent"), _REQUESTS)
async def test_unexpected_error_is_answered_and_logged_once(
    broken: FastAPI, method: str, path: str, sent: dict[str, Any]
) -> None:
    logs.configure("info", "json")

    with capture_logs() as lines:
        async with client(broken) as http:
            response = await http.request(method, path, headers={**SECRET, **_ORIGIN}, **sent)
            unknown = await http.request(method, path, headers=_ORIGIN, **sent)

    assert response.status_code == 500
    assert response.json()["request_id"] == response.headers["X-Request-Id"]
    assert "Access-Control-Allow-Origin" not in response.headers
    assert unknown.headers["Access-Control-Allow-Origin"] == "*"
    assert [line["event"] for line in lines] == ["request_crashed", "request", "request"]
    assert lines[1]["status"] == 500


async def test_half_an_answer_breaks_the_connection() -> None:
    async def break_off(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ask(_around(application(), break_off), Asked("GET", "/x"))


@pytest.mark.parametrize(
    "answered", [[], [(b"etag", b"1")], [(b"vary", b"Accept")], [(b"vary", b"a"), (b"vary", b"b")]]
)
@pytest.mark.parametrize("asking", [[], [(b"origin", b"https://fade.example")]])
async def test_pages_of_other_origins_are_let_in_as_starlette_does(answered: RawHeaders, asking: RawHeaders) -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        response = Response()
        response.raw_headers = list(answered)
        await response(scope, receive, send)

    exposed = ["Date", "ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"]
    theirs = await ask(
        CORSMiddleware(plain, allow_origins=["*"], expose_headers=exposed), Asked("GET", "/", b"", asking)
    )

    ours = with_cors(answered, reader=b"*" if asking else None)

    assert sorted(ours) == sorted(theirs.headers)


async def test_preflight_is_answered_while_the_process_ends() -> None:
    app = application()
    app.state.shutdown.begin(lambda: None)

    async with client(app) as http:
        response = await http.options("/v1/holds", headers={**_ORIGIN, "Access-Control-Request-Method": "POST"})

    assert response.status_code == 200
    assert response.headers["X-Request-Id"]


async def test_answer_to_a_request_that_was_there_before_closes_the_connection() -> None:
    app, ends = application(), []

    async def end_meanwhile(scope: Scope, receive: Receive, send: Send) -> None:
        app.state.shutdown.begin(lambda: ends.append("end"))
        assert not ends
        await Response()(scope, receive, send)

    answered = await ask(_around(app, end_meanwhile), Asked("GET", "/v1/holds/hld_1"))

    assert (b"connection", b"close") in answered.headers
    assert ends == ["end"]


@pytest.mark.parametrize(
    ("level", "path", "events"),
    [
        ("info", "/v1/nothing", ["request"]),
        ("warning", "/v1/nothing", []),
        ("info", "/healthz", []),
        ("debug", "/healthz", ["request"]),
    ],
)
async def test_line_of_a_request_is_made_only_if_it_is_wanted(level: logs.Level, path: str, events: list[str]) -> None:
    logs.configure(level, "json")

    with capture_logs() as lines:
        async with client(application()) as http:
            await http.get(path)

    assert [line["event"] for line in lines] == events


def test_no_fast_lane_below_a_root_path() -> None:
    scope = {"type": "http", "method": "GET", "path": "/v1/holds/hld_1"}

    at_root, below = find({**scope, "root_path": ""}), find({**scope, "root_path": "/v1"})

    assert at_root[0] is not None
    assert below[0] is None


def _coming(*messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


def _body(*messages: Message, state: dict[str, Any] | None = None) -> RequestBody:
    return RequestBody({"state": state or {}}, _coming(*messages), None, limit_bytes=3, slots=RequestSlots(1))


def _chunk(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_body_that_was_read_is_told_again() -> None:
    chunks = _chunk(b"ab", more=True), _chunk(b"c", more=False)
    body = _body(*chunks, {"type": "http.disconnect"})

    read = await body.read()

    assert read == b"abc"
    assert [await body.receive(), await body.receive()] == list(chunks)
    assert (await body.receive())["type"] == "http.disconnect"


@pytest.mark.parametrize(
    "messages",
    [
        [_chunk(b"abcd", more=False)],
        [_chunk(b"ab", more=True), _chunk(b"cd", more=True)],
        [{"type": "http.disconnect"}],
        [_chunk(b"ab", more=True), {"type": "http.disconnect"}],
    ],
)
async def test_body_too_large_or_never_finished_is_not_read(messages: list[Message]) -> None:
    body = _body(*messages)

    assert await body.read() is None


async def test_requests_beyond_the_limit_are_refused_until_one_ends() -> None:
    inner: list[Any] = []

    async def ask_within(scope: Scope, receive: Receive, send: Send) -> None:
        inner.extend([await ask(shell, Asked("GET", "/x")), await ask(shell, Asked("GET", "/healthz"))])
        await Response()(scope, receive, send)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await (Response() if scope["path"] == "/healthz" else ask_within)(scope, receive, send)

    shell = _around(application(), serve, max_requests=1)

    first = await ask(shell, Asked("GET", "/x"))
    second_refused, probe = inner[:2]
    again = await ask(shell, Asked("GET", "/x"))

    assert (first.status, probe.status, again.status) == (200, 200, 200)
    assert second_refused.status == 503
    assert (b"retry-after", b"2") in second_refused.headers
    assert b'"code":"overloaded"' in second_refused.body


@pytest.mark.parametrize(
    "asking",
    [
        {"Access-Control-Request-Method": "TRACE"},
        {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-other"},
    ],
)
async def test_preflight_that_is_refused_is_a_problem(asking: Mapping[str, str]) -> None:
    async with client(application()) as http:
        response = await http.options("/v1/holds", headers={**_ORIGIN, **asking})

    assert (response.status_code, response.json()["code"]) == (400, "preflight_refused")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/v1/nothing",
        "/v1/holds/hld_1",
        "/openapi.json",
        "/docs",
        "/docs/assets/swagger-ui.css",
        "/widget.js",
        "/problems/not_found",
        "/ops",
        "/metrics",
    ],
)
async def test_browsers_take_no_response_for_what_it_is_not(path: str) -> None:
    async with client(application()) as http:
        response = await http.get(path)

    assert response.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert response.headers.get_list("Referrer-Policy") == ["no-referrer"]
    (policy,) = response.headers.get_list("Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy


async def test_docs_run_their_own_script_and_no_other() -> None:
    async with client(application()) as http:
        response = await http.get("/docs")

    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("character", ["a", " ", "\u05d0"])
async def test_problem_repeats_no_more_than_two_thousand_characters_of_a_path(character: str) -> None:
    refused = await ask(application(), Asked("GET", "/" + character * 7000))

    instance = orjson.loads(refused.body)["instance"]
    assert 1990 <= len(instance) <= 2000
    assert unquote(instance).startswith(f"/{character * 100}")
    assert "\ufffd" not in unquote(instance)


async def test_problem_repeats_little_of_a_long_name_in_a_body() -> None:
    name = "x" * 60_000

    async with client(application()) as http:
        response = await http.post("/v1/holds", headers=SECRET, json={name: 1})

    assert response.status_code == 422
    assert len(response.content) < 4000
