from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from holds.model import HoldsUnavailable, SlotHeld, SlotTaken
from kernel.errors import DomainError, StoreUnavailable
from telemetry import logs
from tests.support.application import PUBLISHABLE, SECRET, application, client

_PLACE = {"service": "haircut", "start": "2026-12-01T09:00:00+02:00"}


class Refusing:
    """Every use case of holds ends the same way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def place(self, *_arguments: object) -> None:
        raise self._error


async def _send(method: str, path: str, *, holds: object = None, **arguments: Any) -> httpx.Response:
    async with client(application(holds=holds)) as http:
        return await http.request(method, path, **{"headers": SECRET, **arguments})


async def test_refusal_is_a_problem_with_its_facts() -> None:
    refusing = Refusing(SlotHeld("Held for 214 seconds.", retry_after_seconds=214))

    response = await _send("POST", "/v1/holds", holds=refusing, json=_PLACE, headers={**SECRET, "X-Request-Id": "r-1"})

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "214"
    assert response.json() == {
        "type": "/problems/slot_held",
        "title": "This time is held by someone else",
        "status": 409,
        "detail": "Held for 214 seconds.",
        "instance": "/v1/holds",
        "code": "slot_held",
        "request_id": "r-1",
        "retry_after_seconds": 214,
    }


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (StoreUnavailable("away"), 503, "2"),
        (HoldsUnavailable("away"), 503, "2"),
        (SlotTaken(), 409, None),
    ],
)
async def test_problem_that_may_pass_says_when_to_retry(
    error: DomainError, status: int, retry_after: str | None
) -> None:
    response = await _send("POST", "/v1/holds", holds=Refusing(error), json=_PLACE)

    assert response.status_code == status
    assert response.headers.get("Retry-After") == retry_after


async def test_unexpected_error_tells_nothing_but_the_request_id() -> None:
    logs.configure("info", "json")
    with capture_logs() as lines:
        response = await _send("POST", "/v1/holds", holds=Refusing(RuntimeError("secret of the house")), json=_PLACE)

    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert response.json()["request_id"] == response.headers["X-Request-Id"]
    assert "secret" not in response.text
    assert [line["event"] for line in lines] == ["request_crashed", "request"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/holds/", 404, "not_found"),
        ("PUT", "/v1/holds", 405, "method_not_allowed"),
    ],
)
async def test_path_that_leads_nowhere_is_a_problem(method: str, path: str, status: int, code: str) -> None:
    response = await _send(method, path)

    assert response.status_code == status
    assert response.json()["code"] == code


@pytest.mark.parametrize("path", ["/v1/holds/hld_1", "/v1/holds/a%3Fb", "/v1/holds/a%23b", "/v1/holds/"])
async def test_problem_names_the_path_as_a_url_spells_it(path: str) -> None:
    response = await _send("GET", path, headers={})

    assert response.json()["instance"] == path


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"", "body"),
        (orjson.dumps({"start": "2026-12-01T09:00:00Z"}), "service"),
        (orjson.dumps({"service": "haircut"}), "start"),
        (orjson.dumps({**_PLACE, "start": "2026-12-01T09:00:00"}), "start"),
        (orjson.dumps({**_PLACE, "start": "2026-12-01T09:00:30Z"}), "start"),
        (orjson.dumps({**_PLACE, "start": 1764574200}), "start"),
        (orjson.dumps({**_PLACE, "party": 0}), "party"),
        (orjson.dumps({**_PLACE, "party": 1001}), "party"),
        (orjson.dumps({**_PLACE, "party": "2"}), "party"),
        (orjson.dumps({**_PLACE, "ttl_seconds": 0}), "ttl_seconds"),
        (orjson.dumps({**_PLACE, "client": "c" * 201}), "client"),
        (orjson.dumps({**_PLACE, "clinet": "c"}), "clinet"),
        (b'{"service": "haircut", "start": "2026-12-01T09:00:00Z", "client": "\\ud800"}', "client"),
        (b'{"service": "\\u0000", "start": "2026-12-01T09:00:00Z"}', "service"),
        (b'{"service": "haircut", "start": "2026-12-01T09:00:00Z", "\\ud800": 1}', "body"),
        (b'{"service": "\xff"}', "body"),
    ],
)
async def test_body_that_makes_no_sense_is_refused_with_its_place(body: bytes, pointer: str) -> None:
    response = await _send(
        "POST", "/v1/holds", content=body, headers={**PUBLISHABLE, "Content-Type": "application/json"}
    )

    assert response.status_code == 422, response.text
    assert response.json()["code"] == "validation"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("customer", "pointer"),
    [
        ({}, "customer.name"),
        ({"name": " "}, "customer.name"),
        ({"name": "D" * 201}, "customer.name"),
        ({"name": "Dana", "email": "dana"}, "customer.email"),
        ({"name": "Dana", "phone": "call me"}, "customer.phone"),
        ({"name": "Dana", "phone": "-----"}, "customer.phone"),
        ({"name": "Dana", "timezone": "+02:00"}, "customer.timezone"),
    ],
)
async def test_customer_that_makes_no_sense_is_refused_with_the_place(customer: dict[str, str], pointer: str) -> None:
    response = await _send("POST", "/v1/appointments", json={**_PLACE, "customer": customer})

    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("extra", "pointer"),
    [
        ({"notes": "n" * 2001}, "notes"),
        ({"notes": "\x00"}, "notes"),
        ({"metadata": {str(number): "" for number in range(51)}}, "metadata"),
        ({"metadata": {"crm": "x" * 501}}, "metadata.crm"),
        ({"metadata": {"crm": 81}}, "metadata.crm"),
    ],
)
async def test_details_beyond_their_limits_are_refused(extra: dict[str, object], pointer: str) -> None:
    response = await _send("POST", "/v1/appointments", json={**_PLACE, "customer": {"name": "Dana"}, **extra})

    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


_LISTING = {"service": "haircut", "from": "2026-12-01", "to": "2026-12-07"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"from": None}, "query.from"),
        ({"from": "2026-12-08"}, "query.to"),
        ({"to": "2027-02-01"}, "query.to"),
        ({"to": "tomorrow"}, "query.to"),
        ({"to": "2026-12-32"}, "query.to"),
        ({"timezone": "+02:00"}, "query.timezone"),
        ({"party": "0"}, "query.party"),
        ({"explain": "perhaps"}, "query.explain"),
    ],
)
async def test_query_that_makes_no_sense_is_refused_with_its_place(
    changes: dict[str, str | None], pointer: str
) -> None:
    query = {name: value for name, value in {**_LISTING, **changes}.items() if value is not None}

    response = await _send("GET", "/v1/availability", params=query)

    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/v1/resources/%00", "/v1/holds/%00", "/v1/appointments?customer=%00"])
async def test_name_that_cannot_be_stored_is_refused(path: str) -> None:
    response = await _send("GET", path)

    assert response.status_code == 422


@pytest.mark.parametrize("size", [1_048_577, 3_000_000])
@pytest.mark.parametrize("path", ["/v1/holds", "/v1/locations"])
async def test_body_beyond_the_limit_is_refused(path: str, size: int) -> None:
    response = await _send("POST", path, content=b" " * size, headers={**SECRET, "Content-Type": "application/json"})

    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"
    assert response.headers["X-Request-Id"]


async def test_streamed_body_beyond_the_limit_is_refused() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    response = await _send("POST", "/v1/holds", content=endless(), headers=SECRET)

    assert response.json()["code"] == "body_too_large"


async def test_pages_of_any_origin_may_ask() -> None:
    preflight = {
        "Origin": "https://fade.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }

    allowed = await _send("OPTIONS", "/v1/holds", headers=preflight)
    refused = await _send("GET", "/v1/appointments", headers={"Origin": "https://fade.example"})

    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]


async def test_idempotency_key_beyond_its_length_is_refused() -> None:
    response = await _send("POST", "/v1/holds", json=_PLACE, headers={**SECRET, "Idempotency-Key": "k" * 256})

    assert [error["pointer"] for error in response.json()["errors"]] == ["header.Idempotency-Key"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1", True),
        ("0" * 32, True),
        ("01kbc9x3v4h5m6n7p8q9r0s1t2", True),
        ("7b1a0e5c-9f33-4b0e-8f2a-6a1b3c4d5e6f", True),
        ("12345678901234567890", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("two words", False),
        ("", False),
        ("dana@example.com", False),
        ("+972547654321", False),
        ("972547654321", False),
        ("054-765-4321", False),
        ("a;DROP", False),
    ],
)
async def test_request_id_is_kept_only_if_it_is_plain_and_nobodys(sent: str, kept: bool) -> None:  # noqa: FBT001 - a column
    response = await _send("GET", "/healthz", headers={"X-Request-Id": sent})

    assert (response.headers["X-Request-Id"] == sent) == kept


async def test_request_line_has_the_template_and_no_personal_data() -> None:
    logs.configure("info", "json")
    with capture_logs() as lines:
        await _send("GET", "/v1/holds/hld_dana", params={"email": "dana@example.com"}, headers={})

    (line,) = lines
    assert line["event"] == "request"
    assert line["route"] == "/v1/holds/{hold_id}"
    assert line["status"] == 401
    assert line["duration_ms"] >= 0
    assert "dana" not in str(line)
