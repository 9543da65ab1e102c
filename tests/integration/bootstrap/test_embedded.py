import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import redis

from bootstrap.embedded import (
    AlreadyServed,
    StoreUrls,
    Use,
    await_stores,
    embedded_stores,
    kept_stores,
    start_store_supervisor,
    stores_for,
)
from bootstrap.embedded_postgres import find_postgres
from bootstrap.processes import Account, StoreFailed, store_account
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification

_SOURCE: Final = Path(__file__).resolve().parents[3] / "src"
# A process that has the stores of a data directory, says so, and then waits to be killed.
_OWNER: Final = """
import signal, sys
from pathlib import Path
from bootstrap.embedded import Use, embedded_stores

# Whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with embedded_stores(Path(sys.argv[1]), need_postgres=True, need_redis=True, use=Use.SERVE, announce=lambda _: None):
    print("up", flush=True)
    signal.pause()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not pytest's own place for temporary files, which only its owner can reach.
    parent = Path(tempfile.mkdtemp(prefix="holdfast-data-"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree((parent / "data" / "stores").resolve(), ignore_errors=True)
    shutil.rmtree(parent)


@contextmanager
def _stores(data_dir: Path, use: Use = Use.SERVE) -> Iterator[StoreUrls]:
    with embedded_stores(data_dir, need_postgres=True, need_redis=True, use=use, announce=_ignore) as urls:
        yield urls


@contextmanager
def _owner_process(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _OWNER, str(data_dir)]
    environment = os.environ | {"PYTHONPATH": str(_SOURCE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        yield owner
        owner.kill()


async def test_stores_keep_their_data_when_started_again(data_dir: Path) -> None:
    with _stores(data_dir) as urls:
        await _execute(urls, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('kept')")
        with _redis(urls) as client:
            client.set("kept", "kept")

    with _stores(data_dir) as urls:
        word = await _fetch(urls, "SELECT word FROM kept")
        with _redis(urls) as client:
            value = client.get("kept")

    assert (word, value) == ("kept", b"kept")


def test_second_server_is_refused_by_pid_of_the_first(data_dir: Path) -> None:
    with (
        _owner_process(data_dir) as owner,
        pytest.raises(AlreadyServed, match=f"already served by pid {owner.pid}$"),
        _stores(data_dir),
    ):
        pass


def test_command_joins_the_stores_of_a_server(data_dir: Path) -> None:
    with _stores(data_dir) as served:
        with _stores(data_dir, Use.COMMAND) as joined:
            pass

        with _redis(served) as client:
            answer = client.ping()

    assert joined == served
    assert answer is True


def test_command_is_refused_when_the_server_has_only_one_of_the_stores(data_dir: Path) -> None:
    with (
        embedded_stores(data_dir, need_postgres=False, need_redis=True, use=Use.SERVE, announce=_ignore),
        pytest.raises(StoreFailed, match="HOLDFAST_DATABASE_URL"),
        _stores(data_dir, Use.COMMAND),
    ):
        pass


def test_nothing_runs_when_the_block_ends(data_dir: Path) -> None:
    with _stores(data_dir) as urls:
        pass

    assert _is_free(data_dir)
    with _redis(urls) as client, pytest.raises(redis.ConnectionError):
        client.ping()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_runs_and_next_start_works_when_the_owner_is_killed(data_dir: Path, death: signal.Signals) -> None:
    with _owner_process(data_dir) as owner:
        owner.send_signal(death)
        owner.wait()

    _wait_until_free(data_dir)
    with _stores(data_dir) as urls, _redis(urls) as client:
        assert client.ping() is True


def test_nothing_runs_when_the_store_supervisor_is_killed(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o711)
    supervisor = start_store_supervisor(Specification(data_dir=str(data_dir)), lifeline=subprocess.PIPE)
    with supervisor:
        await_stores(supervisor, _ignore)

        supervisor.kill()

    _wait_until_free(data_dir)


def test_next_start_works_when_the_pid_of_a_crashed_server_is_another_programs(data_dir: Path) -> None:
    with _stores(data_dir):
        pid_file = data_dir / "stores" / "postgres" / "postmaster.pid"
        written = pid_file.read_text().splitlines()
    account = store_account(data_dir / "stores" / "postgres")
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *written[1:], ""]))
        account.own(pid_file)

        with _stores(data_dir) as urls, _redis(urls) as client:
            assert client.ping() is True


def test_stores_run_without_privileges(data_dir: Path) -> None:
    with _stores(data_dir):
        owners = {path.stat().st_uid for path in (data_dir / "stores").iterdir() if path.is_dir()}
        pid = int((data_dir / "stores" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        status = Path(f"/proc/{pid}/status").read_text()

    assert 0 not in owners
    assert f"Uid:\t{owners.pop()}\t" in status


def test_stores_run_when_their_account_cannot_reach_the_data_directory(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)

    with _stores(data_dir) as urls, _redis(urls) as client:
        assert client.ping() is True


async def test_password_is_replaced_when_it_was_lost(data_dir: Path) -> None:
    with _stores(data_dir):
        pass
    (data_dir / "owner.password").unlink()

    with _stores(data_dir) as urls:
        answer = await _fetch(urls, "SELECT 'in'")

    assert answer == "in"


def test_password_of_the_database_can_be_read_by_its_owner_only(data_dir: Path) -> None:
    with _stores(data_dir):
        modes = {path.name: path.stat().st_mode & 0o077 for path in data_dir.iterdir() if path.is_file()}

    assert modes == dict.fromkeys(["owner.lock", "owner.password", "stores.json", "stores.lock"], 0)


def test_cluster_of_another_postgres_is_refused(data_dir: Path) -> None:
    with _stores(data_dir):
        version = data_dir / "stores" / "postgres" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(StoreFailed, match="was made by Postgres 17"), _stores(data_dir):
        pass


def test_programs_are_copied_when_the_account_cannot_reach_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Account, "can", lambda _self, _test, _path: False)
    account = store_account(tmp_path)

    postgres = find_postgres(tmp_path, secrets_directory=tmp_path, account=account, durable=True)

    version = subprocess.run(
        [postgres.programs / "initdb", "--version"], capture_output=True, text=True, check=True, env={}
    )
    assert postgres.programs.is_relative_to(tmp_path)
    assert version.stdout.startswith("initdb (PostgreSQL) 18")


def test_store_that_dies_is_started_again_at_the_same_place(data_dir: Path) -> None:
    with _stores(data_dir) as urls:
        with _redis(urls) as client:
            pid = int(client.info("server")["process_id"])
            os.kill(pid, signal.SIGKILL)

        again = _wait_for_redis(urls)

    assert again != pid


async def test_data_of_earlier_runs_are_gone_when_a_clean_start_is_asked_for(data_dir: Path) -> None:
    with _stores(data_dir) as urls:
        await _execute(urls, "CREATE TABLE kept (word text)")
        with _redis(urls) as client:
            client.set("kept", "kept")

    with embedded_stores(
        data_dir, need_postgres=True, need_redis=True, use=Use.SERVE, announce=_ignore, clean=True
    ) as urls:
        table = await _fetch(urls, "SELECT to_regclass('kept')")
        with _redis(urls) as client:
            value = client.get("kept")

    assert (table, value) == (None, None)


def test_fakeredis_stands_in_and_says_so(data_dir: Path) -> None:
    said: list[str] = []
    data_dir.mkdir()
    specification = Specification(data_dir=str(data_dir), postgres=False, fake_redis=True)

    with kept_stores(specification, announce=said.append) as urls, _redis(urls) as client:
        answer = client.eval("return redis.call('TIME')", 0)

    assert isinstance(answer, list)
    assert "fakeredis" in said[0]


def test_stores_for_leaves_settings_alone_when_both_urls_are_given(tmp_path: Path) -> None:
    settings = Settings(
        database_url="postgresql://elsewhere/holdfast", redis_url="redis://elsewhere", data_dir=tmp_path / "data"
    )

    with stores_for(settings, use=Use.SERVE, announce=_ignore) as unchanged:
        pass

    assert unchanged == settings
    assert not (tmp_path / "data").exists()


def _ignore(_sentence: str) -> None:
    pass


def _redis(urls: StoreUrls) -> "closing[redis.Redis]":
    assert urls.redis_url is not None
    return closing(redis.Redis.from_url(urls.redis_url, protocol=2, socket_timeout=5))


def _wait_for_redis(urls: StoreUrls) -> int:
    """The pid of a Redis that answers; the client's own retries wait for it."""
    assert urls.redis_url is not None
    retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100)
    with closing(redis.Redis.from_url(urls.redis_url, protocol=2, retry=retry)) as client:
        return int(client.info("server")["process_id"])


async def _execute(urls: StoreUrls, *statements: str) -> None:
    connection = await asyncpg.connect(urls.database_url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _fetch(urls: StoreUrls, query: str) -> object:
    connection = await asyncpg.connect(urls.database_url)
    value: object = await connection.fetchval(query)
    await connection.close()
    return value


def _is_free(data_dir: Path) -> bool:
    with (data_dir / "stores.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _wait_until_free(data_dir: Path) -> None:
    """Wait for the lock that a store holds for as long as it runs."""
    with (data_dir / "stores.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
