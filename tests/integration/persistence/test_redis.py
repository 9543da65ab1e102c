"""A client of Redis that never repeats by itself and never waits for long."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from persistence import lua
from persistence.errors import RedisUnavailable, redis_errors
from persistence.redis import RedisLimits, create_redis


@dataclass
class Silence:
    """A server that takes commands and answers none of them, but for those of the handshake."""

    url: str
    scripts: int = 0


@pytest.fixture
async def silence() -> AsyncIterator[Silence]:
    silence = Silence(url="")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while received := await reader.read(65536):
            silence.scripts += received.upper().count(b"EVALSHA")
            if b"EVALSHA" not in received.upper():
                writer.write(b"+OK\r\n" * received.count(b"*"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        silence.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        yield silence


async def test_script_is_sent_once_when_no_answer_comes(silence: Silence) -> None:
    client = create_redis(silence.url, RedisLimits(command_seconds=0.2))

    with pytest.raises(RedisUnavailable), redis_errors():
        await lua.call(client, "hold_read", ["hold:1"], ["1"])
    await client.aclose()

    assert silence.scripts == 1


async def test_redis_is_unavailable_when_the_connection_is_refused() -> None:
    client = create_redis("redis://127.0.0.1:9/0", RedisLimits())

    with pytest.raises(RedisUnavailable), redis_errors():
        await client.ping()
    await client.aclose()


async def test_redis_is_unavailable_when_no_connection_is_free(redis_url: str) -> None:
    client = create_redis(redis_url, RedisLimits(pool_size=1, pool_wait_seconds=0.1))

    # A pipeline that watches has a connection to itself.
    async with client.pipeline() as pipeline:
        await pipeline.watch("key")
        with pytest.raises(RedisUnavailable), redis_errors():
            await client.ping()
    await client.aclose()
