"""Fixtures that every test may ask for: real stores, and how Hypothesis behaves."""

import gc
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio
import structlog
from hypothesis import settings

from kernel.clock import Clock
from telemetry import logs
from tests.support import stores
from tests.support.cluster import Cluster, running_cluster
from tests.support.documents import example
from tests.support.engine import MONDAY, NO_REDIS, Engine, FixedClock, running_engine, shared_pools
from tests.support.rows import Rows, insert_business

# print_blob: a failure prints what reproduces it. No deadline: two cores shared by several workers keep no time.
settings.register_profile("default", print_blob=True, deadline=None)
# The same examples in every run, so that a red build is red for its own change.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


_GARBAGE_THRESHOLDS: Final = (50_000, 20, 50)
_REDIS_IDS: Final = {"default": "redis", "single": "redis", "cluster": "cluster", "away": "no redis"}
"""Names of the kinds of Redis, as they appear in the names of tests."""


def pytest_configure(config: pytest.Config) -> None:
    """Open the run: the stores its workers start last until it ends."""
    if not hasattr(config, "workerinput"):
        # Workers and servers import what was compiled before: half a second less for each, wherever this is set.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        config.stash[stores.RUN] = stores.open_run()
    _reset_logging()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the run, and with it the stores that were started for it."""
    if stores.RUN in config.stash:
        stores.close_run(config.stash[stores.RUN])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest tests come first: last, they would keep one worker busy while the others have nothing to do."""
    items.sort(key=lambda item: "stateful" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Look seldom for garbage, and never among the tests themselves: ten thousand are much to go through."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with the mark `redis` on each kind that it names."""
    mark = metafunc.definition.get_closest_marker("redis")
    if mark is not None and "redis_url" in metafunc.fixturenames:
        marks = {"cluster": [pytest.mark.cluster]}
        kinds = [pytest.param(kind, id=_REDIS_IDS[kind], marks=marks.get(kind, [])) for kind in mark.args]
        metafunc.parametrize("redis_url", kinds, indirect=True)


def _reset_logging() -> None:
    """Print log lines, and errors as Python does: with all variables of all frames, each would take seconds."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    printer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, printer])


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Commands that run in the process of the tests send its log lines to streams that end with them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    _reset_logging()
    logs.begin_request()


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A Postgres server: the one named by HOLDFAST_TEST_DATABASE_URL, else one that runs as long as the tests do."""
    return stores.postgres_of_the_run()


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The name of a migrated database that nobody is connected to."""
    return stores.template_of_the_run(postgres_url)


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database with nothing in it, for this test alone."""
    with stores.database(postgres_url, template="template0") as url:
        yield url


@pytest_asyncio.fixture(scope="module")
async def module_database_url(postgres_url: str, migrated_template: str) -> AsyncIterator[str]:
    """A migrated database on which all engines of the module share their pools."""
    with stores.database(postgres_url, template=migrated_template) as url:
        async with shared_pools(url):
            yield url


@pytest.fixture
def own_database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated, empty database for this test alone."""
    with stores.database(postgres_url, template=migrated_template) as url:
        yield url


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database: that of the module, or the test's own with the mark `own_database`.

    A test finds other businesses in that of the module, and makes a new one for itself.
    """
    is_own = request.node.get_closest_marker("own_database") is not None
    url: str = request.getfixturevalue("own_database_url" if is_own else "module_database_url")
    return url


@pytest.fixture(scope="session")
def redis_server_url() -> str:
    """A real Redis: the one named by HOLDFAST_TEST_REDIS_URL, else one that runs as long as the tests do."""
    return stores.redis_of_the_run()


@pytest.fixture
def single_redis_url(redis_server_url: str, worker_id: str) -> str:
    """An empty database of a real Redis, for this test alone."""
    return stores.empty_redis(redis_server_url, number=stores.worker_number(worker_id))


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[Cluster]:
    """Three masters, for this worker alone. Whoever moves slots or adds nodes starts a cluster of its own."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster_redis_url(redis_cluster: Cluster) -> str:
    """An empty Redis Cluster, for this test alone."""
    return redis_cluster.empty()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """An empty Redis, for this test alone: of the kind that its mark `redis` names, else the default."""
    kind = getattr(request, "param", "default")
    if kind == "away":
        return NO_REDIS
    if kind == "default":
        kind = "cluster" if stores.prefers_cluster() else "single"
    url: str = request.getfixturevalue(f"{kind}_redis_url")
    return url


@pytest.fixture(scope="session")
def fake_redis_server_url() -> Iterator[str]:
    """A fakeredis server in a process of its own."""
    with stores.fake_redis_server() as url:
        yield url


@pytest.fixture
def fake_redis_url(fake_redis_server_url: str) -> str:
    """An empty fakeredis server, for this test alone."""
    return stores.empty_redis(fake_redis_server_url, number=0)


@pytest.fixture
def clock() -> Clock:
    """The clock of `engine`."""
    return FixedClock(MONDAY)


@pytest.fixture
def document() -> Mapping[str, object]:
    """The document by which the business of `engine` is set up."""
    return example("barbershop")


@pytest.fixture
async def engine(
    database_url: str, redis_url: str, clock: Clock, document: Mapping[str, object]
) -> AsyncIterator[Engine]:
    """The services of one process, with a new business. Modules have a `clock` or a `document` of their own."""
    async with running_engine(database_url, redis_url, clock=clock, document=document) as running:
        yield running


@pytest.fixture
async def outside(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """A connection past the engine, which row-level security does not bind."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ours(outside: "asyncpg.Connection[Any]") -> Rows:
    """A business as rows, in a database of the test's own."""
    return await insert_business(outside, "ours")


@pytest.fixture
async def theirs(outside: "asyncpg.Connection[Any]") -> Rows:
    """Another business as rows."""
    return await insert_business(outside, "theirs")
