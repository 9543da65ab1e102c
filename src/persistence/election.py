"""Election of one process per database, by a lock that lasts as long as its session."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ELECTION_LOCK: Final = 46533279
"""Any number will do that no other program on the database uses."""

# Advisory locks taken with one bigint show as two halves; the lower one is objid.
_IS_ELECTED: Final = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND objid = :lock"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


class ElectionRepository:
    """The election, as the session of the connection sees it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def has_winner(self) -> bool:
        """Some process is elected."""
        return bool(await self._connection.scalar(_IS_ELECTED, {"lock": ELECTION_LOCK}))
