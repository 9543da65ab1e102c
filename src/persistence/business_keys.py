"""Keys of all businesses, as a process knows them: read from Postgres, opened by a master key, and remembered."""

import os
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.ids import TenantId
from kernel.operation import by_system
from persistence.key_canaries import note_key_in_use
from persistence.key_ring import KeyRing, PersonalKey
from persistence.sealing import KEY_BYTES, MasterKeys, SecretPlace
from persistence.tables import business_keys
from persistence.unit_of_work import UnitOfWork

OPTION: Final = "holdfast_business_keys"
"""Execution option of an engine: how personal data becomes columns belongs to the pool, as the form of JSON does."""
_MOST_RINGS: Final = 10_000
"""Businesses whose keys a process remembers: about a kilobyte each."""
_FRESH_SECONDS: Final = 300.0
"""A process seals by a key that was replaced for so long, which does no harm: it goes on to open."""
_FIRST: Final = 1
_MOST_RECENT: Final = 1_024
"""Personal keys that a process remembers, sealed, for the answers that it is about to keep."""


@dataclass(slots=True)
class _Remembered:
    ring: KeyRing
    read_at: float


class BusinessKeys:
    """Rings of keys by business. Without a master key there are none, and personal data stays in plain text."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._master_keys = master_keys
        self._rings: OrderedDict[TenantId, _Remembered] = OrderedDict()
        self._recent: OrderedDict[tuple[TenantId, str], bytes] = OrderedDict()

    @classmethod
    def of(cls, connection: AsyncConnection | AsyncEngine) -> "BusinessKeys":
        """Master keys of the engine; none where it was opened without."""
        sync = connection.sync_engine if isinstance(connection, AsyncEngine) else connection.sync_connection
        assert sync is not None, "the connection is open"
        keys: BusinessKeys = sync.get_execution_options().get(OPTION, _NONE)
        return keys

    @property
    def are_on(self) -> bool:
        """True if there is a master key."""
        return bool(self._master_keys)

    def known(self, tenant_id: TenantId) -> KeyRing | None:
        """The ring, if the process remembers it."""
        remembered = self._rings.get(tenant_id)
        return None if remembered is None else remembered.ring

    async def find(
        self, connection: AsyncConnection, tenant_id: TenantId, sealed: Iterable[bytes] = ()
    ) -> KeyRing | None:
        """The ring, with the keys that have sealed these; read inside the caller's transaction unless it is known.

        None where the business has no key yet, or there is no master key. Raises SecretUnreadable.
        """
        ring = self.known(tenant_id)
        if ring is not None and all(map(ring.knows, sealed)):
            return ring
        return await self._read(connection, tenant_id) if self.are_on else None

    async def ensure(self, engine: AsyncEngine, tenant_id: TenantId) -> KeyRing | None:
        """The ring; a business that has none is given its first key, in a transaction of its own.

        None where there is no master key. Raises SecretUnreadable, StoreUnavailable.
        """
        remembered = self._rings.get(tenant_id)
        if remembered is not None and time.monotonic() - remembered.read_at < _FRESH_SECONDS:
            return remembered.ring
        if not self.are_on:
            return None
        unit_of_work = UnitOfWork(engine)
        async with unit_of_work.begin(by_system(tenant_id, "keys")) as transaction:
            ring = await self._read(transaction.connection, tenant_id)
            if ring is None:
                await self._add(transaction.connection, tenant_id, _FIRST, os.urandom(KEY_BYTES))
        if ring is not None:
            return ring
        async with unit_of_work.snapshot(tenant_id) as connection:
            return await self._read(connection, tenant_id)

    def forget(self) -> None:
        """Forget all keys, as a process that has just started."""
        self._rings.clear()
        self._recent.clear()

    def note_personal_key(self, tenant_id: TenantId, subject: str, key: PersonalKey) -> None:
        """Remember for a while the key of a row that was just written, as it is sealed."""
        self._recent[tenant_id, subject] = key.sealed
        if len(self._recent) > _MOST_RECENT:
            self._recent.popitem(last=False)

    def recent_personal_key(self, tenant_id: TenantId, subject: str) -> bytes | None:
        """The key of a row that was just written, if the process remembers it. It may have been deleted since."""
        return self._recent.get((tenant_id, subject))

    async def replace(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        """Give the business another key, by which is sealed from now on, inside the caller's transaction."""
        ring = await self._read(connection, tenant_id)
        if ring is not None:
            await self._add(connection, tenant_id, ring.number + 1, ring.index_key)
            self.forget()

    async def seal_anew(self, connection: AsyncConnection, tenant_id: TenantId) -> int:
        """Seal by the current master key what an older one has sealed; the number of keys.

        Raises SecretUnreadable where a master key is missing, MasterKeyMissing.
        """
        current, column = self._master_keys.current_key_id, business_keys.c
        rows = await connection.execute(
            select(business_keys).where(column.tenant_id == tenant_id, column.key_id != current).with_for_update()
        )
        found = rows.all()
        for row in found:
            place = _place(tenant_id, row.number)
            values = {"key_id": current, "sealed": self._master_keys.seal(self._open(row), place)}
            same = (column.tenant_id == tenant_id, column.number == row.number)
            await connection.execute(business_keys.update().where(*same).values(**values))
        return len(found)

    async def _add(self, connection: AsyncConnection, tenant_id: TenantId, number: int, index_key: bytes) -> None:
        """Add a key, unless another process was faster. Raises UnknownMasterKeys."""
        await note_key_in_use(connection, self._master_keys)
        values = {
            "tenant_id": tenant_id,
            "number": number,
            "key_id": self._master_keys.current_key_id,
            "sealed": self._master_keys.seal(os.urandom(KEY_BYTES) + index_key, _place(tenant_id, number)),
        }
        await connection.execute(insert(business_keys).values(**values).on_conflict_do_nothing())

    async def _read(self, connection: AsyncConnection, tenant_id: TenantId) -> KeyRing | None:
        rows = await connection.execute(select(business_keys).where(business_keys.c.tenant_id == tenant_id))
        opened = {row.number: self._open(row) for row in rows}
        if not opened:
            return None
        ring = KeyRing(
            tenant_id=tenant_id,
            keys={number: AESGCM(key[:KEY_BYTES]) for number, key in opened.items()},
            index_key=opened[max(opened)][KEY_BYTES:],
        )
        self._rings[tenant_id] = _Remembered(ring, time.monotonic())
        self._rings.move_to_end(tenant_id)
        if len(self._rings) > _MOST_RINGS:
            self._rings.popitem(last=False)
        return ring

    def _open(self, row: Row[Any]) -> bytes:
        return self._master_keys.open(row.sealed, _place(TenantId(row.tenant_id), row.number))


async def ensure_key(engine: AsyncEngine, tenant_id: TenantId) -> KeyRing | None:
    """The ring of the business, as BusinessKeys.ensure does."""
    return await BusinessKeys.of(engine).ensure(engine, tenant_id)


def _place(tenant_id: TenantId, number: int) -> SecretPlace:
    return SecretPlace(tenant_id=tenant_id, purpose="business_keys", row=f"{number}")


_NONE: Final = BusinessKeys(MasterKeys([]))
