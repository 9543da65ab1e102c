"""The embedded stores of a server are killed again and again, by a kernel short of memory or by hand.

A store's eleventh death in the life of a server ended both stores for good, and nothing in the log said so.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import RedisError
from redis.asyncio import Redis

from bootstrap.processes import die_with_parent, free_port
from loadtests.abuse.engine import Engine, clean_environment
from loadtests.abuse.http import Client
from loadtests.abuse.report import Report

# It has stores and a server of its own.
BESIDE_VISITORS: Final = False
ENVIRONMENT: Final[Mapping[str, str]] = {}
_KILLS: Final = 15
# The longest pause before a start, the start, and the engine's own question whether the store is back.
_BACK_SECONDS: Final = 20.0
_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A server on embedded stores."""

    url: str
    data_dir: Path
    log: Path

    def postgres_pid(self) -> int | None:
        with suppress(OSError, IndexError, ValueError):
            return int((self.data_dir / "stores" / "postgres" / "postmaster.pid").read_text().split()[0])
        return None

    async def redis_pid(self) -> int | None:
        with suppress(OSError, ValueError, RedisError):
            url = json.loads((self.data_dir / "stores.json").read_text())["redis_url"]
            async with Redis.from_url(url, protocol=2) as client:
                return int((await client.info("server"))["process_id"])
        return None

    async def is_ready(self) -> bool:
        async with Client(self.url, patience_seconds=5.0) as client:
            return (await client.request("GET", "/readyz")).status == _OK


async def attack(engine: Engine, report: Report) -> None:
    """Kill Redis, then Postgres, each more often than it was started again once."""
    async with _serving(engine) as server:
        for store, pid_of, other, other_pid_of in (
            ("Redis", server.redis_pid, "Postgres", _now(server.postgres_pid)),
            ("Postgres", _now(server.postgres_pid), "Redis", server.redis_pid),
        ):
            bystander = await other_pid_of()
            outages = await _kill_again_and_again(server, pid_of)
            report.figure(f"{store}: kills after which the server was ready again", len(outages))
            report.figure(f"{store}: longest outage in s", max(outages, default=0.0))
            report.require(f"the server is ready again after {_KILLS} kills of {store}", len(outages) == _KILLS)
            report.require(
                f"{other} runs on while {store} is killed", bystander is not None and await other_pid_of() == bystander
            )
            said = [line for line in server.log.read_text().splitlines() if f'"store":"{store}"' in line]
            deaths = sum("embedded_store.ended" in line and "SIGKILL" in line for line in said)
            returns = sum("embedded_store.back" in line for line in said)
            report.figure(f"{store}: deaths and returns in the log", f"{deaths}, {returns}")
            report.require(f"the log tells of each death and return of {store}", min(deaths, returns) >= _KILLS)


def _now(pid_of: Callable[[], int | None]) -> Callable[[], Awaitable[int | None]]:
    async def ask() -> int | None:
        return pid_of()

    return ask


async def _kill_again_and_again(server: _Server, pid_of: Callable[[], Awaitable[int | None]]) -> list[float]:
    """Seconds of each outage; ends with the first one that does not."""
    outages: list[float] = []
    for _ in range(_KILLS):
        pid = await pid_of()
        if pid is None:
            break
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)

        async def is_back(killed: int = pid) -> bool:
            return await pid_of() not in {None, killed} and await server.is_ready()

        if not await _happens(is_back, _BACK_SECONDS):
            break
        outages.append(time.monotonic() - begin)
    return outages


@asynccontextmanager
async def _serving(engine: Engine) -> AsyncIterator[_Server]:
    """The server of that source on stores of its own, ready; ended with its stores when the block ends."""
    port, data_dir, log = free_port(), engine.directory / "own", engine.directory / "own.log"
    environment = clean_environment(engine.source) | {
        "HOLDFAST_DATA_DIR": str(data_dir),
        "HOLDFAST_PORT": str(port),
        "HOLDFAST_LOG_FORMAT": "json",
        "HOLDFAST_LOG_LEVEL": "warning",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from cli.main import main; main()",
            "serve",
            cwd=engine.directory,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
        )
    server = _Server(url=f"http://127.0.0.1:{port}", data_dir=data_dir, log=log)
    try:
        if not await _happens(server.is_ready, _START_SECONDS):
            message = f"the server did not become ready: {log.read_text()[-2000:]}"
            raise RuntimeError(message)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _happens(question: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """True as soon as the answer is yes; False after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await question():
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False
