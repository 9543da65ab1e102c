"""Holds on a single Redis, and on a cluster."""

import pytest


@pytest.fixture(params=["single_redis_url", "cluster_redis_url"], ids=["redis", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url
