"""The engine under attack: stores, one server process, and a business."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bootstrap.processes import die_with_parent, free_port
from loadtests.abuse.http import Answer, Client
from loadtests.business import document

ROOT: Final = Path(__file__).resolve().parents[2]
_COMMAND: Final = (sys.executable, "-c", "from cli.main import main; main()")
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The credentials of a business."""

    tenant_id: str
    secret: str
    publishable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One server process on stores of its own, with the business of `loadtests.business`."""

    url: str
    keys: Keys
    database_url: str
    redis_url: str
    directory: Path
    server_pid: int
    source: Path
    """The checkout whose code is served."""
    environment: Mapping[str, str]
    """For more processes of that engine."""
    minutes: float = 1.0
    """Duration of each bot, in minutes."""
    has_spread_bot: bool = False
    """True: a bot whose addresses have nothing in common, in place of the others."""

    @property
    def secret_key(self) -> str:
        """A credential of the business's back end."""
        return self.keys.secret

    @property
    def publishable_key(self) -> str:
        """The credential that every visitor of the business's page can read."""
        return self.keys.publishable

    @property
    def log(self) -> Path:
        """The server's output."""
        return self.directory / "server.log"

    async def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        async with Client(self.url) as client:
            return await client.request(method, path, key=key, body=body, headers=headers)

    async def new_business(self, content: Mapping[str, Any] | None = None, *, sandbox: bool = False) -> Keys:
        """Another business, with that document."""
        arguments = ["tenant", "create", "Abuse", "--json", *(["--sandbox"] if sandbox else [])]
        made = json.loads(await command(self.environment, self.directory, *arguments))
        keys = Keys(tenant_id=made["id"], secret=made["secret_key"], publishable=made["publishable_key"])
        if content is not None:
            answer = await self.request("PUT", "/v1/business", key=keys.secret, body=dict(content))
            if answer.status != 200:  # noqa: PLR2004
                message = f"the document was refused: {answer.body.decode(errors='replace')[:2000]}"
                raise RuntimeError(message)
        return keys


async def command(environment: Mapping[str, str], directory: Path, *arguments: str) -> str:
    """Return the output of a command of `holdfast`. Raises RuntimeError where it fails."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        *arguments,
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, remarks = await process.communicate()
    if process.returncode:
        message = f"holdfast {arguments[0]} failed: {remarks.decode(errors='replace')[-2000:]}"
        raise RuntimeError(message)
    return output.decode()


def clean_environment(source: Path) -> dict[str, str]:
    """Ours, without settings of an engine, and with that source."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "OTEL_"))}
    return found | {"PYTHONPATH": os.pathsep.join([str(source / "src"), str(source)])}


@asynccontextmanager
async def running_engine(
    directory: Path, *, source: Path, database_url: str, redis_url: str, settings: Mapping[str, str]
) -> AsyncIterator[Engine]:
    """A server that answers, with a business; ended when the block ends."""
    port = free_port()
    environment = clean_environment(source) | {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_REDIS_URL": redis_url,
        "HOLDFAST_PORT": str(port),
        "HOLDFAST_LOOPS_IN_PROCESS": "true",
        "HOLDFAST_LOG_LEVEL": "warning",
        "HOLDFAST_LOG_FORMAT": "json",
        **settings,
    }
    await command(environment, directory, "migrate")
    url = f"http://127.0.0.1:{port}"
    with (directory / "server.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            "serve",
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
        )
    try:
        await _await_ready(url, process)
        engine = Engine(
            url=url,
            keys=Keys(tenant_id="", secret="", publishable=""),
            database_url=database_url,
            redis_url=redis_url,
            directory=directory,
            server_pid=process.pid,
            source=source,
            environment=environment,
        )
        yield replace(engine, keys=await engine.new_business(document()))
    finally:
        await _end(process)


async def _await_ready(url: str, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline and process.returncode is None:
        async with Client(url, patience_seconds=1.0) as client:
            if (await client.request("GET", "/readyz")).status == 200:  # noqa: PLR2004
                return
        await asyncio.sleep(_POLL_SECONDS)
    message = "the server did not become ready"
    raise RuntimeError(message)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
