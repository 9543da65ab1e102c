"""Secrets by which a business signs the tokens of appointments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.tables import businesses
from kernel.errors import NotFound
from kernel.ids import SecretId, TenantId

SIGNING_COLUMNS: Final[list[ColumnElement[Any]]] = [
    businesses.c.token_secret,
    businesses.c.token_secret_id,
    businesses.c.previous_token_secret_id,
    businesses.c.previous_tokens_until,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The secrets by which tokens of a business are made and tested."""

    original: bytes
    """The secret that came with the business. It signs until the first rotation."""
    secret_id: SecretId | None
    """The secret that signs; None: the original."""
    previous_secret_id: SecretId | None
    """The secret that signed before; None: the original."""
    previous_until: datetime | None
    """Until then its tokens go on to work; None: no rotation was made."""

    def accepted_ids(self, now: datetime) -> list[SecretId | None]:
        """The secrets whose tokens work, the one that signs first."""
        overlaps = self.previous_until is not None and now < self.previous_until
        return [self.secret_id, *([self.previous_secret_id] if overlaps else [])]


class SigningRepository:
    """Reads and writes the secrets of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def get_locked(self) -> Signing:
        """The secrets of the business, which nobody else rotates meanwhile. Raises NotFound."""
        query = select(*SIGNING_COLUMNS).where(businesses.c.tenant_id == self._tenant_id).with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("This business does not exist.")
        return signing_of(row)

    async def save(self, signing: Signing) -> None:
        """Write what a rotation changes. The version stays, because the set-up is the same."""
        await self._connection.execute(
            update(businesses)
            .where(businesses.c.tenant_id == self._tenant_id)
            .values(
                token_secret_id=signing.secret_id,
                previous_token_secret_id=signing.previous_secret_id,
                previous_tokens_until=signing.previous_until,
            )
        )


def signing_of(row: Row[*tuple[Any, ...]]) -> Signing:
    """The secrets in a row with SIGNING_COLUMNS."""
    return Signing(
        original=row.token_secret,
        secret_id=row.token_secret_id,
        previous_secret_id=row.previous_token_secret_id,
        previous_until=row.previous_tokens_until,
    )
