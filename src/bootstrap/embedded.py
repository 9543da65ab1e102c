"""The embedded stores as the rest of the program sees them: started, shared, and stopped with their owner.

Two locks in the data directory keep order. `owner.lock` is held by the process that owns the stores, and ends with it;
`stores.lock` is held by the stores themselves (bootstrap.store_supervisor), so no second pair starts on files that the
first still uses, even after a crash.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from bootstrap.embedded_key import master_key_in
from bootstrap.processes import StoreFailed
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from customers.erasures.journal import NAME as JOURNAL
from telemetry import logs

# Below the data directory: the stores of `holdfast demo`, which starts by throwing its data away.
DEMO_DIRECTORY: Final = "demo"
# Below the data directory: mails, where no server is set that sends them.
MAIL_DIRECTORY: Final = "mail"
# How long a command waits for another one on the same data directory; `apply` of a large business takes a few seconds.
_TURN_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.05
# A store that is up accepts a connection on the loopback interface at once.
_PROBE_SECONDS: Final = 1.0
# The supervisor gives each store 25 s to end; see there.
_SUPERVISOR_STOP_SECONDS: Final = 60.0


class Use(StrEnum):
    """The purpose of the stores."""

    SERVE = "serve"
    """By a server: nobody else may have them, others may join."""
    COMMAND = "command"
    """By a command: those of a running server, else its own for as long as it takes."""


class AlreadyServed(StoreFailed):
    """Another server runs on the same data directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrls:
    """The addresses of the stores; None for a store that was not asked for."""

    database_url: str | None
    redis_url: str | None


@contextmanager
def stores_for(
    settings: Settings, *, use: Use, announce: Callable[[str], None], clean: bool = False
) -> Iterator[Settings]:
    """The settings with both URLs, embedded stores running behind those that were unset.

    `clean` removes what embedded stores kept from earlier runs. Raises AlreadyServed or StoreFailed. When the block
    ends, in whatever way, so do the stores it started.
    """
    if settings.database_url is not None and settings.redis_url is not None:
        yield settings
        return
    data_dir = settings.data_dir
    if use is Use.COMMAND and not _is_in_use(data_dir) and _is_in_use(data_dir / DEMO_DIRECTORY):
        # Whoever gives a command while a demo runs means the demo.
        data_dir = data_dir / DEMO_DIRECTORY
    with embedded_stores(
        data_dir,
        need_postgres=settings.database_url is None,
        need_redis=settings.redis_url is None,
        use=use,
        announce=announce,
        clean=clean,
        log_level=settings.log_level,
        log_format=settings.log_format,
    ) as urls:
        yield settings.model_copy(
            update={
                "database_url": settings.database_url or urls.database_url,
                "redis_url": settings.redis_url or urls.redis_url,
                # Of a database of one's own, any number of nodes may exist: there the key is a setting.
                "master_key": settings.master_key or (master_key_in(data_dir) if settings.database_url is None else ""),
                "erasure_journal": settings.erasure_journal
                or (data_dir / JOURNAL if settings.database_url is None else None),
                "mail_dir": settings.mail_dir or (data_dir / MAIL_DIRECTORY if settings.database_url is None else None),
            }
        )


@contextmanager
def embedded_stores(
    data_dir: Path,
    *,
    need_postgres: bool,
    need_redis: bool,
    use: Use,
    announce: Callable[[str], None],
    clean: bool = False,
    log_level: logs.Level = "info",
    log_format: logs.Format = "console",
) -> Iterator[StoreUrls]:
    """Stores with their files in `data_dir`, for as long as the block runs.

    Raises AlreadyServed or StoreFailed. Nothing is left running when the block ends, nor when this process is killed.
    """
    directory = data_dir.resolve()
    try:
        _make_private(directory)
        lock = os.open(directory / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        message = f"the data directory {directory} cannot be used: {error.strerror}; set HOLDFAST_DATA_DIR"
        raise StoreFailed(message) from error
    register = directory / "stores.json"
    try:
        served = _own_or_join(lock, register, use)
        if served is not None:
            _require(served, need_postgres=need_postgres, need_redis=need_redis, data_dir=directory)
            yield served
            return
        _register(register, use, StoreUrls(database_url=None, redis_url=None))
        specification = Specification(
            data_dir=str(directory),
            postgres=need_postgres,
            redis=need_redis,
            clean=clean,
            log_level=log_level,
            log_format=log_format,
        )
        with kept_stores(specification, announce=announce) as urls:
            _register(register, use, urls)
            yield urls
        register.unlink(missing_ok=True)
    finally:
        os.close(lock)


@contextmanager
def kept_stores(specification: Specification, *, announce: Callable[[str], None]) -> Iterator[StoreUrls]:
    """Stores run by a supervisor of our own, which takes no lock but `stores.lock`. Raises StoreFailed."""
    supervisor = start_store_supervisor(specification, lifeline=subprocess.PIPE)
    try:
        yield await_stores(supervisor, announce)
    finally:
        stop_store_supervisor(supervisor)


def start_store_supervisor(specification: Specification, *, lifeline: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start a supervisor that lives until `lifeline`, its standard input, ends."""
    source = str(Path(__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))}
    return subprocess.Popen(  # noqa: S603 - the command is ours
        [sys.executable, "-m", "bootstrap.store_supervisor", specification.to_json()],
        stdin=lifeline,
        stdout=subprocess.PIPE,
        env=environment,
        # Out of the terminal's reach: a Ctrl-C is for us, and the stores must last until we have finished with them.
        start_new_session=True,
    )


def await_stores(supervisor: "subprocess.Popen[bytes]", announce: Callable[[str], None]) -> StoreUrls:
    """The addresses of the supervisor's stores, once they answer. Raises StoreFailed when they never will."""
    assert supervisor.stdout is not None
    for line in supervisor.stdout:
        match json.loads(line):
            case {"say": str(sentence)}:
                announce(sentence)
            case {"ready": dict(urls)}:
                return StoreUrls(database_url=urls.get("database_url"), redis_url=urls.get("redis_url"))
            case {"failed": str(reason)}:
                raise StoreFailed(reason)
            case unknown:
                message = f"the supervisor said {unknown}"
                raise AssertionError(message)
    message = "the process that runs the embedded stores ended before they were up"
    raise StoreFailed(message)


def stop_store_supervisor(supervisor: "subprocess.Popen[bytes]") -> None:
    """Let go of the supervisor, and wait until it has stopped its stores."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(_SUPERVISOR_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The kernel then stops the stores (see processes.start).
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
    if supervisor.stdout is not None:
        supervisor.stdout.close()


def _own_or_join(lock: int, register: Path, use: Use) -> StoreUrls | None:
    """None when the data directory is ours now; else the stores of the server that has it.

    A command waits for another command, and for a server that is starting. Raises AlreadyServed to a second server.
    """
    deadline = time.monotonic() + _TURN_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            entry = _read(register)
        else:
            return None
        if entry.get("use") == Use.SERVE:
            if use is Use.SERVE:
                message = f"the data directory {register.parent} is already served by pid {entry.get('pid')}"
                raise AlreadyServed(message)
            urls = StoreUrls(database_url=entry.get("database_url"), redis_url=entry.get("redis_url"))
            if _answer(urls):
                return urls
        if time.monotonic() > deadline:
            message = (
                f"pid {entry.get('pid', 'unknown')} has been using the data directory {register.parent} for too long"
            )
            raise StoreFailed(message)
        time.sleep(_POLL_SECONDS)


def _is_in_use(data_dir: Path) -> bool:
    """True if a process holds the stores of the data directory at this moment."""
    try:
        with (data_dir / "owner.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _answer(urls: StoreUrls) -> bool:
    """True if the stores are up; the register may be that of a crashed run whose successor is just starting."""
    present = [urlsplit(url) for url in (urls.database_url, urls.redis_url) if url is not None]
    for url in present:
        try:
            socket.create_connection((url.hostname, url.port), timeout=_PROBE_SECONDS).close()
        except OSError:
            return False
    return present != []


def _require(urls: StoreUrls, *, need_postgres: bool, need_redis: bool, data_dir: Path) -> None:
    if (need_postgres and urls.database_url is None) or (need_redis and urls.redis_url is None):
        message = (
            f"the server on {data_dir} was given HOLDFAST_DATABASE_URL or HOLDFAST_REDIS_URL: "
            "give this command the same ones"
        )
        raise StoreFailed(message)


def _make_private(directory: Path) -> None:
    """Make the data directory, unless it is there.

    Where we are root others may pass through it, not look: the stores' account has to.
    """
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _register(path: Path, use: Use, urls: StoreUrls) -> None:
    """Tell other processes who uses the stores and where they are; only our own account may read it."""
    entry = {"pid": os.getpid(), "use": use, "database_url": urls.database_url, "redis_url": urls.redis_url}
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(entry, file)
    draft.replace(path)


def _read(path: Path) -> dict[str, Any]:
    """The entries of the register; none when it is not there yet."""
    with suppress(OSError, ValueError):
        entry: dict[str, Any] = json.loads(path.read_text())
        return entry
    return {}
