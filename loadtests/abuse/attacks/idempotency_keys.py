"""Clients of one business that know nothing of each other send the same `Idempotency-Key`.

A visitor's key stood in the way of another page's and of the back end's; a credential that an operation refuses heard
of a key before it was refused; and a direct booking that was repeated after the key's 24 hours gave the old
appointment, cancelled as it was.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import asyncpg

from loadtests.abuse.engine import Engine, command
from loadtests.abuse.http import Answer
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = False
ENVIRONMENT: Final[Mapping[str, str]] = {}
_KEY: Final = "order-1"


async def attack(engine: Engine, report: Report) -> None:
    """Send one key by each credential, let a day pass, and send it again."""
    starts = iter(await _starts(engine))
    await _spaces(engine, report, starts)
    await _refused(engine, report)
    await _repeated(engine, report, starts)


async def _spaces(engine: Engine, report: Report, starts: Iterator[str]) -> None:
    made = await command(
        engine.environment, engine.directory, "key", "create", engine.keys.tenant_id, "--kind", "publishable", "--json"
    )
    first = await _book(engine, next(starts), engine.publishable_key)
    report.figure("status of the first page's booking", first.status)
    second = await _book(engine, next(starts), json.loads(made)["key"])
    report.require("another publishable key has keys of its own", second.status == 201)  # noqa: PLR2004
    third = await _book(engine, next(starts), engine.secret_key)
    report.require("a secret key has keys of its own", third.status == 201)  # noqa: PLR2004
    other = await _book(engine, next(starts), engine.publishable_key)
    report.require("the same credential is refused with another body", other.code == "idempotency_mismatch")


async def _refused(engine: Engine, report: Report) -> None:
    body = {"key": "annex", "name": "Annex", "timezone": "Europe/Berlin"}
    await _send(engine, "/v1/locations", engine.secret_key, body, "annex")
    refused = await _send(engine, "/v1/locations", engine.publishable_key, body, "annex")
    report.figure("a visitor who sends the back end's request and key hears", refused.code)
    report.require("a credential is judged before its key is looked up", refused.code == "forbidden")


async def _repeated(engine: Engine, report: Report, starts: Iterator[str]) -> None:
    start = next(starts)
    first = await _book(engine, start, engine.publishable_key, "order-2")
    await _send(engine, f"/v1/appointments/{first.json['id']}/cancel", engine.secret_key, {}, "cancel-2")
    await _let_pass(engine, "23 hours")
    in_time = await _book(engine, start, engine.publishable_key, "order-2")
    report.require("within 24 hours a repetition gets the first answer, byte for byte", in_time.body == first.body)
    await _let_pass(engine, "2 hours")
    anew = await _book(engine, start, engine.publishable_key, "order-2")
    report.figure("status of the appointment 25 hours later", anew.json.get("status", anew.code))
    report.require("after 24 hours the key is free, and the booking a new one", anew.json.get("id") != first.json["id"])

    start = next(starts)
    lost = await _book(engine, start, engine.publishable_key, "order-3")
    await _lose_answer(engine)
    again = await _book(engine, start, engine.publishable_key, "order-3")
    report.require("a booking whose answer was lost is not made twice", again.json.get("id") == lost.json["id"])


async def _starts(engine: Engine) -> list[str]:
    answer = await engine.request("GET", "/v1/availability/next?service=beard&limit=10", key=engine.publishable_key)
    return [slot["start"] for slot in answer.json["slots"]]


async def _book(engine: Engine, start: str, key: str, name: str = _KEY) -> Answer:
    body = {"service": "beard", "start": start, "customer": {"name": "Dana Levi", "email": "dana@example.com"}}
    return await _send(engine, "/v1/appointments", key, body, name)


async def _send(engine: Engine, path: str, key: str, body: Mapping[str, Any], name: str) -> Answer:
    return await engine.request("POST", path, key=key, body=dict(body), headers={"Idempotency-Key": name})


async def _let_pass(engine: Engine, time: str) -> None:
    await _execute(
        engine,
        "UPDATE idempotency_keys SET created_at = created_at - CAST($1 AS text)::interval WHERE tenant_id = $2",
        time,
    )


async def _lose_answer(engine: Engine) -> None:
    """Leave the newest key as a process leaves it that dies between the commit and the answer, a minute ago."""
    await _execute(
        engine,
        "UPDATE idempotency_keys SET status = NULL, body = NULL, created_at = created_at - CAST($1 AS text)::interval"
        " WHERE tenant_id = $2 AND created_at = (SELECT max(created_at) FROM idempotency_keys WHERE tenant_id = $2)",
        "1 minute",
    )


async def _execute(engine: Engine, statement: str, time: str) -> None:
    connection = await asyncpg.connect(engine.database_url)
    await connection.execute(statement, time, engine.keys.tenant_id)
    await connection.close()
