"""A client of Redis that never repeats by itself and never waits for long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from redis.asyncio.connection import AbstractConnection

from persistence import lua
from persistence.errors import RedisUnavailable, redis_errors
from persistence.liveness import LivenessLimits
from persistence.redis import Redis, RedisLimits, create_redis, new_redis_watch
from persistence.redis_memory import RedisMemory


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


async def _ask_by_script(client: Redis) -> None:
    await lua.call(client, "hold_read", ["hold:1"], ["1"])


async def _ask_by_command(client: Redis) -> None:
    await client.get("key")


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "connecting"])
@pytest.mark.parametrize("ask", [_ask_by_script, _ask_by_command])
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_redis_is_unavailable_when_the_connection_ends_just_before_a_command_is_sent(
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Redis], Awaitable[None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    connected: bool,  # noqa: FBT001 - the case
) -> None:
    send = AbstractConnection._send_packed_command  # noqa: SLF001 - the last moment before it is sent

    async def lose_and_send(self: Any, command: Any) -> None:
        self._writer.transport.abort()
        # The loop closes it in its next turn.
        await asyncio.sleep(0)
        await send(self, command)

    async def run() -> None:
        asker = create_redis(redis_url, RedisLimits())
        watch = new_redis_watch(asker, LivenessLimits(), RedisMemory())
        client = create_redis(redis_url, RedisLimits(), watch=watch)
        async with watch.running():
            if connected:
                await client.ping()
            with monkeypatch.context() as patch:
                patch.setattr(AbstractConnection, "_send_packed_command", lose_and_send)
                with pytest.raises(RedisUnavailable), redis_errors():
                    await ask(client)
        await client.aclose()
        await asker.aclose()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())
