"""Requests that no client library sends: each gets an answer that is documented, and none a crash."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.support.shop import open_shop

pytestmark = pytest.mark.own_database

_JSON: Final = "Content-Type: application/json"
_HOLD: Final = b'{"service":"haircut","start":"2026-12-01T09:00:00+02:00"%s}'
_PLACE: Final = ("POST", "/v1/holds")
_APPLY: Final = ("PUT", "/v1/business")
_PATCH: Final = ("PATCH", "/v1/services/haircut")
_DEEP: Final = 10_000
_LONG: Final = 100_000


class Raw(NamedTuple):
    """A request byte by byte, but for the credential and the length, and the answer to it."""

    method: str
    target: str
    status: int
    body: bytes | None = None
    headers: tuple[str, ...] = ()


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


def _bodies() -> list[bytes]:
    """JSON that is none, or that nobody means."""
    return [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"\\ud800":"\\udfff"}',
        b'{"a":"\\u0000"}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":%s}' % (b"9" * 5000),
        b"[" * _DEEP,
        b"[" * _DEEP + b"]" * _DEEP,
        b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        b'{"a":1}{"a":2}',
        b"service=haircut&start=2026-12-01",
    ]


def _cases() -> list[Raw]:
    in_bodies = [
        Raw(method, path, 422, body, (_JSON,)) for method, path in (_PLACE, _APPLY, _PATCH) for body in _bodies()
    ]
    in_fields = [
        Raw(*_PLACE, 422, _HOLD % field, (_JSON,))
        for field in (
            b',"party":NaN', b',"party":1.0', b',"party":true', b',"party":1e2', b',"party":-1', b',"ttl_seconds":1a',
            b',"party":99999999999999999999999', b',"client":"\\ud800"', b',"client":"a\\u0000"', b',"client":[]',
            b',"resource":"' + b"x" * _LONG + b'"', b',"resource":' + b"[" * _DEEP + b"]" * _DEEP, b',"\xc3\xa9":1',
            # Of a repeated member the last counts.
            b',"party":1,"party":0',
        )
    ]  # fmt: skip
    of_types = [
        # Any body of one operation is JSON, whatever its type says; of another, only what says so.
        Raw(*_PLACE, 422, _HOLD % b"", ("Content-Type: text/plain",)),
        Raw(*_PLACE, 422, _HOLD % b"", ("Content-Type: multipart/form-data; boundary=x",)),
        Raw(*_PLACE, 422, _HOLD % b"", ("Content-Type: application/x-www-form-urlencoded",)),
        Raw(*_PLACE, 422, b'{"service":1}', ("Content-Type: application/json; charset=utf-7",)),
        Raw(*_PLACE, 422, b'{"service":1}', ('Content-Type: APPLICATION/JSON;charset="utf-8"',)),
        Raw(*_PLACE, 422, b'{"service":1}', ("Content-Type: application/vnd.shop+json",)),
        Raw(*_APPLY, 422, b'{"business":1}', ("Content-Type: text/plain",)),
    ]
    in_targets = [
        Raw("GET", target, status)
        for target, status in (
            ("/v1/resources/%00", 422),
            ("/v1/resources/noa%00", 422),
            ("/v1/resources/%ff", 404),
            ("/v1/resources/%C3%28", 404),
            ("/v1/resources/%ED%A0%80", 404),
            ("/v1/resources/noa%2Ftime-off", 200),
            ("/v1/resources/%2e%2e%2fmetrics", 404),
            ("/v1/resources/../services", 404),
            ("/v1/resources/%", 404),
            ("/v1/resources/%zz", 404),
            ("/v1/resources/" + "x" * 65, 422),
            ("/v1/resources//", 404),
            ("//v1/resources", 404),
            ("/V1/resources", 404),
            ("/v1/holds/%00", 422),
            ("/v1/holds/%ff", 404),
            ("/v1/appointments/%F0%9F%92%87", 404),
            ("/problems/%00", 404),
            ("/docs/assets/%00", 404),
            ("/docs/assets/..%2f..%2f..%2fREADME.md", 404),
            ("/docs/assets/" + "x" * 300, 404),
            # Unknown parameters are ignored; of repeated ones the last counts.
            ("/v1/availability/next?service=haircut&utm_source=mail&%00=%ff&=&&a", 200),
            ("/v1/availability/next?service=nothing&service=haircut", 200),
            ("/v1/availability/next?service=haircut&limit=0&limit=1", 200),
            ("/v1/availability/next?service=haircut&limit=1&limit=0", 422),
            ("/v1/availability/next?service=%00", 422),
            ("/v1/availability/next?service=%ff", 404),
            ("/v1/availability/next?service=%ED%A0%80", 404),
            ("/v1/availability/next?service=haircut&limit=" + "9" * 5000, 422),
            ("/v1/availability/next?service=haircut&limit=1_0", 422),
            ("/v1/availability/next?service=haircut&limit=%D9%A1", 422),
            ("/v1/availability/next?service=haircut&party=1.5", 422),
            ("/v1/availability/next?service=haircut&timezone=..%2f..%2fetc%2fpasswd", 422),
            ("/v1/availability/next?service=haircut&timezone=%00", 422),
            ("/v1/availability/next?" + "&".join(["resource=noa"] * 201) + "&service=haircut", 422),
            ("/v1/availability?service=haircut&from=2026-12-01&to=2026-12-01%00", 422),
            ("/v1/availability?service=haircut&from=0000-00-00&to=9999-99-99", 422),
            ("/v1/availability?service=haircut&from=%D9%A22026-12-01&to=2026-12-01", 422),
            ("/v1/appointments?from=9999-12-31T23:59:00-12:00", 422),
            ("/v1/appointments?from=0001-01-01T00:00:00%2B14:00", 422),
            ("/v1/appointments?cursor=%00", 422),
            ("/v1/appointments?cursor=" + "e30" * 100, 422),
            ("/v1/locations?cursor=%ff", 422),
            ("/v1/resources/noa/time-off?cursor=%00", 422),
        )
    ]
    in_headers = [
        Raw("GET", "/v1/holds/hld_1", 404, None, ("X-Request-Id: \xff\xfe",)),
        Raw("GET", "/v1/services", 200, None, ("Accept: text/html", "Accept-Encoding: x", "Range: bytes=0-1")),
        Raw("GET", "/v1/services", 200, b"{", (_JSON,)),
        Raw("PATCH", "/v1/services/haircut", 422, b"{}", (_JSON, "If-Match: \xe9")),
        Raw(*_PLACE, 422, b"{}", (_JSON, "Idempotency-Key: " + "k" * 256)),
        Raw("HEAD", "/v1/services", 200),
        Raw("HEAD", "/v1/nothing", 404),
        Raw("OPTIONS", "/v1/services", 204),
        Raw("TRACE", "/v1/services", 405),
        Raw("PROPFIND", "/v1/services", 405),
    ]
    return [*in_bodies, *in_fields, *of_types, *in_targets, *in_headers]


async def _ask(host: str, port: int, key: str, raw: Raw) -> Answer:
    lines = [f"{raw.method} {raw.target} HTTP/1.1", "Host: engine", "Connection: close", f"Authorization: Bearer {key}"]
    lines += raw.headers
    if raw.body is not None:
        lines.append(f"Content-Length: {len(raw.body)}")
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (raw.body or b""))
        async with asyncio.timeout(30):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    return Answer(int(first.split()[1]), headers, body)


def _fault(raw: Raw, answer: Answer) -> str | None:
    """What is wrong with the answer."""
    if answer.status != raw.status:
        return f"{answer.status} instead of {raw.status}: {answer.body[:200]!r}"
    if answer.status >= 400 and raw.method != "HEAD":
        if answer.headers.get("content-type") != "application/problem+json":
            return f"no problem: {answer.headers}"
        problem: dict[str, Any] = json.loads(answer.body)
        if problem["status"] != answer.status or len(answer.body) > 10_000:
            return f"an odd problem: {answer.body[:200]!r}"
    return None


async def test_odd_request_gets_an_answer_that_is_documented(database_url: str, redis_url: str, tmp_path: Path) -> None:
    faults = []
    async with open_shop(database_url, redis_url, tmp_path) as shop:
        address = urlsplit(shop.url)
        assert address.hostname is not None
        assert address.port is not None
        for raw in _cases():
            answer = await _ask(address.hostname, address.port, shop.live.secret_key, raw)
            fault = _fault(raw, answer)
            if fault is not None:
                faults.append(f"{raw.method} {raw.target[:80]} {raw.headers} {(raw.body or b'')[:60]!r}: {fault}")
        healthy = await shop.http.get("/healthz")

    assert not faults, "\n".join(faults)
    assert healthy.status_code == 200
