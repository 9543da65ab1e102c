"""Use cases on the audit log: search, links, verification."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from audit.model import EMPTY, AuditEntry, ChainHead, check_links
from audit.repository import AuditRepository, find_businesses, link_entries
from kernel.ids import TenantId, is_id
from kernel.operation import Operation, by_system
from kernel.pages import Page, decode_cursor, encode_cursor, unusable_cursor
from persistence.errors import postgres_errors
from persistence.unit_of_work import UnitOfWork

BATCH: Final = 500
"""Entries that one transaction adds to the chains: some hundredths of a second."""
# Links read at once, a few hundred bytes each; businesses listed at once.
_LINKS: Final = 5000
_BUSINESSES: Final = 200
MOST_FAULTS: Final = 100
"""Sentences about one business: what is wrong is clear by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """Result of the verification of the chain of one business."""

    tenant_id: TenantId
    head: ChainHead
    faults: tuple[str, ...]
    """A sentence for each, MOST_FAULTS at most."""


class AuditService:
    """Use cases on the audit log. All raise StoreUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)

    async def find(
        self,
        operation: Operation,
        *,
        subject: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """List the entries that match all of it, the latest first. Raises ValidationFailed for an unknown cursor.

        Who may see only what is its own sees what it has done itself.
        """
        before = None if cursor is None else _read_cursor(cursor)
        only_by = None if operation.own is None else str(operation.actor)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            found = await AuditRepository(connection, operation.tenant_id).find_page(
                subject=subject,
                actor=actor,
                only_by=only_by,
                since=since,
                until=until,
                before=before,
                limit=limit + 1,
            )
        page = tuple(found[:limit])
        return Page(data=page, next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None)

    async def link(self) -> int:
        """Add up to BATCH entries of all businesses to their chains, and say how many."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                # One statement, which is a transaction by itself: two round trips less, every two seconds.
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                return await link_entries(connection, BATCH)

    async def businesses(self, after: TenantId | None = None) -> list[TenantId]:
        """List the first businesses by their ids, or those that follow."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await find_businesses(connection, after, _BUSINESSES)

    async def verify(self, tenant_id: TenantId, known: ChainHead | None = None) -> ChainReport:
        """Compute the chain of a business anew; `known`: a head of it that was kept elsewhere."""
        head, faults = EMPTY, list[str]()
        async with self._unit_of_work.begin(by_system(tenant_id, "command-line")) as tx:
            repository = AuditRepository(tx.connection, tenant_id)
            await repository.take_time()
            while links := await repository.find_links(head.number, _LINKS):
                head, some = check_links(head, links)
                faults += some
            # After the links: an entry that was linked meanwhile counts as linked.
            faults += [
                f"Entry {entry_id} is in no link: it was added past the engine, or the end of the chain was removed."
                for entry_id in await repository.find_unlinked(MOST_FAULTS)
            ]
            if known is not None and await repository.find_hash(known.number) != known.hash:
                faults.append(f"Link {known.number} has not the hash that was kept of it, or is missing.")
        return ChainReport(tenant_id=tenant_id, head=head, faults=tuple(faults[:MOST_FAULTS]))


def _read_cursor(cursor: str) -> str:
    position = decode_cursor(cursor)
    if not is_id(position):
        raise unusable_cursor()
    return position
