"""The real stores that tests run against: started once per run, shared by its workers, gone when it ends.

The first test that needs them has them started. They live until the other end of a named pipe closes, which the
process that opened the run holds: killing the run by any means stops them.
"""

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import redis

from bootstrap.embedded import StoreUrls, await_stores, kept_stores, start_store_supervisor
from bootstrap.store_supervisor import Specification
from persistence.redis import is_cluster, node_urls
from persistence.schema import upgrade

_RUN_VARIABLE: Final = "HOLDFAST_TEST_RUN"
_DATABASE_VARIABLE: Final = "HOLDFAST_TEST_DATABASE_URL"
_REDIS_VARIABLE: Final = "HOLDFAST_TEST_REDIS_URL"
_CLUSTER_VARIABLE: Final = "HOLDFAST_TEST_REDIS_CLUSTER"
# One per worker; far more workers than anybody has cores.
_REDIS_DATABASES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the tests, and the end of the pipe that keeps its stores alive."""

    directory: Path
    lifeline: int


RUN: Final = pytest.StashKey[Run]()


def open_run() -> Run:
    """Make the place where the workers of this run find its stores."""
    directory = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    # The account of the stores has to pass through it.
    directory.chmod(0o711)
    os.mkfifo(directory / "lifeline")
    lifeline = os.open(directory / "lifeline", os.O_RDWR)
    # Workers inherit the environment.
    os.environ[_RUN_VARIABLE] = str(directory)
    return Run(directory=directory, lifeline=lifeline)


def close_run(run: Run) -> None:
    """Let the stores of the run end, wait until they have, and remove their files."""
    os.close(run.lifeline)
    if os.environ.get(_DATABASE_VARIABLE) and _is_done(run.directory, "template"):
        execute(os.environ[_DATABASE_VARIABLE], f'DROP DATABASE IF EXISTS "{_template_name(run.directory)}"')
    data_dir = run.directory / "data"
    if (data_dir / "stores.lock").exists():
        # The stores hold this lock for as long as any of them runs.
        with (data_dir / "stores.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
    stores = data_dir / "stores"
    if stores.is_symlink():
        shutil.rmtree(stores.resolve())
    shutil.rmtree(run.directory)


def postgres_of_the_run() -> str:
    """The Postgres that the tests of this run share."""
    url = os.environ.get(_DATABASE_VARIABLE) or _stores_of_the_run().database_url
    assert url is not None
    return url


def redis_of_the_run() -> str:
    """The Redis that the tests of this run share: a real one, or the run fails."""
    url = os.environ.get(_REDIS_VARIABLE)
    if url is None and not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.fail(
            f"These tests need a real Redis: install redis-server or valkey-server, or set {_REDIS_VARIABLE}.",
            pytrace=False,
        )
    url = url or _stores_of_the_run().redis_url
    assert url is not None
    return url


def prefers_cluster() -> bool:
    """Whether tests that name no kind of Redis are to have a cluster, which is then started for them."""
    return os.environ.get(_CLUSTER_VARIABLE) == "true"


def template_of_the_run(postgres_url: str) -> str:
    """The name of a migrated database to clone; the first who asks migrates it."""
    directory = _run_directory()
    name = _template_name(directory)
    with _only_one(directory):
        if not _is_done(directory, "template"):
            execute(postgres_url, f'CREATE DATABASE "{name}"')
            upgrade(_with_path(postgres_url, name))
            (directory / "template").touch()
    return name


@contextmanager
def database(postgres_url: str, *, template: str) -> Iterator[str]:
    """A clone of the template; dropped afterwards, whoever is still connected."""
    name = f"holdfast_test_{uuid4().hex}"
    execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _with_path(postgres_url, name)
    execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def empty_redis(server_url: str, *, number: int) -> str:
    """The URL of one numbered database, emptied."""
    url = _with_path(server_url, str(number))
    with redis.Redis.from_url(url, protocol=2) as client:
        client.flushdb()
    return url


def lasting_keys(url: str) -> list[bytes]:
    """The keys that never expire, of a single Redis or of a cluster."""
    lasting: list[bytes] = []
    for node in node_urls(url) if is_cluster(url) else [url]:
        with redis.Redis.from_url(node, protocol=2) as client, client.pipeline(transaction=False) as pipeline:
            names = client.keys("*")
            for name in names:
                pipeline.pttl(name)
            lasting += [name for name, left in zip(names, pipeline.execute(), strict=True) if left == -1]
    return lasting


@contextmanager
def fake_redis_server() -> Iterator[str]:
    """The server that stands in where there is no Redis."""
    with tempfile.TemporaryDirectory(prefix="holdfast-fake-") as directory:
        Path(directory).chmod(0o711)
        specification = Specification(data_dir=directory, postgres=False, fake_redis=True)
        with kept_stores(specification, announce=_say_nothing) as urls:
            assert urls.redis_url is not None
            yield urls.redis_url


def worker_number(worker_id: str) -> int:
    """0 without xdist, else counted from 1."""
    return 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1


def _stores_of_the_run() -> StoreUrls:
    """The embedded pair; the first who asks starts it."""
    directory = _run_directory()
    found = directory / "stores.json"
    with _only_one(directory):
        if not found.exists():
            found.write_text(json.dumps(_start_stores(directory)))
    return StoreUrls(**json.loads(found.read_text()))


def _start_stores(directory: Path) -> dict[str, str | None]:
    data_dir = directory / "data"
    data_dir.mkdir()
    data_dir.chmod(0o711)
    specification = Specification(
        data_dir=str(data_dir), durable=False, superuser=True, redis_databases=_REDIS_DATABASES
    )
    with (directory / "lifeline").open("rb") as lifeline:
        supervisor = start_store_supervisor(specification, lifeline=lifeline)
    urls = await_stores(supervisor, _say_nothing)
    # It outlives this worker, and is not this worker's to wait for.
    assert supervisor.stdout is not None
    supervisor.stdout.close()
    supervisor.returncode = 0
    return {"database_url": urls.database_url, "redis_url": urls.redis_url}


def _run_directory() -> Path:
    return Path(os.environ[_RUN_VARIABLE])


def _template_name(directory: Path) -> str:
    return directory.name.replace("-", "_")


def _is_done(directory: Path, step: str) -> bool:
    return (directory / step).exists()


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """One worker of the run at a time."""
    with (directory / "turn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own, in a thread of its own: the caller may be inside an event loop."""

    async def execute() -> None:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, execute()).result()


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def _say_nothing(_sentence: str) -> None:
    pass
