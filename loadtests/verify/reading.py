"""Reads what is judged: from Redis past the engine's own scripts, or through the API with the customers' tokens."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx
from redis.asyncio import Redis

from loadtests.faults.history import Exchange, Operation, Outcome
from loadtests.faults.rows import Appointment, Part
from loadtests.verify.holds import Entry, InRedis, Record

_TOKEN: Final = re.compile(r"hft_([0-9a-f]{32})")
_KEY: Final = re.compile(r"hf:\{[0-9a-f]+\}:((hold|held|client):(\S+))")
_SCAN_COUNT: Final = 1000
_TIMEOUT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 8
_NOT_FOUND: Final = 404


def find_tokens(exchanges: Iterable[Exchange]) -> dict[str, str]:
    """The token of each appointment that was answered."""
    return {
        str(one.answer["id"]): str(one.answer["token"])
        for one in exchanges
        if one.operation in {Operation.CONFIRM, Operation.BOOK}
        and one.outcome is Outcome.GRANTED
        and one.answer is not None
        and "token" in one.answer
    }


def find_tenants(tokens: Iterable[str]) -> set[UUID]:
    """The businesses that the tokens name."""
    return {UUID(match[1]) for match in map(_TOKEN.match, tokens) if match}


async def read_holds(redis: Redis, tenant_id: UUID) -> InRedis:
    """Every record and list of one business."""
    began_ms = await _now_ms(redis)
    records: dict[str, Record] = {}
    entries: list[Entry] = []
    async for raw in redis.scan_iter(match=f"hf:{{{tenant_id.hex}}}:*", count=_SCAN_COUNT):
        match = _KEY.fullmatch(_text(raw))
        if match is None:
            continue
        if match[2] == "hold":
            record = await _read_record(redis, raw)
            records |= {} if record is None else {match[3]: record}
        else:
            text = _text(await redis.get(raw) or b"")
            entries += [_entry(match[1], part) for part in text.split()]
    # A key may be named twice.
    once = list({(entry.list_name, entry.text): entry for entry in entries}.values())
    return InRedis(began_ms=began_ms, ended_ms=await _now_ms(redis), records=records, entries=once)


async def read_appointments(host: str, tokens: Mapping[str, str]) -> dict[str, Appointment]:
    """Each appointment as the API answers it to its customer; those it does not find are left out."""
    async with _client(host) as client:
        found = await _each(tokens, lambda one: _get(client, f"/v1/appointments/{one}", tokens[one]))
    return {key: _appointment(answer) for key, answer in found.items() if answer is not None}


async def read_answered_holds(host: str, key: str, hold_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Status and end of each hold as the API answers them; empty where it knows none."""
    async with _client(host) as client:
        found = await _each(hold_ids, lambda one: _get(client, f"/v1/holds/{one}", key))
    return {one: (answer["status"], answer["expires_at"]) if answer else ("", "") for one, answer in found.items()}


def _client(host: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=host, timeout=_TIMEOUT_SECONDS)


async def _each(names: Iterable[str], ask: Any) -> dict[str, dict[str, Any] | None]:  # noqa: ANN401 - a coroutine function
    """Some at a time: the server may be in use."""
    room = asyncio.Semaphore(_CONNECTIONS)
    found: dict[str, dict[str, Any] | None] = {}

    async def one(name: str) -> None:
        async with room:
            found[name] = await ask(name)

    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(one(name))
    return found


async def _get(client: httpx.AsyncClient, path: str, credential: str) -> dict[str, Any] | None:
    answer = await client.get(path, headers={"Authorization": f"Bearer {credential}"})
    if answer.status_code == _NOT_FOUND:
        return None
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _appointment(answer: Mapping[str, Any]) -> Appointment:
    starts_at, ends_at = datetime.fromisoformat(answer["start"]), datetime.fromisoformat(answer["end"])
    return Appointment(
        id=answer["id"],
        hold_id=answer["hold"],
        attempt=answer["metadata"].get("attempt"),
        status=answer["status"],
        starts_at=starts_at,
        ends_at=ends_at,
        party=answer["party"],
        version=answer["version"],
        # The API shows neither.
        buffer_before_minutes=0,
        buffer_after_minutes=0,
        events=answer["version"],
        parts=[Part(resource=used["resource"], starts_at=starts_at, ends_at=ends_at) for used in answer["resources"]],
    )


async def _read_record(redis: Redis, key: bytes | str) -> Record | None:
    found = {_text(name): _text(value) for name, value in (await redis.hgetall(key)).items()}
    if "state" not in found:
        return None
    return Record(
        state=found["state"],
        deadline_ms=int(found["deadline"]),
        claims=found.get("claims", ""),
        client=found.get("client", ""),
        appointment=found.get("appointment", ""),
        forgotten_in_ms=int(await redis.pttl(key)),
    )


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw


def _entry(list_name: str, text: str) -> Entry:
    return Entry(
        list_name=list_name,
        hold_id=text.partition(":")[0],
        deadline_ms=int(text.rpartition(":")[2]),
        text=text,
    )


async def _now_ms(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
