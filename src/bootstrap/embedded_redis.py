"""The embedded Redis: which program plays it, and how it is started."""

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstrap import processes
from bootstrap.processes import Account, StoreFailed

_PROGRAMS: Final = ("redis-server", "valkey-server")
_PACKAGE: Final = "fakeredis"
# Nothing of ours may change what the store does.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}
# One try of the readiness check.
_PING_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """One Redis and its files."""

    directory: Path
    """Holds `redis/` (the append-only files) and the log."""
    account: Account
    program: Path | None
    """None: the fakeredis server plays it."""
    password: str
    databases: int
    durable: bool
    """True if its data survive a restart. Tests do without."""

    name = "Redis"
    stop_signal = signal.SIGTERM
    hurry_signal = signal.SIGKILL

    @property
    def files(self) -> Path:
        """The folder of its data."""
        return self.directory / "redis"

    @property
    def log(self) -> Path:
        """The log of this run."""
        return self.directory / "redis.log"

    def describe(self) -> str:
        """The program that plays Redis, in words."""
        if self.program is not None:
            return f"Redis: {self.program}, files in {self.files}"
        return (
            "Redis: the fakeredis server, since there is no redis-server or valkey-server on the PATH. It is slower, "
            "and holds do not survive a restart: install one of the two for real use."
        )

    def prepare(self) -> None:
        """Make the directory of its files, unless it is there."""
        if not self.files.exists():
            self.files.mkdir(mode=0o700)
            self.account.own(self.files)

    def tidy(self) -> None:
        """Nothing: it repairs the end of its own file."""

    def start(self, port: int, lock: int) -> "subprocess.Popen[bytes]":
        """Start the server; it answers only when `is_ready`."""
        if self.program is None:
            return self._start_fake(port, lock)
        server = processes.start(
            [str(self.program), "-"],
            account=self.account,
            directory=self.files,
            environment=_ENVIRONMENT,
            log=self.log,
            lock=lock,
            stop_signal=self.stop_signal,
            standard_input=subprocess.PIPE,
        )
        assert server.stdin is not None
        # By standard input, because everybody on the machine can read a command line. A server that has ended by then
        # is noticed by those who wait for it.
        with suppress(BrokenPipeError), server.stdin as configuration:
            configuration.write(self._configuration(port).encode())
        return server

    def is_ready(self, port: int, pid: int) -> bool:
        """True if it answers, with its files loaded."""
        del pid
        commands = [["AUTH", self.password], ["PING"]] if self.program else [["PING"]]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_PING_SECONDS) as connection:
                connection.sendall(b"".join(_encoded(command) for command in commands))
                replies = connection.makefile("rb")
                return [replies.readline() for _ in commands][-1] == b"+PONG\r\n"
        except OSError:
            return False

    def url(self, port: int) -> str:
        """Its address for clients."""
        return f"redis://:{self.password}@127.0.0.1:{port}/0" if self.program else f"redis://127.0.0.1:{port}/0"

    def _start_fake(self, port: int, lock: int) -> "subprocess.Popen[bytes]":
        return processes.start(
            [sys.executable, "-m", "bootstrap.fake_redis", str(port)],
            # It needs this interpreter and our source, which another account may not reach.
            account=processes.own_account(),
            directory=Path("/"),
            environment=os.environ,
            log=self.log,
            lock=lock,
            stop_signal=self.stop_signal,
        )

    def _configuration(self, port: int) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {self.password}",
            f'dir "{self.files}"',
            f"databases {self.databases}",
            "daemonize no",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            # Far more than the holds and bitmaps of one machine's businesses. No hold ever goes to make room: past it
            # nothing is held until something has expired, and days are read from Postgres long before.
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"


def find_redis(directory: Path, *, account: Account, fake: bool, databases: int, durable: bool) -> Redis:
    """A Redis played by the first program on the PATH that the account may run, else by fakeredis.

    Raises StoreFailed where there is neither.
    """
    found = [] if fake else [Path(path) for name in _PROGRAMS if (path := shutil.which(name)) is not None]
    program = next((program for program in found if account.can("-x", program)), None)
    if program is None and importlib.util.find_spec(_PACKAGE) is None:
        message = (
            f"there is no {' or '.join(_PROGRAMS)} on the PATH, and the package {_PACKAGE} is not installed; "
            "set HOLDFAST_REDIS_URL to use another Redis"
        )
        raise StoreFailed(message)
    return Redis(
        directory=directory,
        account=account,
        program=program,
        password=secrets.token_urlsafe(24),
        databases=databases,
        durable=durable,
    )


def _encoded(words: list[str]) -> bytes:
    """A command as Redis reads it."""
    parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
    return "".join(parts).encode()
