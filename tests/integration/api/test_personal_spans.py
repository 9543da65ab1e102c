"""Spans and log lines of everything that is done with a person, searched for what is known about them."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from catalogue.model.business import Mode
from telemetry import logs, tracing
from tests.support.documents import small_document
from tests.support.door import Door, act, as_customer_of, open_door
from tests.support.engine import MovingClock, patient_settings

_MARKERS: Final = re.compile(r"qzjxw|547654321|54[ +%20]*765[ +%20]*4321", re.IGNORECASE)
_PERSON: Final = {"name": "Qzjxw Levi", "email": "qzjxw@example.com", "phone": "+972 54 765 4321"}
_DETAILS: Final = {
    "customer": _PERSON,
    "notes": "Qzjxw notes",
    "metadata": {"qzjxw-key": "Qzjxw value", "crm": json.dumps({"one": {"two": {"three": "Qzjxw nested"}}})},
    "answers": {"allergies": "Qzjxw answer"},
}
_CLIENT: Final = {"httpx", "httpcore"}
_HOURS: Final = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
_QUESTIONS: Final = [{"key": "allergies", "label": "Any allergies?", "type": "text"}]


@pytest.fixture
async def exporter() -> AsyncIterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    async with tracing.running(SimpleSpanProcessor(kept)):
        yield kept


@pytest.fixture
async def shop(database_url: str, redis_url: str, exporter: InMemorySpanExporter) -> AsyncIterator[Door]:
    settings = patient_settings(database_url, redis_url).model_copy(update={"tracing": True})
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock(), settings=settings, mode=Mode.SANDBOX) as opened:
        document = small_document()
        document["resources"] = [resource | {"hours": _HOURS} for resource in document["resources"]]
        document["services"] = [document["services"][0] | {"questions": _QUESTIONS}]
        await opened.send("PUT", "/v1/business", json=document, status=200)
        exporter.clear()
        yield opened


async def _live(shop: Door) -> list[Any]:
    """Do with a person whatever a business and they themselves can do, also what is refused; answers that name them."""
    hold = await shop.hold("haircut", "2026-12-01T10:00:00+02:00")
    confirm = f"/v1/holds/{hold['id']}/confirm"
    unasked = {**_DETAILS, "answers": {"qzjxw": "Qzjxw"}}
    refusal = await shop.send("POST", confirm, json=unasked, headers=shop.publishable, status=422)
    keyed = {**shop.publishable, "Idempotency-Key": "first"}
    booked = await shop.send("POST", confirm, json=_DETAILS, headers=keyed, status=201)
    body = {"service": "haircut", "start": "2026-12-01T12:00:00+02:00", **_DETAILS}
    direct = await shop.send("POST", "/v1/appointments", json=body, status=201)
    customer = f"/v1/customers/{booked['customer']['id']}"
    changed = await shop.send("PATCH", f"/v1/appointments/{booked['id']}", json={"notes": "Qzjxw staff"}, status=200)
    await act(shop, booked, "cancel", json={"reason": "Qzjxw reason"}, headers=as_customer_of(booked))
    await act(shop, direct, "cancel", json={"reason": "Qzjxw reason"})
    found = [
        await shop.send("GET", "/v1/customers", params=query, status=200)
        for query in ({"email": _PERSON["email"]}, {"phone": _PERSON["phone"]}, {"q": "Qzjxw"})
    ]
    renamed = await shop.send("PATCH", customer, json={"name": "Qzjxw Cohen"}, status=200)
    export = await shop.send("GET", f"{customer}/export", status=200)
    await shop.http.get("/v1/customers/Qzjxw Levi", headers=shop.secret)
    await shop.http.get("/qzjxw@example.com", headers={"X-Request-Id": "qzjxw@example.com"})
    await shop.send("DELETE", customer, status=204)
    return [refusal, booked, direct, changed, *found, renamed, export]


async def test_no_span_and_no_log_line_says_anything_of_a_person(
    shop: Door, exporter: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")

    answers = await _live(shop)

    spans = [str(span.to_json()) for span in exporter.get_finished_spans()]
    # The client of this test is in the same process, and logs whatever it asks for.
    lines = [line for line in capsys.readouterr().err.splitlines() if json.loads(line).get("logger") not in _CLIENT]
    assert [answer for answer in answers if not _MARKERS.search(json.dumps(answer))] == []
    for route in ("POST /v1/holds/{hold_id}/confirm", "GET /v1/customers", "DELETE /v1/customers/{customer_id}"):
        assert any(f'"{route}"' in span for span in spans), route
    assert len([line for line in lines if json.loads(line)["event"] == "request"]) >= len(answers)
    assert [span for span in spans if _MARKERS.search(span)] == []
    assert [line for line in lines if _MARKERS.search(line)] == []
