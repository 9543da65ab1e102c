"""A program with the key of the page takes all it can of a shop: from one address, then from fifty of one network.

One publishable key booked 334 appointments in five seconds, which was every time of twelve days. `--spread` plays
a program with addresses in fifty networks instead: no rate of addresses limits that. What does is the proof that
the engine asks for when much of the shop was taken: visitors pass a challenge, and the program cannot.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import yaml

from bootstrap.processes import free_port
from loadtests.abuse.challenges import person, running_provider
from loadtests.abuse.engine import ROOT, Engine, Keys
from loadtests.abuse.http import Answer, Client
from loadtests.abuse.report import Report

# It drives visitors of its own: each comes from an address of their own.
BESIDE_VISITORS: Final = False
_PROVIDER_PORT: Final = free_port()
ENVIRONMENT: Final[Mapping[str, str]] = {
    "HOLDFAST_TRUSTED_PROXIES": "127.0.0.1",
    "HOLDFAST_CHALLENGE_SECRET": "of the load test",
    "HOLDFAST_CHALLENGE_URL": f"http://127.0.0.1:{_PROVIDER_PORT}/siteverify",
    "HOLDFAST_CHALLENGE_ALWAYS": "false",
    "HOLDFAST_CHALLENGE_FAILS_OPEN": "false",
    "HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8",
}

_DAYS: Final = 14
_SHARE_AT_MOST: Final = 0.05
"""Share of the time in which the shop's people can be booked in the next two weeks."""
_REFUSED_AT_MOST: Final = 0.001
_VISITORS: Final = 100
_WORKERS: Final = 8
"""Requests of the bot under way at once."""
_LOOK_SECONDS: Final = 5.0
_THINK_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 0.05
"""Pause of the bot after a refusal: it does not spare the server."""
_HOLDS: Final = 0.3
"""Share of the bot's attempts that place a hold and do no more."""
_BOOKS: Final = 0.02
"""Share of ordinary holds that become appointments; the others are given up."""
_ORDINARY: Final = frozenset({"slot_taken", "slot_held", "not_offered"})
"""Refusals that a visitor meets on an ordinary day."""
_BOT_NAME: Final = "Bot"


@dataclass(slots=True, kw_only=True)
class _Loot:
    """Times that the bot has got."""

    answers: Counter[str] = field(default_factory=Counter)
    booked_minutes: float = 0.0
    holds: list[tuple[datetime, float]] = field(default_factory=list)
    """The end of each hold with the minutes that it keeps."""

    def note(self, answer: Answer) -> None:
        """Count the answer to an attempt."""
        found = answer.json
        # A refusal names the rate or the budget that is used up.
        named = str(found.get("policy") or found.get("budget") or answer.code) if answer.code else str(answer.status)
        self.answers[named] += 1
        if answer.status != 201:  # noqa: PLR2004
            return
        minutes = (_instant(found["end"]) - _instant(found["start"])).total_seconds() / 60
        if "expires_at" in found:
            self.holds.append((_instant(found["expires_at"]), minutes))
        else:
            self.booked_minutes += minutes

    def minutes(self) -> float:
        """The minutes that it has now."""
        now = datetime.now(UTC)
        return self.booked_minutes + sum(minutes for ends_at, minutes in self.holds if ends_at > now)


@dataclass(slots=True, kw_only=True)
class _Crowd:
    """Answers that the visitors met."""

    requests: int = 0
    proofs: int = 0
    """Challenges that were asked for, and passed."""
    refused: Counter[str] = field(default_factory=Counter)

    def note(self, answer: Answer) -> None:
        """Count an answer of a visitor."""
        self.requests += 1
        if not 0 < answer.status < 300 and answer.code not in _ORDINARY:  # noqa: PLR2004
            self.refused[str(answer.json.get("policy") or answer.code or answer.status)] += 1


async def attack(engine: Engine, report: Report) -> None:
    """Let it loose on the shop of the demo, once from each set of addresses."""
    async with running_provider(_PROVIDER_PORT):
        for title, addresses in _sources(is_spread=engine.has_spread_bot).items():
            await _one_bot(engine, report, title, addresses, engine.minutes * 60)


def _sources(*, is_spread: bool) -> Mapping[str, Sequence[str]]:
    near = {"1 address": ["203.0.113.9"], "50 addresses of one network": [f"198.51.100.{n}" for n in range(1, 51)]}
    spread = {"50 addresses of as many networks": [f"45.{n}.{n}.7" for n in range(1, 51)]}
    return spread if is_spread else near


async def _one_bot(engine: Engine, report: Report, title: str, addresses: Sequence[str], seconds: float) -> None:
    content = yaml.safe_load((ROOT / "examples" / "barbershop.yaml").read_text())
    shop = await engine.new_business(json.loads(orjson.dumps(content)))
    # It begins with tomorrow: what is left of today depends on the hour.
    first = (datetime.now(ZoneInfo(content["business"]["timezone"])) + timedelta(days=1)).date()
    dates = [f"{first + timedelta(days=number)}" for number in range(_DAYS)]
    total = await _free_starts(engine, shop, dates)
    crowd, loot, end = _Crowd(), _Loot(), asyncio.Event()
    shares: list[float] = []
    async with asyncio.TaskGroup() as players:
        for number in range(_WORKERS):
            players.create_task(_bot(engine, shop, addresses, dates, loot, end, random.Random(number)))
        for number in range(_VISITORS):
            players.create_task(_visits(engine, shop, dates, crowd, end, number))
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            shares.append(loot.minutes() / total)
        end.set()
    _judge(report, title, shares, crowd, loot)


def _judge(report: Report, title: str, shares: Sequence[float], crowd: _Crowd, loot: _Loot) -> None:
    report.figure(f"{title}: answers to the bot", json.dumps(dict(loot.answers.most_common())))
    report.figure(f"{title}: most of two weeks taken or held by it, %", 100 * max(shares))
    report.figure(f"{title}: requests of visitors", crowd.requests)
    report.figure(f"{title}: challenges that visitors passed", crowd.proofs)
    report.figure(f"{title}: visitors refused", json.dumps(dict(crowd.refused)))
    report.require(
        f"{title}: at most {_SHARE_AT_MOST:.0%} of two weeks are taken or held", 0 < max(shares) <= _SHARE_AT_MOST
    )
    report.require(
        f"{title}: less than {_REFUSED_AT_MOST:.1%} of visitors' requests are refused",
        crowd.requests > 0 and crowd.refused.total() < _REFUSED_AT_MOST * crowd.requests,
    )


async def _free_starts(engine: Engine, shop: Keys, dates: Sequence[str]) -> float:
    """Minutes in which the people of the shop can be booked, by the starts of their shortest visit that share none."""
    minutes = 0.0
    for resource in ("noa", "dan", "yael", "omer"):
        path = f"/v1/availability?service=haircut&resource={resource}&from={dates[0]}&to={dates[-1]}"
        listed = await engine.request("GET", path, key=shop.secret)
        end = ""
        for slot in (slot for day in listed.json["days"] for slot in day["slots"]):
            if _instant(slot["start"]) >= _instant(end or slot["start"]):
                end = slot["end"]
                minutes += (_instant(end) - _instant(slot["start"])).total_seconds() / 60
    return minutes


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def _bot(  # noqa: PLR0917 - all of one run
    engine: Engine,
    shop: Keys,
    addresses: Sequence[str],
    dates: Sequence[str],
    loot: _Loot,
    end: asyncio.Event,
    chance: random.Random,
) -> None:
    """Book or hold one time after the other, as fast as the server answers, under ever new names."""
    async with Client(engine.url) as client:
        starts: list[tuple[str, str]] = []
        while not end.is_set():
            headers = {"X-Forwarded-For": chance.choice(addresses)}
            if not starts:
                service, date = chance.choice(("haircut", "beard-trim", "cut-and-beard")), chance.choice(dates)
                path = f"/v1/availability?service={service}&from={date}&to={date}"
                listed = await client.request("GET", path, key=shop.publishable, headers=headers)
                starts = [(service, slot["start"]) for day in listed.json.get("days", ()) for slot in day["slots"]]
                chance.shuffle(starts)
                await asyncio.sleep(0 if starts else _PATIENCE_SECONDS)
                continue
            service, start = starts.pop()
            body: dict[str, Any] = {"service": service, "start": start}
            path = "/v1/holds"
            if chance.random() > _HOLDS:
                path = "/v1/appointments"
                body["customer"] = {"name": _BOT_NAME, "email": f"{chance.getrandbits(64):x}@example.com"}
            answer = await client.request("POST", path, key=shop.publishable, body=body, headers=headers)
            loot.note(answer)
            if answer.status == 429:  # noqa: PLR2004
                await asyncio.sleep(_PATIENCE_SECONDS)


async def _visits(  # noqa: PLR0917 - all of one run
    engine: Engine, shop: Keys, dates: Sequence[str], crowd: _Crowd, end: asyncio.Event, number: int
) -> None:
    """One visitor after the other, each from an address of their own: they look, hold, and mostly give it up again."""
    chance, visit = random.Random(1000 + number), 0
    async with Client(engine.url) as client:

        async def ask(method: str, path: str, body: object = None) -> Answer:
            await asyncio.sleep(chance.expovariate(1 / _THINK_SECONDS))
            headers = {"X-Forwarded-For": f"81.{number}.{visit % 250}.{visit // 250 % 250}"}
            answer = await client.request(method, path, key=shop.publishable, body=body, headers=headers)
            if answer.code == "challenge_required" and isinstance(body, dict):
                crowd.proofs += 1
                passed = body | {"challenge": person()}
                answer = await client.request(method, path, key=shop.publishable, body=passed, headers=headers)
            crowd.note(answer)
            return answer

        while not end.is_set():
            visit += 1
            service, date = chance.choice(("haircut", "beard-trim", "cut-and-beard")), chance.choice(dates)
            listed = await ask("GET", f"/v1/availability?service={service}&from={date}&to={date}")
            starts = [slot["start"] for day in listed.json.get("days", ()) for slot in day["slots"]]
            if not starts or chance.random() < 0.5 or end.is_set():  # noqa: PLR2004
                continue
            body = {"service": service, "start": chance.choice(starts), "client": f"visitor-{number}-{visit}"}
            held = await ask("POST", "/v1/holds", body)
            if held.status != 201:  # noqa: PLR2004
                continue
            path = f"/v1/holds/{held.json['id']}"
            if chance.random() < _BOOKS:
                form = {"customer": {"name": "Ordinary Visitor", "email": f"v{number}-{visit}@example.com"}}
                await ask("POST", f"{path}/confirm", form)
            else:
                await ask("DELETE", path)
