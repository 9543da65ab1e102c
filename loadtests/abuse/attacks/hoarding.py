"""A stranger holds every slot of a shop, and keeps one of them by replacing the hold again and again.

They have the publishable key of the page and no name (`client`), so nothing counted their holds: the shop was sold out,
each replacement began a new life, and the owner could neither see the holds nor get past them.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from loadtests.abuse.engine import Engine, Keys
from loadtests.abuse.http import Answer, Client
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {"HOLDFAST_TRUSTED_PROXIES": "127.0.0.1"}

_BUDGET: Final = 6
"""The default of the rule hold.max_per_address."""
_STRANGER: Final = {"X-Forwarded-For": "192.0.2.1, 203.0.113.9"}
"""Header that a proxy makes of an address that the stranger invents, and of their own."""
_VISITOR: Final = {"X-Forwarded-For": "198.51.100.7"}
_DAYS: Final = 5
_CONNECTIONS: Final = 4
_LONGEST_SECONDS: Final = 4
_PATIENCE_SECONDS: Final = 15.0
"""For so long a stranger tries to keep a slot by replacing."""
_PAUSE_SECONDS: Final = 0.5
_SLACK_SECONDS: Final = 2.0
_CUSTOMER: Final = {"name": "The owner's guest", "email": "guest@example.com"}


async def attack(engine: Engine, report: Report) -> None:
    """Hoard, let the owner act, then keep one slot and replace what is gone."""
    shop = await engine.new_business(_document(hold={"ttl_seconds": 300}))
    starts = await _starts(engine, shop)
    held = await _hoard(engine, shop, starts)
    await _judge_hoard(engine, report, shop, starts, held)
    await _let_the_owner_act(engine, report, shop, held)
    await _replace(engine, report)


def _document(*, hold: Mapping[str, int]) -> dict[str, Any]:
    hours = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "18:00"}
    # The number of holds is the subject, not the share of a day.
    rules = {"hold": {"max_share_percent": 100, **hold}}
    return {
        "business": {"name": "Corner shop", "timezone": "UTC", "currency": "EUR", "rules": rules},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {
                "key": "noa",
                "kind": "staff",
                "name": "Noa",
                "hours": [hours],
            }
        ],
        "services": [
            {
                "key": "cut",
                "name": "Cut",
                "duration_minutes": 30,
                "grid": {"step_minutes": 30},
                "requires": [{"role": "staff", "any_of": ["noa"]}],
            }
        ],
    }


async def _starts(engine: Engine, shop: Keys) -> list[str]:
    first = datetime.now(UTC).date() + timedelta(days=1)
    path = f"/v1/availability?service=cut&from={first}&to={first + timedelta(days=_DAYS - 1)}"
    listed = await engine.request("GET", path, key=shop.publishable)
    return [slot["start"] for day in listed.json["days"] for slot in day["slots"]]


async def _hoard(engine: Engine, shop: Keys, starts: Sequence[str]) -> list[Answer]:
    """Ask for every slot, from one address, without a client."""
    answers: list[Answer] = []
    left = iter(starts)

    async def ask() -> None:
        async with Client(engine.url) as client:
            for start in left:
                body = {"service": "cut", "start": start}
                answers.append(
                    await client.request("POST", "/v1/holds", key=shop.publishable, body=body, headers=_STRANGER)
                )

    async with asyncio.TaskGroup() as strangers:
        for _ in range(_CONNECTIONS):
            strangers.create_task(ask())
    return answers


async def _judge_hoard(
    engine: Engine, report: Report, shop: Keys, starts: Sequence[str], answers: Sequence[Answer]
) -> None:
    granted = [answer for answer in answers if answer.status == 201]  # noqa: PLR2004
    refused = [answer for answer in answers if answer.code == "hold_limit_reached"]
    report.figure("slots of the shop", len(starts))
    report.figure("slots held from one address", len(granted))
    report.require(f"one address holds {_BUDGET} slots at most", 0 < len(granted) <= _BUDGET < len(starts))
    report.require(
        "each refusal names the budget and when to come back",
        bool(refused) and all(one.json.get("budget") == "address" and "retry-after" in one.headers for one in refused),
    )
    left = await _starts(engine, shop)
    start = left[0] if left else starts[0]
    body = {"service": "cut", "start": start}
    other = await engine.request("POST", "/v1/holds", key=shop.publishable, body=body, headers=_VISITOR)
    report.require("a visitor from another address gets a slot", other.status == 201)  # noqa: PLR2004


async def _let_the_owner_act(engine: Engine, report: Report, shop: Keys, answers: Sequence[Answer]) -> None:
    """List the holds, remove one, and book past another."""
    held = [answer.json for answer in answers if answer.status == 201]  # noqa: PLR2004
    listed: set[str] = set()
    cursor = ""
    while True:
        page = await engine.request("GET", f"/v1/holds?limit=20{cursor}", key=shop.secret)
        listed.update(one["id"] for one in page.json.get("data", ()))
        if not page.json.get("next_cursor"):
            break
        cursor = f"&cursor={page.json['next_cursor']}"
    report.require("the owner sees every hold", listed >= {one["id"] for one in held})
    removed = await engine.request("DELETE", f"/v1/holds/{held[0]['id']}", key=shop.secret)
    report.require("the owner removes a hold", removed.status == 204)  # noqa: PLR2004
    body = {"service": "cut", "start": held[1]["start"], "customer": _CUSTOMER, "override": ["held"]}
    booked = await engine.request("POST", "/v1/appointments", key=shop.secret, body=body)
    report.require(
        "the owner books past a hold, and hears which one gave way",
        booked.status == 201 and booked.json.get("gave_way") == [held[1]["id"]],  # noqa: PLR2004
    )
    late = await engine.request(
        "POST", f"/v1/holds/{held[1]['id']}/confirm", key=shop.publishable, body={"customer": _CUSTOMER}
    )
    report.require("whoever held it hears that the hold has ended", late.code == "hold_expired")
    body = {"service": "cut", "start": held[2]["start"], "override": ["held"]}
    stranger = await engine.request("POST", "/v1/holds", key=shop.publishable, body=body)
    report.require("a stranger cannot do that", stranger.code == "forbidden")


async def _replace(engine: Engine, report: Report) -> None:
    """Keep one slot by replacing, then replace what is gone."""
    shop = await engine.new_business(_document(hold={"ttl_seconds": 2, "max_total_seconds": _LONGEST_SECONDS}))
    body: dict[str, Any] = {"service": "cut", "start": (await _starts(engine, shop))[0]}

    async def hold(**more: str) -> Answer:
        return await engine.request("POST", "/v1/holds", key=shop.publishable, body=body | more, headers=_STRANGER)

    began, kept, answer = time.monotonic(), "", await hold()
    while answer.status == 201 and time.monotonic() - began < _PATIENCE_SECONDS:  # noqa: PLR2004
        kept = str(answer.json["id"])
        await asyncio.sleep(_PAUSE_SECONDS)
        answer = await hold(replaces=kept)
    seconds = time.monotonic() - began
    report.figure("seconds for which one slot was kept by replacing", seconds)
    report.require(
        f"a slot is kept for {_LONGEST_SECONDS} seconds at most", seconds <= _LONGEST_SECONDS + _SLACK_SECONDS
    )
    await engine.request("DELETE", f"/v1/holds/{kept}", key=shop.publishable)
    gone = await hold(replaces=kept)
    report.require("replacing a hold that is gone places nothing", gone.code == "hold_not_found")
