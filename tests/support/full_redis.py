"""A Redis of one test's own, whose memory is full when the test says so."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from bootstrap.processes import die_with_parent, free_port

_DEADLINE_SECONDS: Final = 40.0
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class OwnRedis:
    """One server, which drops nothing to make room."""

    port: int

    @property
    def url(self) -> str:
        """Its address for the engine."""
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *command: str | int) -> Any:
        """The answer to a command."""
        with redis.Redis(port=self.port, socket_timeout=_DEADLINE_SECONDS, protocol=2) as client:
            return client.execute_command(*command)

    def fill(self) -> None:
        """Leave no memory: every write that could take some is refused."""
        self.ask("CONFIG", "SET", "maxmemory", 1)

    def limit(self, share: float) -> None:
        """Let it have that share of what it uses by now."""
        self.ask("CONFIG", "SET", "maxmemory", int(self.ask("INFO", "memory")["used_memory"] * share))

    def free(self) -> None:
        """Give it all the memory there is."""
        self.ask("CONFIG", "SET", "maxmemory", 0)

    def contents(self) -> dict[bytes, bytes]:
        """Every key with its value, as Redis would write it to a disk."""
        with redis.Redis(port=self.port, protocol=2) as client:
            return {key: client.dump(key) or b"" for key in client.scan_iter(count=1000)}


@contextmanager
def running_redis(directory: Path) -> Iterator[OwnRedis]:
    """A server that ends with the block, or with this process."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.fail("These tests need a redis-server or valkey-server.", pytrace=False)
    server = OwnRedis(free_port())
    options = ("--bind", "127.0.0.1", "--port", str(server.port), "--save", "", "--maxmemory-policy", "noeviction")
    process = subprocess.Popen(
        [program, *options],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one call of the system
    )
    try:
        _await_server(server.port)
        yield server
    finally:
        process.kill()
        process.wait()


def _await_server(port: int) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(_POLL_SECONDS)
        else:
            return
