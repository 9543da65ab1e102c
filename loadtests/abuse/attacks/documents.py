"""An owner applies documents whose services are dear to search, and twenty clients at once ask for their free times.

Before, one listing of ten roles with twenty of a pool of 250 each took minutes, and the whole process answered nothing
meanwhile. Each document is first applied at full size, and made smaller until it is accepted.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from typing import Any, Final

from loadtests.abuse.engine import Engine, Keys
from loadtests.abuse.http import Answer, Client
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}
_AT_ONCE: Final = 20
_ROUNDS: Final = 3
_LONGEST_SECONDS: Final = 2.0
_KEPT_MS: Final = 50.0
_PROBE_SECONDS: Final = 0.02
_FIRST_ERROR: Final = 500
_ACCEPTED: Final = 200
_REFUSED: Final = 422


def _document(roles: int, *, number: int, pool: int, step: int, own_durations: int = 0) -> dict[str, Any]:
    """A business with one service; the first resources of its pool take their own time for it."""
    staff = [f"staff-{n:03}" for n in range(pool)]
    overrides = {key: {"duration_minutes": 20 + n} for n, key in enumerate(staff[:own_durations])}
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "18:00"}]
    entry = {"kind": "staff", "count": number, "overrides": overrides}
    return {
        "business": {"name": "Dear to search", "timezone": "Europe/Berlin", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [{"key": key, "kind": "staff", "name": key, "hours": hours} for key in staff],
        "services": [
            {
                "key": "dear",
                "name": "Dear",
                "duration_minutes": 30,
                "grid": {"step_minutes": step},
                "requires": [{"role": f"role-{n}", **entry} for n in range(roles)],
            }
        ],
    }


def _documents() -> Mapping[str, list[dict[str, Any]]]:
    """By name, a document at full size and ever smaller ones."""
    return {
        "ten roles": [_document(10, number=n, pool=250, step=15) for n in (20, 15, 10, 5, 2)],
        "own durations": [
            _document(3, number=1, pool=60, step=15, own_durations=n) for n in (60, 45, 30, 25, 20, 15, 10, 5)
        ],
        "every minute": [_document(5, number=3, pool=n, step=1) for n in (60, 50, 40, 30, 20, 15)],
    }


async def attack(engine: Engine, report: Report) -> None:
    """Apply each document, then ask."""
    answers: list[Answer] = []
    probes: list[float] = []
    stop = asyncio.Event()
    probing = asyncio.create_task(_probe(engine, probes, stop))
    for name, candidates in _documents().items():
        keys = await engine.new_business()
        applied = await _apply(engine, keys, candidates, answers)
        report.figure(f"{name}: size applied (0: the document of the issue as it is)", applied)
        if applied >= 0:
            asked: list[Answer] = []
            for _ in range(_ROUNDS):
                asked += await _ask_at_once(engine, keys)
                if not all(answer.status for answer in asked):
                    break
            answers += asked
            report.figure(f"{name}: longest answer, seconds", max(answer.seconds for answer in asked))
            refused = [sum(answer.code == code for answer in asked) for code in ("too_complex", "rate_limited")]
            report.figure(f"{name}: answers, of them too_complex, rate_limited", f"{len(asked)}, {refused}")
            if not all(answer.status for answer in asked):
                # It answers nobody for minutes.
                break
    stop.set()
    await probing
    kept = _kept(engine)
    has_watchdog = b"event_loop_kept" in (await engine.request("GET", "/metrics")).body
    report.figure("longest answer of /healthz, ms", 1000 * max(probes))
    report.figure("slowest hundredth of the answers of /healthz, ms", 1000 * sorted(probes)[len(probes) * 99 // 100])
    report.figure("times that the watchdog found the loop kept", len(kept))
    report.figure("longest of them, ms", max((ms for ms, _ in kept), default=0.0))
    own = [min(ms, cpu_ms) for ms, cpu_ms in kept]
    report.figure("longest by its own work, ms", max(own, default=0.0))
    report.require("every request gets an answer, and none is a 5xx", all(0 < a.status < _FIRST_ERROR for a in answers))
    late = [a for a in answers if a.code != "too_complex" and a.seconds > _LONGEST_SECONDS]
    report.figure("late answers", len(late))
    report.require(f"every answer comes within {_LONGEST_SECONDS:g} s, or is too_complex", not late)
    report.require(
        f"the event loop is never kept longer than {_KEPT_MS:g} ms by its own work",
        has_watchdog and max(own, default=0.0) <= _KEPT_MS,
    )
    report.require("/healthz answers within 250 ms in 99 of 100 cases", sorted(probes)[len(probes) * 99 // 100] < 0.25)  # noqa: PLR2004


async def _apply(engine: Engine, keys: Keys, candidates: list[dict[str, Any]], answers: list[Answer]) -> int:
    """The place of the first document that is accepted; -1 where none is."""
    for place, document in enumerate(candidates):
        answer = await engine.request("PUT", "/v1/business", key=keys.secret, body=document)
        answers.append(answer)
        if answer.status == _ACCEPTED:
            return place
        if answer.status != _REFUSED:
            return -1
    return -1


async def _ask_at_once(engine: Engine, keys: Keys) -> list[Answer]:
    """Twenty requests at once: listings of a day to two months, calendars, the next starts, and holds."""
    today = datetime.now(UTC).date()
    numbers = count(1)
    first = f"from={today + timedelta(days=1)}"
    requests = [
        ("GET", f"/v1/availability?service=dear&{first}&to={today + timedelta(days=1)}", None),
        ("GET", f"/v1/availability?service=dear&{first}&to={today + timedelta(days=7)}", None),
        ("GET", f"/v1/availability?service=dear&{first}&to={today + timedelta(days=31)}", None),
        ("GET", f"/v1/availability?service=dear&{first}&to={today + timedelta(days=62)}&explain=true", None),
        ("GET", f"/v1/availability/days?service=dear&{first}&to={today + timedelta(days=31)}", None),
        ("GET", "/v1/availability/next?service=dear&limit=100", None),
        ("POST", "/v1/holds", "10:00"),
        ("POST", "/v1/holds", "15:30"),
    ]

    async def ask(method: str, path: str, clock: str | None) -> Answer:
        body = None
        if clock is not None:
            start = f"{today + timedelta(days=2)}T{clock}:00+00:00"
            body = {"service": "dear", "start": start, "client": f"client-{next(numbers)}"}
        return await engine.request(method, path, key=keys.publishable, body=body)

    return await asyncio.gather(*(ask(*request) for request in islice(cycle(requests), _AT_ONCE)))


async def _probe(engine: Engine, probes: list[float], stop: asyncio.Event) -> None:
    """Ask /healthz every twentieth of a second, on a connection of its own."""
    async with Client(engine.url) as client:
        while not stop.is_set():
            began = time.perf_counter()
            await client.request("GET", "/healthz")
            probes.append(time.perf_counter() - began)
            await asyncio.sleep(_PROBE_SECONDS)


def _kept(engine: Engine) -> list[tuple[float, float]]:
    """The milliseconds of each line of the watchdog, and those that the loop worked meanwhile."""
    lines = [line for line in engine.log.read_text().splitlines() if "event_loop.kept" in line]
    found = [[re.search(rf'"{name}": ?([0-9.]+)', line) for name in ("ms", "cpu_ms")] for line in lines]
    return [(float(ms[1]), float(cpu_ms[1])) for ms, cpu_ms in found if ms is not None and cpu_ms is not None]
