"""Rows of suppressions. They have no address: what the address is found by is its blind index."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.customers import stored_identities
from bookings.model import CustomerDetails
from kernel.ids import TenantId
from messages.model import ChannelName
from notifications.suppressions.model import Suppression, SuppressionReason
from persistence.business_keys import BusinessKeys
from persistence.tables import suppressions

_BLIND: Final = "blind:"


class SuppressionRepository:
    """Suppressions of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, channel: ChannelName, address: str) -> Suppression | None:
        """The suppression of an address; None: it may be written to."""
        column = suppressions.c
        statement = (
            select(column.reason, column.since)
            .where(
                column.tenant_id == self._tenant_id,
                column.channel == channel.value,
                column.address_index.in_(await self._indexes(channel, address)),
            )
            .order_by(column.since)
        )
        row = (await self._connection.execute(statement)).first()
        return None if row is None else Suppression(reason=SuppressionReason(row.reason), since=row.since)

    async def is_suppressed(self, channel: ChannelName, address: str) -> bool:
        """True if an address is written to no more."""
        return await self.find(channel, address) is not None

    async def add(self, channel: ChannelName, address: str, reason: SuppressionReason) -> bool:
        """Write to an address no more; False if that was so already, for whatever reason."""
        if await self.is_suppressed(channel, address):
            return False
        index, *_ = await self._indexes(channel, address)
        added = await self._connection.execute(
            insert(suppressions)
            .values(tenant_id=self._tenant_id, channel=channel.value, address_index=index, reason=reason.value)
            .on_conflict_do_nothing()
            .returning(suppressions.c.address_index)
        )
        return added.first() is not None

    async def remove(self, channel: ChannelName, address: str, *reasons: SuppressionReason) -> bool:
        """Write to an address again, if it was suppressed for one of these reasons, or any where none is named."""
        column = suppressions.c
        statement = delete(suppressions).where(
            column.tenant_id == self._tenant_id,
            column.channel == channel.value,
            column.address_index.in_(await self._indexes(channel, address)),
        )
        if reasons:
            statement = statement.where(column.reason.in_([reason.value for reason in reasons]))
        removed = await self._connection.execute(statement.returning(column.address_index))
        return removed.first() is not None

    async def _indexes(self, channel: ChannelName, address: str) -> Sequence[str]:
        """All forms in which an address may be stored, the newest first.

        The blind index is the one by which customers are found, so an erasure finds it in their rows. What was stored
        before there was a master key is a digest.
        """
        is_phone = channel is ChannelName.SMS
        details = CustomerDetails(name="", phone=address) if is_phone else CustomerDetails(name="", email=address)
        ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id)
        forms = stored_identities(details, None, ring)
        return [form if form.startswith(_BLIND) else _digest(form) for form in forms]


def _digest(identity: str) -> str:
    return f"sha256:{hashlib.sha256(identity.encode()).hexdigest()}"
