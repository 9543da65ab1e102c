"""Markers in every field of bookings, then a search for them wherever the engine keeps something."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from catalogue.tenants import KeyKind
from persistence.schema import upgrade
from tests.support.documents import small_document
from tests.support.engine import MASTER_KEY, running_engine
from tests.support.peers import PeerRequest, running_peer
from tests.support.server import ServerProcess, running_server
from tests.support.waiting import eventually

# As text, and as the hexadecimal in which Postgres tells bytes. What is sealed has no seven letters in a row by chance.
_MARKERS: Final = re.compile(rb"zqxmark|[57]a71786d61726b|547654321|54 765 4321", re.IGNORECASE)
_CUSTOMER: Final = {"name": "Zqxmarkname", "email": "zqxmarkmail@example.com", "phone": "+972 54 765 4321"}
_DETAILS: Final = {
    "customer": _CUSTOMER,
    "notes": "Zqxmarknotes",
    "metadata": {"zqxmarkkey": "zqxmarkvalue"},
    "answers": {"allergies": "Zqxmarkanswer"},
}
_QUESTIONS: Final = [{"key": "allergies", "label": "Any allergies?", "type": "text"}]
_EVERY_DAY: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_SETTINGS: Final = {
    "HOLDFAST_MASTER_KEY": MASTER_KEY,
    "HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8",
    "HOLDFAST_LOG_LEVEL": "debug",
    # What is slow on a busy machine is no fault.
    "HOLDFAST_POSTGRES_STATEMENT_MS": "30000",
    "HOLDFAST_POSTGRES_POOL_WAIT_SECONDS": "30",
    "HOLDFAST_POSTGRES_CONNECT_SECONDS": "10",
    "HOLDFAST_STORE_SILENCE_MS": "10000",
}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="holdfast-personal-") as directory:
        # The stores may run under another account.
        Path(directory).chmod(0o711)
        yield Path(directory)


async def test_no_marker_of_a_booking_is_anywhere(data_dir: Path, tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}
    with kept_stores(Specification(data_dir=str(data_dir), superuser=True), announce=lambda _: None) as urls:
        assert urls.database_url is not None
        assert urls.redis_url is not None
        await asyncio.to_thread(upgrade, urls.database_url)
        key = await _set_up(urls.database_url, urls.redis_url)
        async with running_server(urls.database_url, urls.redis_url, tmp_path, **_SETTINGS) as server:
            await _live(server, key, urls.redis_url, found)
            found["redis"] = [text async for text in _redis_texts(urls.redis_url) if _MARKERS.search(text.encode())]
        found["log"] = [line.decode() for line in server.log.splitlines() if _MARKERS.search(line)]
        found["tables"] = [row async for row in _rows(urls.database_url) if _MARKERS.search(row.encode())]
    found["files"] = _files(data_dir)

    assert server.log
    assert found == {"redis while held": [], "redis": [], "log": [], "tables": [], "files": []}


async def test_search_finds_what_is_there(data_dir: Path) -> None:
    specification = Specification(data_dir=str(data_dir), superuser=True)
    with kept_stores(specification, announce=lambda _: None) as urls:
        assert urls.database_url is not None
        assert urls.redis_url is not None
        connection = await asyncpg.connect(urls.database_url)
        await connection.execute("CREATE TABLE kept (text text, bytes bytea)")
        await connection.execute("INSERT INTO kept VALUES ('Zqxmarkname', ''), ('', 'zqxmarkmail'), ('', '')")
        await connection.execute("CHECKPOINT")
        await connection.close()
        async with Redis.from_url(urls.redis_url) as redis:
            await redis.hset("of a hash", mapping={"field": "Zqxmarkanswer"})
            await redis.zadd("zqxmark of a name", {"member": 1})
        rows = [row async for row in _rows(urls.database_url) if _MARKERS.search(row.encode())]
        texts = [text async for text in _redis_texts(urls.redis_url) if _MARKERS.search(text.encode())]

    assert (len(rows), len(texts)) == (2, 2)
    assert any("postgres" in path for path in _files(data_dir))
    assert any("redis" in path for path in _files(data_dir))


async def _set_up(database_url: str, redis_url: str) -> str:
    """A secret key of a business that asks its customers something."""
    document = small_document()
    document["services"][0] |= {"questions": _QUESTIONS}
    hours = [{"days": _EVERY_DAY, "start": "00:00", "end": "24:00"}]
    document["resources"] = [resource | {"hours": hours} for resource in document["resources"]]
    async with running_engine(database_url, redis_url, document=document) as engine:
        return (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key


async def _live(server: ServerProcess, key: str, redis_url: str, found: dict[str, list[str]]) -> None:
    """All that a customer, the business and a receiver of webhooks do with personal data."""
    async with (
        running_peer(_echo) as peer,
        httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
    ):
        hook = {"url": f"http://127.0.0.1:{peer.port}/", "types": ["*"], "payload": "full"}
        endpoint = (await http.post("/v1/webhook-endpoints", json=hook)).raise_for_status().json()
        starts = await _starts(http)
        wish = {"service": "haircut", "start": starts[0], "client": "zqxmarkclient@example.com"}
        held = await _post(http, "/v1/holds", wish | {"answers": _DETAILS["answers"]})
        found["redis while held"] = [text async for text in _redis_texts(redis_url) if _MARKERS.search(text.encode())]
        confirmed = await _post(http, f"/v1/holds/{held['id']}/confirm", _DETAILS)
        assert confirmed["answers"] == _DETAILS["answers"]
        booked = await _post(http, "/v1/appointments", {"service": "haircut", "start": starts[3], **_DETAILS})
        path = f"/v1/appointments/{booked['id']}"
        amended = {"customer": {"name": "Zqxmarkamended", "phone": "+972 54 765 4321"}, "notes": "Zqxmarkstaff"}
        (await http.patch(path, json=amended)).raise_for_status()
        await _post(http, f"{path}/reschedule", {"start": starts[6]})
        await _post(http, f"{path}/cancel", {"reason": "Zqxmarkreason"})
        assert "Zqxmarkreason" in (await http.get(path)).raise_for_status().text
        assert "Zqxmarkstaff" in (await http.get("/v1/appointments")).raise_for_status().text
        # What is refused names what was sent.
        wrong = {
            "service": "haircut",
            "start": starts[9],
            **_DETAILS,
            "customer": {"name": "Zqxmark", "email": "zqxmark@"},
        }
        refused = await http.post("/v1/appointments", json=wrong)
        assert refused.status_code == 422

        async def is_told() -> bool:
            told = (await http.get(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries")).json()["data"]
            bodies = [one["response"]["body"] for one in told if one["status"] == "delivered" and one["response"]]
            return any("Zqxmarkstaff" in body for body in bodies if body)

        await eventually(is_told)


async def _starts(http: httpx.AsyncClient) -> list[str]:
    answered = (await http.get("/v1/availability/next?service=haircut&limit=20")).raise_for_status().json()
    return [slot["start"] for slot in answered["slots"]]


async def _post(http: httpx.AsyncClient, path: str, body: Any) -> Any:
    """The answer to a request that is sent twice, as a client does that heard no answer."""
    headers = {"Idempotency-Key": f"zqxmark {path} {body}"[:200]}
    first, again = [await http.post(path, json=body, headers=headers) for _ in range(2)]
    assert first.is_success, first.text
    assert again.content == first.content
    return first.json()


async def _echo(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
    """Send back what was sent, as some receivers do."""
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(request.body)}\r\n\r\n".encode() + request.body)


async def _rows(database_url: str) -> AsyncIterator[str]:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            for (row,) in await connection.fetch(f'SELECT row::text FROM "{table}" AS row'):  # noqa: S608
                yield f"{table}: {row}"
    finally:
        await connection.close()


async def _redis_texts(redis_url: str) -> AsyncIterator[str]:
    """Every key of Redis, with what it holds, whatever its type."""
    async with Redis.from_url(redis_url) as redis:
        read: dict[bytes, Callable[[bytes], Awaitable[object]]] = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"set": redis.smembers,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
            b"stream": redis.xrange,
        }
        async for key in redis.scan_iter():
            kind = bytes(await redis.type(key))  # type: ignore[arg-type]
            yield f"{key!r}: {await read[kind](key)!r}"


def _files(directory: Path) -> list[str]:
    """The files below a directory that have a marker in them."""
    return [str(path) for path in directory.rglob("*") if path.is_file() and _MARKERS.search(path.read_bytes())]
