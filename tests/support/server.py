"""`holdfast serve` as a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.support.engine import MASTER_KEY

_SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
_COMMAND: Final = [sys.executable, "-c", "from cli.main import main; main()", "serve"]
_LISTENS: Final = "Holdfast listens on "


# Longer than its grace.
_END_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that listens."""

    url: str
    process: asyncio.subprocess.Process
    log: bytearray = field(default_factory=bytearray)
    """What it has written; there when it has ended."""


@asynccontextmanager
async def running_server(
    database_url: str, redis_url: str, directory: Path, **settings: str
) -> AsyncIterator[ServerProcess]:
    """It runs the background loops too, and has none of the settings of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "OTEL_"))}
    environment |= {"HOLDFAST_DATABASE_URL": database_url, "HOLDFAST_REDIS_URL": redis_url, "HOLDFAST_PORT": "0"}
    environment |= {"HOLDFAST_LOOPS_IN_PROCESS": "true", "PYTHONPATH": str(_SOURCE)}
    # A busy machine is no silent store.
    environment |= {"HOLDFAST_STORE_SILENCE_MS": "5000"}
    # As those whom a test opened on the same stores.
    environment |= {"HOLDFAST_MASTER_KEY": MASTER_KEY, **settings}
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, cwd=directory, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = ""
    async for line in process.stderr:
        said += line.decode()
        if line.decode().startswith(_LISTENS):
            url = line.decode().removeprefix(_LISTENS).split()[0]
            break
    else:
        pytest.fail(f"the server did not come up: {said[-2000:]}")
    server = ServerProcess(url, process)
    draining = asyncio.create_task(process.stderr.read())
    try:
        yield server
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            process.kill()
        written = await draining
        server.log.extend(written)
