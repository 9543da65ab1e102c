"""The processes that a run measures or measures with."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from benchmark.client import BrokenExchange, Server, ask
from benchmark.measures import SERVER
from benchmark.processors import Clock, Clocks
from bootstrap.processes import die_with_parent, free_port

# Starting Python and importing everything takes seconds on a busy machine.
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_OK: Final = 200
_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = (str(_ROOT / "src"), str(_ROOT / "tools"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A server that this process has started."""

    server: Server
    pid: int


@contextmanager
def bare_server(options: Mapping[str, Any]) -> Iterator[Server]:
    """benchmark.bare with these options of uvicorn, for as long as the block runs."""
    with _child([sys.executable, "-m", "benchmark.bare", json.dumps(options)], {}) as process:
        yield _announced(process, key="bare")


@contextmanager
def echo_server(size: int) -> Iterator[Server]:
    """benchmark.echo with answers of that many bytes, for as long as the block runs."""
    with _child([sys.executable, "-m", "benchmark.echo", str(size)], {}) as process:
        yield _announced(process, key="echo")


@contextmanager
def engine_server(environment: Mapping[str, str], *, log: Path) -> Iterator[Child]:
    """`holdfast serve` with these settings, for as long as the block runs; `await_ready` knows when it is up."""
    port = free_port()
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve"]
    environment = {**environment, "HOLDFAST_PORT": str(port)}
    with log.open("w") as output, _child(command, environment, errors=output) as process:
        yield Child(server=Server(url=f"http://127.0.0.1:{port}", clocks=_clocks(process)), pid=process.pid)


async def await_ready(child: Child) -> None:
    """Wait until the engine can serve requests. Raises BrokenExchange when it never does."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            status, _ = await ask(child.server, "GET", "/readyz")
        except (BrokenExchange, OSError):
            status = 0
        if status == _OK:
            return
        if time.monotonic() > deadline:
            message = f"the engine on {child.server.url} does not come up"
            raise BrokenExchange(message)
        await asyncio.sleep(_POLL_SECONDS)


def resident_bytes(pid: int) -> int:
    """Memory that a process has now (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    message = f"the kernel does not say what memory process {pid} has"
    raise AssertionError(message)


@contextmanager
def _child(
    command: list[str], environment: Mapping[str, str], *, errors: IO[str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    path = os.pathsep.join(filter(None, [*_PACKAGES, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603 - the commands are ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if errors is None else errors,
        env={**os.environ, "PYTHONPATH": path, **environment},
        text=True,
        # Safe: it makes one system call. Nothing that we have started is left when we are killed.
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _announced(process: "subprocess.Popen[str]", *, key: str) -> Server:
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        message = f"a server of the benchmark's own ended before it was up: {process.args!r}"
        raise BrokenExchange(message)
    return Server(url=f"http://127.0.0.1:{port}", key=key, clocks=_clocks(process))


def _clocks(process: "subprocess.Popen[str]") -> Clocks:
    return Clocks({SERVER: Clock(process.pid)})
