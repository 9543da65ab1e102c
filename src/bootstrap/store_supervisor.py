"""A program that runs the embedded stores for as long as somebody holds the other end of its standard input.

`python -m bootstrap.store_supervisor SPECIFICATION`, where SPECIFICATION is that class as JSON. On standard output it
writes one JSON object per line: its progress (`say`), then the addresses of the stores (`ready`) or an error
(`failed`). When its standard input ends, for any reason, it stops the stores and itself.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from bootstrap.embedded_postgres import PASSWORD_FILES, find_postgres
from bootstrap.embedded_redis import find_redis
from bootstrap.processes import Account, EmbeddedStore, StoreFailed, free_port, store_account
from bootstrap.store_restarts import RestartPauses, RunningStore
from telemetry import logs

# The stores of a crashed run may still be writing their last.
_LOCK_SECONDS: Final = 60.0
# Postgres may have a long log to replay. One that is started again is waited for longer, and said to be slow.
_START_SECONDS: Final = 120.0
# How often the start looks whether a store is ready.
_POLL_SECONDS: Final = 0.02
# How often a store that has died is looked for. The end of our own standard input is noticed at once.
_WATCH_SECONDS: Final = 0.1
# How long a store may take to end by itself, then when told to hurry; after that it is killed.
_STOP_SECONDS: Final = 20.0
_HURRY_SECONDS: Final = 5.0
# Between our finding a free port and the store taking it, another program may take it.
_PORT_TRIES: Final = 3
# Where the stores' files go when their account cannot reach the data directory.
_REACHABLE_BY_ALL: Final = Path("/var/lib/holdfast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The stores to run, and the folder of their files."""

    data_dir: str
    postgres: bool = True
    redis: bool = True
    durable: bool = True
    """True if data survive a power cut."""
    fake_redis: bool = False
    """True if fakeredis plays Redis even where there is a real one."""
    redis_databases: int = 16
    clean: bool = False
    """True if data of earlier runs are removed first."""
    superuser: bool = False
    """True if the URL of Postgres is that of its superuser, for tests that make databases and roles."""
    pauses: RestartPauses = field(default_factory=RestartPauses)
    log_level: logs.Level = "info"
    log_format: logs.Format = "console"

    @classmethod
    def from_json(cls, text: str) -> "Specification":
        """The reverse of `to_json`."""
        fields = json.loads(text)
        return cls(**fields | {"pauses": RestartPauses(**fields["pauses"])})

    def to_json(self) -> str:
        """As the supervisor's argument."""
        return json.dumps(asdict(self))


class _AskedToStop(Exception):
    """Nobody holds the other end of our standard input any more, or we were sent SIGTERM."""


def main() -> None:
    """Run the stores of the specification until standard input ends."""
    # A Ctrl-C at the terminal is for the one who started us, who then ends us.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    running: list[RunningStore] = []
    specification = Specification.from_json(sys.argv[1])
    logs.configure(specification.log_level, specification.log_format)
    try:
        _keep(specification, running)
    except _AskedToStop:
        pass
    except (StoreFailed, OSError) as error:
        _report(failed=str(error))
        sys.exit(1)
    finally:
        _stop(running)


def _keep(specification: Specification, running: list[RunningStore]) -> None:
    data_dir = Path(specification.data_dir)
    lock = _take_lock(data_dir / "stores.lock")
    if specification.clean:
        _remove_data(data_dir)
    account = store_account(data_dir / "stores" / "postgres")
    directory = _stores_directory(data_dir, account)
    urls = {}
    if specification.postgres:
        postgres = find_postgres(
            directory,
            secrets_directory=data_dir,
            account=account,
            durable=specification.durable,
            superuser=specification.superuser,
        )
        urls["database_url"] = _start(postgres, lock, specification.pauses, running)
    if specification.redis:
        redis = find_redis(
            directory,
            account=account,
            fake=specification.fake_redis,
            databases=specification.redis_databases,
            durable=specification.durable,
        )
        urls["redis_url"] = _start(redis, lock, specification.pauses, running)
    _report(ready=urls)
    _watch(running)


def _take_lock(path: Path) -> int:
    """Take the lock that says the stores of this data directory run; they inherit it, and so outlast no successor.

    Waits for those of a crashed run to end. Raises StoreFailed when they do not.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"the stores of an earlier run still hold {path}: find them with `fuser {path}`, and end them"
                raise StoreFailed(message) from None
            _pause(_POLL_SECONDS)
        else:
            return lock


def _remove_data(data_dir: Path) -> None:
    directory = data_dir / "stores"
    shutil.rmtree(directory.resolve(), ignore_errors=True)
    if directory.is_symlink():
        directory.unlink()
    for name in PASSWORD_FILES:
        (data_dir / name).unlink(missing_ok=True)


def _stores_directory(data_dir: Path, account: Account) -> Path:
    """The folder of the stores' files: `stores` in the data directory.

    It is a symbolic link to another place where we are root and the stores' account cannot reach the data directory
    (below /root, for one). Directories above ours are never opened up to others instead.
    """
    directory = data_dir / "stores"
    if not directory.exists():
        directory.unlink(missing_ok=True)
        if account.can("-x", data_dir):
            directory.mkdir()
            # Whatever the umask says: the account has to pass through. What lies inside is closed to others.
            directory.chmod(0o755)
        else:
            _REACHABLE_BY_ALL.mkdir(parents=True, exist_ok=True)
            _REACHABLE_BY_ALL.chmod(0o755)
            place = Path(tempfile.mkdtemp(dir=_REACHABLE_BY_ALL))
            place.chmod(0o755)
            directory.symlink_to(place)
            _report(say=f"The stores do not run as root, and their account cannot reach {data_dir}: they use {place}.")
    return directory.resolve()


def _start(store: EmbeddedStore, lock: int, pauses: RestartPauses, running: list[RunningStore]) -> str:
    """Start a store on a free port and wait until it answers; returns its URL."""
    _report(say=store.describe())
    store.prepare()
    for tries_left in reversed(range(_PORT_TRIES)):
        port = free_port()
        this = RunningStore(store, port, lock, pauses)
        running.append(this)
        if _becomes_ready(this):
            return store.url(port)
        said = "\n".join(store.log.read_text(errors="replace").splitlines()[-10:])
        if not this.has_ended or tries_left == 0 or "Address already in use" not in said:
            message = f"{store.name} did not start; the end of {store.log} says:\n{said}"
            raise StoreFailed(message)
        running.remove(this)
    raise AssertionError


def _becomes_ready(this: RunningStore) -> bool:
    """Wait until the store answers (true), or has ended or taken too long (false)."""
    deadline = time.monotonic() + _START_SECONDS
    while not this.has_ended and time.monotonic() < deadline:
        if this.is_ready():
            return True
        _pause(_POLL_SECONDS)
    return False


def _watch(running: list[RunningStore]) -> NoReturn:
    """Start again what dies, each store by itself and without end, until we are asked to stop."""
    while True:
        _pause(_WATCH_SECONDS)
        for this in running:
            this.look_after(_START_SECONDS)


def _stop(running: list[RunningStore]) -> None:
    """End all stores, in good order if they can."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    for wait in [this.stop(_STOP_SECONDS, _HURRY_SECONDS) for this in running]:
        wait()


def _pause(seconds: float) -> None:
    """Let time pass. Raises _AskedToStop as soon as standard input ends; nobody ever writes to it."""
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    if readable:
        raise _AskedToStop


def _ask_to_stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _AskedToStop


def _report(**said: object) -> None:
    # Whoever started us may be gone; that is noticed elsewhere.
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    main()
