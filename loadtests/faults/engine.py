"""The engine under test: its server and worker processes, each with its own way to the stores."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bootstrap.processes import die_with_parent, free_port
from loadtests.faults.receivers import ALLOWED, MASTER_KEY

ROOT: Final = Path(__file__).resolve().parents[2]
SERVERS: Final = ("api-1", "api-2")
WORKERS: Final = ("worker-1", "worker-2")
POSTGRES: Final = "postgres"
REDIS: Final = "redis"

_COMMAND: Final = (sys.executable, "-c", "from cli.main import main; main()")
# Far longer than a process takes to end by itself on a busy machine; then it is killed.
_END_SECONDS: Final = 30.0


def way(process: str, store: str) -> str:
    """The name of the proxy between a process and a store."""
    return f"{process} to {store}"


def ways(store: str, processes: Sequence[str] = (*SERVERS, *WORKERS)) -> list[str]:
    """Those of several processes."""
    return [way(process, store) for process in processes]


def clean_environment() -> dict[str, str]:
    """Ours, without settings of an engine, and with its source."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return found | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


@dataclass(kw_only=True)
class Member:
    """One process of the engine, which can be killed and started again."""

    name: str
    command: str
    environment: Mapping[str, str]
    directory: Path
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    @property
    def log(self) -> Path:
        """What it has to say, of all its lives."""
        return self.directory / f"{self.name}.log"

    async def start(self) -> None:
        """Start it; whether it is ready is another matter."""
        self.starts += 1
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def end(self) -> int:
        """SIGTERM, then its status."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_END_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            await self.kill()
            return -signal.SIGKILL

    def last_event(self, event: str) -> str:
        """When its log last had the event; empty: never."""
        found = ""
        for line in self.log.read_text(errors="replace").splitlines():
            if event in line:
                with suppress(ValueError):
                    found = json.loads(line)["timestamp"]
        return found


@dataclass(frozen=True, kw_only=True)
class Engine:
    """All processes, by name."""

    members: Mapping[str, Member]
    urls: Mapping[str, str]
    """Of the servers."""
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def elected(self) -> Member:
        """The worker that was elected last."""
        return max(
            (self.members[name] for name in WORKERS), key=lambda member: member.last_event("invalidator.elected")
        )


@asynccontextmanager
async def running_engine(directory: Path, urls: Mapping[str, str]) -> AsyncIterator[Engine]:
    """Servers and workers, for as long as the block lasts; `urls` has a proxy for each process and store."""
    ports = {name: free_port() for name in SERVERS}
    members = {
        name: Member(
            name=name,
            command="serve" if name in SERVERS else "worker",
            environment=_environment(name, urls, port=ports.get(name, 0)),
            directory=directory,
        )
        for name in (*SERVERS, *WORKERS)
    }
    engine = Engine(members=members, urls={name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
    try:
        for member in members.values():
            await member.start()
        yield engine
    finally:
        started = {name: member for name, member in members.items() if member.process is not None}
        statuses = await asyncio.gather(*(member.end() for member in started.values()))
        engine.ended.update(zip(started, statuses, strict=True))


async def audit(directory: Path, database_url: str, redis_url: str, *, repair: bool) -> dict[str, Any]:
    """What `holdfast audit` says, asked past the proxies."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        "audit",
        "--json",
        *(["--repair"] if repair else []),
        cwd=directory,
        env=clean_environment() | {"HOLDFAST_DATABASE_URL": database_url, "HOLDFAST_REDIS_URL": redis_url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, remarks = await process.communicate()
    if not answer:
        message = f"holdfast audit said nothing: {remarks.decode(errors='replace')[-2000:]}"
        raise RuntimeError(message)
    report: dict[str, Any] = json.loads(answer)
    return report


def _environment(name: str, urls: Mapping[str, str], *, port: int) -> dict[str, str]:
    # Time limits may be set from outside, for a machine on which nothing is answered in time.
    return {
        **os.environ,
        **clean_environment(),
        "HOLDFAST_DATABASE_URL": urls[way(name, POSTGRES)],
        "HOLDFAST_REDIS_URL": urls[way(name, REDIS)],
        "HOLDFAST_PORT": str(port),
        "HOLDFAST_WORKERS": "1",
        "HOLDFAST_LOOPS_IN_PROCESS": "false",
        # What the audit would mend meanwhile is what we want to find at the end.
        "HOLDFAST_AUDIT_SECONDS": "0",
        "HOLDFAST_MASTER_KEY": MASTER_KEY,
        "HOLDFAST_OUTBOUND_ALLOW": ALLOWED,
        # The clients hold and forget as much as they can.
        "HOLDFAST_HOLDS_PER_BUSINESS": "0",
        "HOLDFAST_RATES_PER_CREDENTIAL": "none",
        "HOLDFAST_RATES_PER_BACK_END": "none",
        "HOLDFAST_RATES_PER_BUSINESS": "none",
        "HOLDFAST_LOG_FORMAT": "json",
        # Of servers: a line per request would be a load of its own.
        "HOLDFAST_LOG_LEVEL": "warning" if name in SERVERS else "info",
    }
