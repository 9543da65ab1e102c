"""A stranger with the page's publishable key and a hold's id asks for what a visitor has booked.

The id is had by asking for the same start in the name of the visitor's `client` (an e-mail address, say), or read in a
log. Confirming the confirmed hold once more told name, address, telephone number and notes, and gave the token that
cancels the appointment, for ever.
"""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
from redis.asyncio import Redis

from loadtests.abuse.engine import Engine
from loadtests.abuse.http import Answer
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = False
ENVIRONMENT: Final[Mapping[str, str]] = {}
_VISITOR: Final = {
    "customer": {"name": "Dana Levi", "email": "dana@example.com", "phone": "+972 50 123 4567"},
    "notes": "A bad knee",
    "metadata": {"crm": "81"},
}
_STRANGER: Final = {"customer": {"name": "Mallory"}}
_PERSONAL: Final = ("Dana", "dana@example.com", "123 4567", "knee", '"crm"')
_CLIENT: Final = "dana@example.com"


async def attack(engine: Engine, report: Report) -> None:
    """Book as a visitor, then ask as a stranger, in every way and at every time."""
    starts = await _starts(engine)
    hold = await _place(engine, starts[0])
    observed = await _place(engine, starts[0])
    booked = await _confirm(engine, hold, _VISITOR)
    report.figure("status of the visitor's confirmation", booked.status)
    report.require("asking with the visitor's `client` tells nothing personal", not _told(observed))

    seen = await _confirm(engine, observed, _STRANGER)
    report.figure("personal values told to other details", _told(seen))
    report.require("confirming again with other details is answered 200 with the appointment", _is_same(seen, booked))
    report.require("it tells nothing personal", not _told(seen))
    report.require("it gives no token", not seen.json.get("token"))

    again = await _confirm(engine, hold, _VISITOR)
    report.require("the visitor's own details get all of it again", again.json == booked.json)
    secret = await _confirm(engine, hold, _STRANGER, key=engine.secret_key)
    report.require("a secret key gets all of it", secret.json == booked.json)

    await _forget(engine, hold)
    seen = await _confirm(engine, hold, _STRANGER)
    report.require("when Redis has lost the hold, it still gives no token", not seen.json.get("token"))
    report.require("when Redis has lost the hold, it still tells nothing personal", not _told(seen))

    await _let_pass(engine, "16 minutes")
    late = await _confirm(engine, hold, _VISITOR)
    report.require("after a quarter of an hour not even the same details get the token", not late.json.get("token"))
    report.require("after a quarter of an hour not even the same details are told anything", not _told(late))


async def _starts(engine: Engine) -> list[str]:
    answer = await engine.request("GET", "/v1/availability/next?service=beard&limit=5", key=engine.publishable_key)
    return [slot["start"] for slot in answer.json["slots"]]


async def _place(engine: Engine, start: str) -> Answer:
    body = {"service": "beard", "start": start, "client": _CLIENT}
    return await engine.request("POST", "/v1/holds", key=engine.publishable_key, body=body)


async def _confirm(engine: Engine, hold: Answer, body: Mapping[str, Any], *, key: str | None = None) -> Answer:
    path = f"/v1/holds/{hold.json['id']}/confirm"
    return await engine.request("POST", path, key=key or engine.publishable_key, body=dict(body))


def _told(answer: Answer) -> int:
    """Number of the visitor's personal values in the answer."""
    text = answer.body.decode()
    return sum(value in text for value in _PERSONAL)


def _is_same(answer: Answer, booked: Answer) -> bool:
    return answer.status == 200 and answer.json.get("id") == booked.json["id"]  # noqa: PLR2004


async def _forget(engine: Engine, hold: Answer) -> None:
    """Let Redis lose the record of the hold."""
    redis = Redis.from_url(engine.redis_url)
    async for key in redis.scan_iter(f"*:hold:{hold.json['id']}"):
        await redis.delete(key)
    await redis.aclose()


async def _let_pass(engine: Engine, time: str) -> None:
    connection = await asyncpg.connect(engine.database_url)
    await connection.execute(
        "UPDATE appointments SET created_at = created_at - CAST($1 AS text)::interval WHERE tenant_id = $2",
        time,
        engine.keys.tenant_id,
    )
    await connection.close()
