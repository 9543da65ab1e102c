"""`holdfast worker`, as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.engine import MASTER_KEY

pytestmark = pytest.mark.own_database

_SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
_COMMAND: Final = [sys.executable, "-c", "from cli.main import main; main()", "worker"]


async def test_worker_keeps_form_and_niceness_of_its_settings(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment |= {"HOLDFAST_DATABASE_URL": database_url, "HOLDFAST_REDIS_URL": redis_url}
    environment |= {
        "HOLDFAST_LOG_FORMAT": "json",
        "HOLDFAST_WORKER_NICE": "3",
        "HOLDFAST_MASTER_KEY": MASTER_KEY,
        "PYTHONPATH": str(_SOURCE),
    }
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None

    try:
        async with asyncio.timeout(60):
            lines = [await process.stderr.readline()]
            niceness = os.getpriority(os.PRIO_PROCESS, process.pid)
            process.send_signal(signal.SIGTERM)
            lines += (await process.stderr.read()).splitlines()
            # Before it is asked whether it is to be killed: to kill what has just ended takes its status away.
            status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert "invalidator.elected" in {json.loads(line)["event"] for line in lines}
    assert niceness == os.getpriority(os.PRIO_PROCESS, 0) + 3
    assert status == 0
