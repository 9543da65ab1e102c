"""Personal keys in Postgres: each row with personal data has one, and is erased with it."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import CustomerId, TenantId
from persistence.key_ring import KeyRing, PersonalKey
from persistence.tables import personal_keys

COLUMNS: Final = "tenant_id, subject, customer_id, number, sealed"
"""The columns of `personal_keys`, in the order in which statements of others fill them."""
_ANEW: Final = text(
    """
    UPDATE personal_keys SET number = :number, sealed = anew.sealed
    FROM unnest(CAST(:subjects AS text[]), CAST(:sealed AS bytea[])) AS anew (subject, sealed)
    WHERE tenant_id = :tenant_id AND personal_keys.subject = anew.subject
    """
)


def key_of(tenant_id: TenantId, subject: ColumnElement[Any]) -> ColumnElement[bytes | None]:
    """A subquery for the sealed key of another statement's row; null: it was erased, or has none."""
    column = personal_keys.c
    statement = select(column.sealed).where(column.tenant_id == tenant_id, column.subject == subject)
    return statement.scalar_subquery().label("personal_key")


class PersonalKeys:
    """The personal keys of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """The sealed keys of rows, by their ids; of one that was erased there is none."""
        column = personal_keys.c
        statement = select(column.subject, column.sealed).where(
            column.tenant_id == self._tenant_id, column.subject.in_(subjects)
        )
        return {row.subject: row.sealed for row in await self._connection.execute(statement)}

    async def add(self, subject: str, customer_id: CustomerId, key: PersonalKey) -> None:
        """Keep the key of a row that had none."""
        values = {
            "tenant_id": self._tenant_id,
            "subject": subject,
            "customer_id": customer_id,
            "number": key.number,
            "sealed": key.sealed,
        }
        await self._connection.execute(insert(personal_keys).values(**values))

    async def shred(self, customer_id: CustomerId) -> int:
        """Delete every key of a customer, so that nothing they have sealed opens, in no copy of it; their number."""
        column = personal_keys.c
        statement = delete(personal_keys).where(column.tenant_id == self._tenant_id, column.customer_id == customer_id)
        return (await self._connection.execute(statement)).rowcount

    async def seal_anew(self, ring: KeyRing, *, after: str, most: int) -> tuple[int, str | None]:
        """Seal by the business's current key what an older one sealed, of the next so many keys.

        Returns the number of those sealed, and the last subject looked at; None at the end.
        """
        column = personal_keys.c
        statement = (
            select(column.subject, column.sealed, column.number)
            .where(column.tenant_id == self._tenant_id, column.subject > after)
            .order_by(column.subject)
            .limit(most)
            .with_for_update()
        )
        rows = (await self._connection.execute(statement)).all()
        old = [row for row in rows if row.number != ring.number]
        if old:
            await self._connection.execute(
                _ANEW,
                {
                    "tenant_id": self._tenant_id,
                    "number": ring.number,
                    "subjects": [row.subject for row in old],
                    "sealed": [ring.seal_anew(row.sealed, row.subject) for row in old],
                },
            )
        return len(old), rows[-1].subject if len(rows) == most else None
