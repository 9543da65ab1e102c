"""Embedded stores that die are started again without end, each by itself, and the log says what is going on."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from bootstrap.embedded import StoreUrls, await_stores, stop_store_supervisor
from bootstrap.store_restarts import RestartPauses
from bootstrap.store_supervisor import Specification
from tests.support.waiting import eventually

_SOURCE: Final = Path(__file__).resolve().parents[3] / "src"
_KILLS: Final = 15
_PAUSES: Final = RestartPauses(first=0.01, longest=0.1)


class _Stores:
    """Stores in a data directory, and what their supervisor has written to standard error."""

    def __init__(self, data_dir: Path, urls: StoreUrls, errors: Path) -> None:
        self.data_dir = data_dir
        self.errors = errors
        assert urls.database_url is not None
        assert urls.redis_url is not None
        self.database_url, self.redis_url = urls.database_url, urls.redis_url

    def postgres_pid(self) -> int:
        return int((self.data_dir / "stores" / "postgres" / "postmaster.pid").read_text().split()[0])

    async def redis_pid(self) -> int | None:
        with suppress(redis.RedisError), closing(redis.Redis.from_url(self.redis_url, protocol=2)) as client:
            return int(client.info("server")["process_id"])
        return None

    async def answering_postgres_pid(self) -> int | None:
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(self.database_url)
            await connection.close()
            return self.postgres_pid()
        return None

    async def await_redis(self, *, other_than: int) -> int:
        async def is_back() -> bool:
            return await self.redis_pid() not in {None, other_than}

        await eventually(is_back)
        pid = await self.redis_pid()
        assert pid is not None
        return pid

    async def await_log(self, pattern: str, count: int = 1) -> None:
        async def is_said() -> bool:
            return len(re.findall(pattern, self.errors.read_text())) >= count

        await eventually(is_said)


@contextmanager
def _running(pauses: RestartPauses = _PAUSES) -> Iterator[_Stores]:
    # Not pytest's own place for temporary files, which only its owner can reach.
    directory = Path(tempfile.mkdtemp(prefix="holdfast-restarts-"))
    directory.chmod(0o711)
    specification = Specification(data_dir=str(directory), durable=False, pauses=pauses)
    with (directory / "errors").open("wb") as errors:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "bootstrap.store_supervisor", specification.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": str(_SOURCE)},
        )
    try:
        yield _Stores(directory, await_stores(supervisor, lambda _sentence: None), directory / "errors")
    finally:
        stop_store_supervisor(supervisor)
        shutil.rmtree((directory / "stores").resolve())
        shutil.rmtree(directory)


@pytest.fixture
def stores() -> Iterator[_Stores]:
    with _running() as running:
        yield running


async def test_redis_that_is_killed_again_and_again_comes_back_and_postgres_stays(stores: _Stores) -> None:
    postgres = stores.postgres_pid()
    pid = await stores.redis_pid()
    assert pid is not None

    for kill in range(1, _KILLS + 1):
        os.kill(pid, signal.SIGKILL)
        pid = await stores.await_redis(other_than=pid)
        await stores.await_log(r"embedded_store\.back.*store=Redis", kill)

    assert await stores.answering_postgres_pid() == postgres
    await stores.await_log(r"embedded_store\.ended.*killed by SIGKILL", _KILLS)


async def test_postgres_that_is_killed_again_and_again_comes_back_and_redis_stays(stores: _Stores) -> None:
    redis_pid = await stores.redis_pid()
    pid = stores.postgres_pid()

    for kill in range(1, _KILLS + 1):
        os.kill(pid, signal.SIGKILL)
        killed = pid

        async def is_back(killed: int = killed) -> bool:
            return await stores.answering_postgres_pid() not in {None, killed}

        await eventually(is_back)
        pid = stores.postgres_pid()
        await stores.await_log(r"embedded_store\.back.*store=Postgres", kill)

    assert await stores.redis_pid() == redis_pid


def _take_port(stores: _Stores) -> Callable[[], None]:
    """Let another program have the port of Redis, as soon as it is free."""
    address = ("127.0.0.1", urlsplit(stores.redis_url).port)
    thief = socket.socket()
    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    thief.bind(address)
    thief.listen()
    return thief.close


def _break_files(stores: _Stores) -> Callable[[], None]:
    """Take away the folder of its files."""
    files, away = stores.data_dir / "stores" / "redis", stores.data_dir / "stores" / "away"
    files.rename(away)

    def mend() -> None:
        away.rename(files)

    return mend


async def test_store_that_cannot_be_started_is_tried_again_until_its_port_is_free() -> None:
    # So long a pause that the port can be taken meanwhile.
    with _running(RestartPauses(first=0.5, longest=0.5)) as stores:
        postgres, pid = stores.postgres_pid(), await stores.redis_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await stores.await_log(r"killed by SIGKILL")
        mend = _take_port(stores)

        await stores.await_log(r"exit status 1.*Failed listening on port", 3)
        mend()

        await stores.await_redis(other_than=pid)
        assert await stores.answering_postgres_pid() == postgres


async def test_store_that_cannot_be_started_is_tried_again_until_its_files_are_back(stores: _Stores) -> None:
    pid = await stores.redis_pid()
    assert pid is not None
    mend = _break_files(stores)
    os.kill(pid, signal.SIGKILL)

    await stores.await_log(r"cannot be started: .*No such file or directory", 12)
    mend()

    await stores.await_redis(other_than=pid)


async def test_postgres_with_a_corrupt_file_is_tried_again_until_it_is_mended(stores: _Stores) -> None:
    redis_pid, pid = await stores.redis_pid(), stores.postgres_pid()
    control = stores.data_dir / "stores" / "postgres" / "global" / "pg_control"
    whole = control.read_bytes()
    os.kill(pid, signal.SIGKILL)
    control.write_bytes(b"nonsense")

    await stores.await_log(r"store=Postgres", 12)
    await stores.await_log(r"last_line='.*(FATAL|PANIC):", 3)
    control.write_bytes(whole)

    async def is_back() -> bool:
        return await stores.answering_postgres_pid() not in {None, pid}

    await eventually(is_back)
    assert await stores.redis_pid() == redis_pid
