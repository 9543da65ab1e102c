"""Secrets are sealed anew by another master key, in batches, and by as many runs as it takes."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from kernel.operation import by_system
from persistence import key_rotation
from persistence.key_rotation import KeyRotation
from persistence.sealing import MasterKeyMissing, MasterKeys, SecretUnreadable, key_id_of
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork
from tests.support.engine import Engine, running_engine

_OLD: Final = bytes(32)
_NEW: Final = bytes(range(32))
_BOTH: Final = MasterKeys([_NEW, _OLD])


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    """A business whose secrets are kept."""
    async with running_engine(database_url, redis_url) as running:
        yield running


async def _add(engine: Engine, keys: MasterKeys, *values: bytes) -> list[Any]:
    async with UnitOfWork(engine.context.engine).begin(by_system(engine.tenant_id, "test")) as tx:
        store = SecretStore(tx.connection, tx.tenant_id, keys)
        return [await store.add("tested", value) for value in values]


async def _open(engine: Engine, keys: MasterKeys, ids: list[Any]) -> list[bytes]:
    async with UnitOfWork(engine.context.engine).snapshot(engine.tenant_id) as connection:
        store = SecretStore(connection, engine.tenant_id, keys)
        return [await store.open("tested", secret_id) for secret_id in ids]


@pytest.mark.own_database
async def test_rotation_lets_the_old_key_be_taken_away(
    shop: Engine, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "_BATCH", 2)
    values = [b"one", b"two", b"three", b"four", b"five"]
    ids = await _add(shop, MasterKeys([_OLD]), *values)

    first = await KeyRotation(shop.context.engine, _BOTH).run()
    second = await KeyRotation(shop.context.engine, _BOTH).run()

    assert (first.secrets, second.secrets) == (5, 0)
    assert await _open(shop, MasterKeys([_NEW]), ids) == values
    assert await outside.fetch("SELECT DISTINCT key_id FROM secrets") == [(key_id_of(_NEW),)]


@pytest.mark.own_database
async def test_rotation_without_the_old_key_changes_nothing_and_can_be_run_again(shop: Engine) -> None:
    ids = await _add(shop, MasterKeys([_OLD]), b"one")

    with pytest.raises(SecretUnreadable, match=key_id_of(_OLD)):
        await KeyRotation(shop.context.engine, MasterKeys([_NEW])).run()

    assert await _open(shop, MasterKeys([_OLD]), ids) == [b"one"]
    assert (await KeyRotation(shop.context.engine, _BOTH).run()).secrets == 1


async def test_rotation_without_any_key_is_refused(shop: Engine) -> None:
    with pytest.raises(MasterKeyMissing):
        await KeyRotation(shop.context.engine, MasterKeys([])).run()


async def test_sealed_secret_that_was_moved_to_another_row_does_not_open(
    shop: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    ids = await _add(shop, _BOTH, b"one", b"two")

    await outside.execute(
        "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE id = $1) WHERE id = $2", ids[0], ids[1]
    )

    with pytest.raises(SecretUnreadable):
        await _open(shop, _BOTH, [ids[1]])
