"""`python -m loadtests.abuse.visitors`: ordinary visitors, played by a process of their own, and their figures."""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from loadtests.abuse.http import Answer, Client

KEY_VARIABLE: Final = "HOLDFAST_ABUSE_KEY"
_THINK_SECONDS: Final = 1.0
"""Mean pause between two requests of a visitor."""
_SERVICES: Final = ("haircut", "beard", "consultation", "class")
_DAYS_AHEAD: Final = 21
_PERCENTILE: Final = 0.99
_FORM: Final = {"customer": {"name": "Ordinary Visitor", "email": "visitor@example.com"}}
_BELONGS_TO_BUSINESS: Final = frozenset({"slot_taken", "slot_held", "not_offered"})
"""Refusals that a visitor meets on an ordinary day."""


@dataclass(slots=True, kw_only=True)
class Crowd:
    """The experience of all visitors together."""

    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def note(self, answer: Answer) -> None:
        """Count an answer; anything but success and the refusals of an ordinary day is a refusal."""
        self.seconds.append(answer.seconds)
        is_answered = 0 < answer.status < 300 or answer.code in _BELONGS_TO_BUSINESS  # noqa: PLR2004
        if not is_answered:
            self.refused[answer.code or str(answer.status)] += 1

    def as_document(self) -> dict[str, Any]:
        """The figures; times in milliseconds."""
        ordered = sorted(self.seconds)
        return {
            "requests": len(ordered),
            "refused": dict(self.refused),
            "p50_ms": round(statistics.median(ordered) * 1000, 2) if ordered else None,
            "p99_ms": round(ordered[int(len(ordered) * _PERCENTILE)] * 1000, 2) if ordered else None,
            "longest_ms": round(ordered[-1] * 1000, 2) if ordered else None,
        }


class _HasEndedError(Exception):
    """No more requests are wanted."""


async def _visit(url: str, key: str, crowd: Crowd, chance: random.Random, end: asyncio.Event) -> None:
    """List a day, hold one of its first starts, then confirm the hold or give it up; again and again."""
    async with Client(url) as client:

        async def ask(method: str, path: str, body: object = None) -> Answer:
            await asyncio.sleep(chance.expovariate(1 / _THINK_SECONDS))
            if end.is_set():
                raise _HasEndedError
            answer = await client.request(method, path, key=key, body=body)
            crowd.note(answer)
            return answer

        while not end.is_set():
            service = chance.choice(_SERVICES)
            date = datetime.now(UTC).date() + timedelta(days=chance.randrange(1, _DAYS_AHEAD))
            try:
                listed = await ask("GET", f"/v1/availability?service={service}&from={date}&to={date}")
                starts = [slot["start"] for day in listed.json.get("days", ()) for slot in day["slots"]]
                if not starts:
                    continue
                start = chance.choice(starts)
                held = await ask("POST", "/v1/holds", {"service": service, "start": start, "ttl_seconds": 60})
                if held.status != 201:  # noqa: PLR2004
                    continue
                path = f"/v1/holds/{held.json['id']}"
                if chance.random() < 0.5:  # noqa: PLR2004
                    await ask("POST", f"{path}/confirm", _FORM)
                else:
                    await ask("DELETE", path)
            except _HasEndedError:
                return


async def _play(options: argparse.Namespace) -> Crowd:
    """Play until the time is over or standard input ends; a request under way is answered first."""
    crowd, chance, end = Crowd(), random.Random(options.seed), asyncio.Event()
    loop = asyncio.get_running_loop()
    if options.seconds is None:
        loop.add_reader(sys.stdin, end.set)
    else:
        loop.call_later(options.seconds, end.set)
    async with asyncio.TaskGroup() as visitors:
        for _ in range(options.visitors):
            visitor = random.Random(chance.random())
            visitors.create_task(_visit(options.url, os.environ[KEY_VARIABLE], crowd, visitor, end))
    return crowd


def main() -> None:
    """Play them and print their figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.abuse.visitors")
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, help="default: until standard input ends")
    parser.add_argument("--visitors", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    print(json.dumps(asyncio.run(_play(parser.parse_args())).as_document()))


if __name__ == "__main__":
    main()
