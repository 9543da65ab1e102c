from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support import stores
from tests.support.browser import running_browser
from tests.support.shop import Shop, open_shop


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all visitors, who have a profile each."""
    async with running_browser() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def shop(
    postgres_url: str,
    migrated_template: str,
    redis_server_url: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Shop]:
    """One server for all tests, which book on different dates."""
    redis_url = stores.empty_redis(redis_server_url, number=stores.worker_number(worker_id))
    with stores.database(postgres_url, template=migrated_template) as database_url:
        async with open_shop(database_url, redis_url, tmp_path_factory.mktemp("server")) as opened:
            yield opened
