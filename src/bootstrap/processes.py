"""Child processes that never outlive their parent and have no more rights than they need."""

import ctypes
import os
import pwd
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

# Accounts that exist on nearly every machine and own nothing of value, best first.
_UNPRIVILEGED: Final = ("postgres", "nobody")
_PR_SET_PDEATHSIG: Final = 1
# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StoreFailed(Exception):
    """An embedded store cannot be run; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account a store runs as."""

    uid: int
    gid: int

    @property
    def popen_arguments(self) -> dict[str, Any]:
        """Arguments of subprocess for a program of this account; none when it is ours already."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, test: str, path: Path) -> bool:
        """The answer of `test -r`, `-w` or `-x` about the path, for this account."""
        command = ["test", test, str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.popen_arguments).returncode == 0  # noqa: S603

    def own(self, path: Path) -> None:
        """Make a file or directory this account's."""
        os.chown(path, self.uid, self.gid)


class EmbeddedStore(Protocol):
    """A store on this machine that the supervisor can run."""

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    @property
    def log(self) -> Path:
        """The log of this run."""
        ...

    @property
    def stop_signal(self) -> int:
        """Makes it finish its work and end."""
        ...

    @property
    def hurry_signal(self) -> int:
        """Makes it end without finishing, yet in a state from which it recovers."""
        ...

    def describe(self) -> str:
        """The program that plays this store, in words."""
        ...

    def prepare(self) -> None:
        """Make its files, unless they are there."""
        ...

    def tidy(self) -> None:
        """Remove what a server that was killed has left behind and its successor would trip over."""
        ...

    def start(self, port: int, lock: int) -> "subprocess.Popen[bytes]":
        """Start it; it answers only when `is_ready`."""
        ...

    def is_ready(self, port: int, pid: int) -> bool:
        """True if it answers."""
        ...

    def url(self, port: int) -> str:
        """Its address for clients."""
        ...


def own_account() -> Account:
    """The account of this process."""
    return Account(uid=os.geteuid(), gid=os.getegid())


def store_account(existing: Path) -> Account:
    """The account for a store whose files are at `existing`: ours, or where we are root one without privileges.

    Postgres refuses to run as root. Files that are there already decide, so that a restart finds its own. Raises
    StoreFailed where we are root and there is nobody else.
    """
    if os.geteuid() != 0:
        return own_account()
    if existing.exists() and existing.stat().st_uid != 0:
        return Account(uid=existing.stat().st_uid, gid=existing.stat().st_gid)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    message = (
        f"Postgres does not run as root, and no account is named {' or '.join(_UNPRIVILEGED)}: run as another user"
    )
    raise StoreFailed(message)


def raise_descriptor_limit() -> int:
    """Let this process, and those it starts, open as many files as they may; the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS calls its limit infinite, and refuses it.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends, even by SIGKILL (Linux; elsewhere nothing)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def start(
    command: Sequence[str],
    *,
    account: Account,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
    lock: int,
    stop_signal: int,
    standard_input: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a server that the kernel stops when we end, and that keeps our lock taken for as long as it runs."""
    parent_pid = os.getpid()

    def before_exec() -> None:
        die_with_parent(stop_signal)
        if os.getppid() != parent_pid:
            os._exit(1)

    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            stdin=standard_input,
            stdout=output,
            stderr=output,
            cwd=directory,
            env=environment,
            pass_fds=(lock,),
            # Safe: the supervisor has one thread, and the function only makes system calls.
            preexec_fn=before_exec,  # noqa: PLW1509
            **account.popen_arguments,
        )


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
