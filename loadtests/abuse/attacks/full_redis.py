"""Somebody else fills the Redis of the engine, to the last byte that it may have.

It answered reads, so that it was taken for well: holds and direct bookings on days that were not cached ended in 503
until somebody noticed, holds on others went past the limit, and the server said that it was ready.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from loadtests.abuse.engine import Engine, Keys
from loadtests.abuse.http import Answer
from loadtests.abuse.report import Report
from loadtests.business import document

# Ordinary visitors hold first, and no hold is possible meanwhile.
BESIDE_VISITORS: Final = False
ENVIRONMENT: Final[Mapping[str, str]] = {}

_LITTER: Final = "litter"
_PIECE_BYTES: Final = 4096
_SPARE_BYTES: Final = 4 * 1024 * 1024
_PATIENCE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.1


async def attack(engine: Engine, report: Report) -> None:
    """Fill Redis, book, hold, and make room again."""
    keys = await engine.new_business(document())
    starts = await _starts(engine)
    redis = Redis.from_url(engine.redis_url)
    try:
        await _fill(redis)
        # The first that meets it, and others, before and after the server has found out.
        booked = [(await _book(engine, keys, start)).status for start in starts[:5]]
        held = [await _hold(engine, keys, start) for start in starts[10:15]]
        found = await _eventually(lambda: _is_ready(engine, ready=False))
        later = [(await _book(engine, keys, start)).status for start in starts[5:9]]
        listed = await engine.request("GET", _LISTING.format(**_days()), key=keys.publishable)
        written = [key async for key in redis.scan_iter(f"hf:{{{_hex(keys)}}}:hold:*", count=1000)]
        metrics = (await engine.request("GET", "/metrics")).body.decode()
        await _empty(redis)
        back = await _eventually(lambda: _is_ready(engine, ready=True))
        after = [await _hold(engine, keys, start) for start in starts[15:18]]
    finally:
        await redis.aclose()
    report.figure("direct bookings while it is full", str(booked + later))
    report.figure("holds while it is full", str(held))
    report.figure("holds afterwards", str(after))
    report.require("direct bookings go on", set(booked + later) == {201})
    report.require("holds are answered 503 holds_unavailable", set(held) == {(503, "holds_unavailable")})
    report.require("no hold was written", not written)
    report.require("listings go on", listed.status == 200)  # noqa: PLR2004
    report.require("/readyz names redis", found)
    report.require("/metrics tells it", "holdfast_store_refuses_writes{" in metrics and _refusing(metrics))
    report.require("all is well again when there is room", back and {status for status, _ in after} == {201})


_LISTING: Final = "/v1/availability?service=haircut&from={first}&to={last}"


def _days() -> dict[str, str]:
    today = datetime.now(UTC).date()
    return {"first": str(today + timedelta(days=2)), "last": str(today + timedelta(days=9))}


async def _starts(engine: Engine) -> list[str]:
    """Starts far from each other, as another business of the same hours offers them: of this one nothing is cached."""
    answer = await engine.request("GET", _LISTING.format(**_days()), key=engine.publishable_key)
    slots = [slot["start"] for day in answer.json["days"] for slot in day["slots"]]
    return list(dict.fromkeys(slots))[::4]


async def _fill(redis: Redis) -> None:
    """Write until nothing more is taken."""
    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", used + _SPARE_BYTES)
    await redis.config_set("maxmemory-policy", "noeviction")
    for size in (_PIECE_BYTES, 16):
        number = 0
        try:
            while True:
                await redis.set(f"{_LITTER}:{size}:{number}", b"x" * size)
                number += 1
        except OutOfMemoryError:
            continue
    # What clients need for a moment comes and goes: now there is none to spare for it.
    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", used - _PIECE_BYTES * 64)


async def _empty(redis: Redis) -> None:
    async for key in redis.scan_iter(f"{_LITTER}:*", count=1000):
        await redis.delete(key)


async def _book(engine: Engine, keys: Keys, start: str) -> Answer:
    body = {"service": "haircut", "start": start, "customer": {"name": "Dana Levi", "email": "dana@example.com"}}
    return await engine.request("POST", "/v1/appointments", key=keys.publishable, body=body)


async def _hold(engine: Engine, keys: Keys, start: str) -> tuple[int, str]:
    body = {"service": "haircut", "start": start, "client": start}
    answer = await engine.request("POST", "/v1/holds", key=keys.publishable, body=body)
    return answer.status, answer.code


async def _is_ready(engine: Engine, *, ready: bool) -> bool:
    answer = await engine.request("GET", "/readyz")
    return bool(answer.json.get("redis")) is ready


async def _eventually(happened: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await happened():  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _refusing(metrics: str) -> bool:
    lines = [line for line in metrics.splitlines() if line.startswith("holdfast_store_refuses_writes{")]
    return any(line.endswith(" 1.0") for line in lines)


def _hex(keys: Keys) -> str:
    return keys.tenant_id.replace("-", "")
