"""Canaries: values that master keys in use have sealed, by which a lost key is noticed at the start."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from persistence.sealing import MasterKeys, SecretPlace, SecretUnreadable
from persistence.tables import key_canaries

_CONNECT_SECONDS: Final = 5.0
_SONG: Final = b"This opens, so the key is the right one."
_NOBODY: Final = TenantId(UUID(int=0))
# The schema, or the role that it makes, is not there yet.
_NOT_MIGRATED: Final = (asyncpg.UndefinedTableError, asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError)


class UnknownMasterKeys(Exception):
    """Master keys that sealed stored data are unknown to this process; the text is one line with their ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        named = " and ".join(sorted(ids))
        super().__init__(
            f"HOLDFAST_MASTER_KEY does not have the key {named}, which has sealed what is stored in this database. "
            "Set it again: without it that cannot be read (docs: personal data, a lost key)."
        )


async def check_master_keys(database_url: str, keys: MasterKeys) -> None:
    """Try the keys on the canaries of a database that is up, and leave one of the key that seals.

    Does nothing where the schema is older than canaries. Raises UnknownMasterKeys.
    """
    try:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            database_url, timeout=_CONNECT_SECONDS, server_settings={"role": "holdfast_app"}
        )
    except _NOT_MIGRATED:
        return
    try:
        rows = await connection.fetch("SELECT key_id, sealed FROM key_canaries")
        _check(keys, {row["key_id"]: row["sealed"] for row in rows})
        if keys and keys.current_key_id not in {row["key_id"] for row in rows}:
            await connection.execute(
                "INSERT INTO key_canaries (key_id, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                keys.current_key_id,
                keys.seal(_SONG, _place(keys.current_key_id)),
            )
    except _NOT_MIGRATED:
        return
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


async def note_key_in_use(connection: AsyncConnection, keys: MasterKeys) -> None:
    """Leave a canary of the key that seals, in the transaction that seals by it for the first time.

    Raises UnknownMasterKeys where other keys have sealed something, and are not there.
    """
    rows = await connection.execute(select(key_canaries.c.key_id, key_canaries.c.sealed))
    _check(keys, {row.key_id: row.sealed for row in rows})
    values = {"key_id": keys.current_key_id, "sealed": keys.seal(_SONG, _place(keys.current_key_id))}
    await connection.execute(insert(key_canaries).values(**values).on_conflict_do_nothing())


async def drop_canaries(connection: AsyncConnection, *, but: str) -> None:
    """Forget all keys but one, which has sealed everything by now."""
    await connection.execute(delete(key_canaries).where(key_canaries.c.key_id != but))


async def drop_canary(connection: AsyncConnection, key_id: str) -> bool:
    """Forget one key; False where there was none."""
    dropped = await connection.execute(delete(key_canaries).where(key_canaries.c.key_id == key_id))
    return bool(dropped.rowcount)


def _check(keys: MasterKeys, canaries: dict[str, bytes]) -> None:
    lost = {key_id for key_id, sealed in canaries.items() if not _opens(keys, key_id, sealed)}
    if lost:
        raise UnknownMasterKeys(lost)


def _opens(keys: MasterKeys, key_id: str, sealed: bytes) -> bool:
    try:
        return keys.open(sealed, _place(key_id)) == _SONG
    except SecretUnreadable:
        return False


def _place(key_id: str) -> SecretPlace:
    return SecretPlace(tenant_id=_NOBODY, purpose="key_canaries", row=key_id)
