"""Fixtures that every test may ask for: real stores, and how Hypothesis behaves."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from telemetry import logs
from tests.support import stores
from tests.support.cluster import Cluster, running_cluster

# print_blob: a failure prints what reproduces it. No deadline: two cores shared by several workers keep no time.
settings.register_profile("default", print_blob=True, deadline=None)
# The same examples in every run, so that a red build is red for its own change.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    """Open the run: the stores its workers start last until it ends."""
    if not hasattr(config, "workerinput"):
        config.stash[stores.RUN] = stores.open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the run, and with it the stores that were started for it."""
    if stores.RUN in config.stash:
        stores.close_run(config.stash[stores.RUN])


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Commands that run in the process of the tests send its log lines to streams that end with them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
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


@pytest.fixture
def database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated, empty database for this test alone."""
    with stores.database(postgres_url, template=migrated_template) as url:
        yield url


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
    """An empty Redis, for this test alone: a single one, or a cluster with HOLDFAST_TEST_REDIS_CLUSTER=true."""
    url: str = request.getfixturevalue("cluster_redis_url" if stores.prefers_cluster() else "single_redis_url")
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
