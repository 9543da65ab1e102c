"""Rows of the channels of businesses."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import SecretId, TenantId
from messages.model import ChannelName
from notifications.credentials.model import ChannelRow
from persistence.tables import notification_channels


class ChannelRepository:
    """Channels of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, name: ChannelName, *, for_update: bool = False) -> ChannelRow | None:
        """Find the channel of that name."""
        column = notification_channels.c
        statement = select(notification_channels).where(
            column.tenant_id == self._tenant_id, column.channel == name.value
        )
        if for_update:
            statement = statement.with_for_update()
        row = (await self._connection.execute(statement)).first()
        return None if row is None else _row(row)

    async def find_all(self) -> Sequence[ChannelRow]:
        """Find all channels, by name."""
        column = notification_channels.c
        statement = select(notification_channels).where(column.tenant_id == self._tenant_id).order_by(column.channel)
        return [_row(row) for row in await self._connection.execute(statement)]

    async def save(self, channel: ChannelRow) -> bool:
        """Store a channel in the place of a former one; False if another transaction has just added one."""
        values = {"secret_id": channel.secret_id, "version": channel.version, "updated_at": channel.updated_at}
        statement = insert(notification_channels).values(
            tenant_id=self._tenant_id, channel=channel.name.value, created_at=channel.created_at, **values
        )
        saved = await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "channel"],
                set_=values,
                where=notification_channels.c.version == channel.version - 1,
            ).returning(notification_channels.c.version)
        )
        return saved.first() is not None

    async def delete(self, name: ChannelName) -> None:
        """Delete the channel of that name."""
        column = notification_channels.c
        await self._connection.execute(
            delete(notification_channels).where(column.tenant_id == self._tenant_id, column.channel == name.value)
        )


def _row(row: Row[Any]) -> ChannelRow:
    return ChannelRow(
        name=ChannelName(row.channel),
        secret_id=SecretId(row.secret_id),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
