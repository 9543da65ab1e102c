"""Scripts that are asked in one turn of the loop share a connection, and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from persistence.liveness import LivenessLimits, LivenessWatch
from persistence.redis import RedisLimits, create_redis, new_redis_watch
from persistence.redis_limits import LOSSES
from persistence.redis_memory import RedisMemory
from tests.support.proxy import Direction, Mode, Proxy

ECHO = "return {ARGV[1]}"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    limits = RedisLimits()
    asker = create_redis(redis_url, limits)
    watch = new_redis_watch(asker, LivenessLimits(), RedisMemory())
    async with asker, watch.running(), create_redis(redis_url, limits, watch=watch) as client:
        yield client


async def test_scripts_of_one_turn_share_a_connection(redis: Redis) -> None:
    sha = await redis.script_load(ECHO)
    before = await _connections(redis)

    answers = await asyncio.gather(*(redis.evalsha(sha, 0, str(number)) for number in range(60)))

    assert answers == [[str(number).encode()] for number in range(60)]
    assert await _connections(redis) == before


async def _connections(redis: Redis) -> int:
    """Those to the database of this test; others of the server belong to tests that run beside it."""
    number = str(redis.connection_pool.connection_kwargs["db"])
    return len([one for one in await redis.client_list() if one["db"] == number])


async def test_refusal_of_one_is_nobody_elses(redis: Redis) -> None:
    sha = await redis.script_load(ECHO)

    asked = (redis.evalsha(sha, 0, "a"), redis.evalsha("0" * 40, 0), redis.evalsha(sha, 0, "b"))
    answers: list[object] = await asyncio.gather(*asked, return_exceptions=True)

    assert (answers[0], answers[2]) == ([b"a"], [b"b"])
    assert isinstance(answers[1], NoScriptError)


async def test_who_gives_up_leaves_the_others_their_answers(redis: Redis) -> None:
    sha = await redis.script_load(ECHO)

    asked = [asyncio.ensure_future(redis.evalsha(sha, 0, str(number))) for number in range(3)]
    await asyncio.sleep(0)
    asked[1].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert (answers[0], answers[2]) == ([b"0"], [b"2"])
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await redis.evalsha(sha, 0, "next") == [b"next"]


async def test_lost_connection_is_told_to_everybody_and_nothing_is_sent_again(redis_url: str) -> None:
    limits = RedisLimits()
    async with Proxy(redis_url).running() as proxy:
        asker = create_redis(redis_url, limits)
        watch = new_redis_watch(asker, LivenessLimits(), RedisMemory())
        async with asker, watch.running(), create_redis(proxy.url, limits, watch=watch) as client:
            sha = await client.script_load("return {redis.call('INCR', 'count')}")
            proxy.set_mode(Mode.CUT_BEFORE_ANSWER, Direction.TO_CLIENT)

            answers = await asyncio.gather(*(client.evalsha(sha, 0) for _ in range(5)), return_exceptions=True)

            assert [type(answer) for answer in answers] == [RedisConnectionError] * 5
            assert await asker.get("count") == b"5"


async def test_nobody_waits_longer_for_an_answer_because_others_come_first() -> None:
    async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One after the other, each sooner than an answer may take after the one before it."""
        writers.append(writer)
        async for line in reader:
            if line == b"EVALSHA\r\n":
                await asyncio.sleep(limits.command_seconds / 2)
            if line in {b"EVALSHA\r\n", b"SETINFO\r\n"}:
                writer.write(b"+OK\r\n")

    writers: list[asyncio.StreamWriter] = []
    limits = RedisLimits(command_seconds=0.2)
    server = await asyncio.start_server(answer_slowly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    watch = LivenessWatch("redis", LivenessLimits(silence_seconds=15), lambda: asyncio.sleep(0), losses=LOSSES)
    async with server, create_redis(f"redis://127.0.0.1:{port}/0", limits, watch=watch) as client:
        asked = (client.evalsha("0" * 40, 0) for _ in range(10))
        answers = await asyncio.gather(*asked, return_exceptions=True)

        for writer in writers:
            writer.transport.abort()

    assert isinstance(answers[-1], TimeoutError)


async def test_command_that_cannot_be_sent_is_nobody_elses(redis: Redis) -> None:
    sha = await redis.script_load(ECHO)

    asked = (redis.evalsha(sha, 0, "a"), redis.evalsha(sha, 0, "\ud800"), redis.evalsha(sha, 0, "b"))
    answers: list[object] = await asyncio.gather(*asked, return_exceptions=True)

    assert (answers[0], answers[2]) == ([b"a"], [b"b"])
    assert isinstance(answers[1], UnicodeEncodeError)
