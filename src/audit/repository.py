"""Repository of the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from audit.model import AuditEntry, AuditLink
from kernel.ids import AuditEntryId, TenantId
from kernel.operation import ActorKind
from persistence.tables import api_keys, audit_entries, audit_links, audit_queue

_LINK: Final = text("SELECT link_audit_entries(CAST(:most AS integer))")
_WITHOUT_LIMIT: Final = text("SET LOCAL statement_timeout = 0")


async def link_entries(connection: AsyncConnection, most: int) -> int:
    """Add up to so many entries of all businesses to their chains, and say how many; 0 while another process does."""
    return int(await connection.scalar(_LINK, {"most": most}) or 0)


async def find_businesses(connection: AsyncConnection, after: TenantId | None, limit: int) -> list[TenantId]:
    """Find the next businesses by their ids: each has keys, which are never deleted."""
    query = select(api_keys.c.tenant_id).distinct().order_by(api_keys.c.tenant_id).limit(limit)
    if after is not None:
        query = query.where(api_keys.c.tenant_id > after)
    return [TenantId(tenant_id) for tenant_id in await connection.scalars(query)]


class AuditRepository:
    """Entries and links of one business, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_page(
        self,
        *,
        subject: str | None,
        actor: str | None,
        only_by: str | None,
        since: datetime | None,
        until: datetime | None,
        before: str | None,
        limit: int,
    ) -> list[AuditEntry]:
        """Find entries, the latest first: about a subject, of an actor, of a stretch of time, before an id.

        `only_by`: an actor with its kind; the entries of others do not exist.
        """
        column = audit_entries.c
        conditions: list[ColumnElement[bool]] = [column.tenant_id == self._tenant_id]
        if subject is not None:
            among_others = and_(column.more_subjects.is_not(None), column.more_subjects.contains([subject]))
            conditions.append(or_(column.subject == subject, among_others))
        if actor is not None:
            conditions.append(column.actor.in_([f"{kind.value}:{actor}" for kind in ActorKind]))
        if only_by is not None:
            conditions.append(column.actor == only_by)
        if since is not None:
            conditions.append(column.at >= since)
        if until is not None:
            conditions.append(column.at < until)
        if before is not None:
            conditions.append(column.id < before)
        query = select(audit_entries).where(*conditions).order_by(column.id.desc()).limit(limit)
        return [_entry(row) for row in await self._connection.execute(query)]

    async def take_time(self) -> None:
        """Let statements of the transaction take as long as they need."""
        await self._connection.execute(_WITHOUT_LIMIT)

    async def find_links(self, after: int, limit: int) -> list[AuditLink]:
        """Find the next links after a number, with their entries."""
        entries, links = audit_entries, audit_links
        query = (
            select(entries, links.c.number, links.c.entry_id, links.c.hash)
            .select_from(links)
            .outerjoin(entries, and_(entries.c.tenant_id == links.c.tenant_id, entries.c.id == links.c.entry_id))
            .where(links.c.tenant_id == self._tenant_id, links.c.number > after)
            .order_by(links.c.number)
            .limit(limit)
        )
        return [
            AuditLink(
                number=row.number,
                entry_id=AuditEntryId(row.entry_id),
                hash=row.hash,
                entry=None if row.id is None else _entry(row),
            )
            for row in await self._connection.execute(query)
        ]

    async def find_hash(self, number: int) -> bytes | None:
        """Find the hash of a link."""
        query = select(audit_links.c.hash).where(
            audit_links.c.tenant_id == self._tenant_id, audit_links.c.number == number
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def find_unlinked(self, limit: int) -> list[AuditEntryId]:
        """Find entries that are neither in the chain nor on their way into it."""
        entries = audit_entries
        linked, queued = (
            select(literal(1)).where(table.c.tenant_id == entries.c.tenant_id, table.c.entry_id == entries.c.id)
            for table in (audit_links, audit_queue)
        )
        query = (
            select(entries.c.id)
            .where(entries.c.tenant_id == self._tenant_id, ~linked.exists(), ~queued.exists())
            .order_by(entries.c.id)
            .limit(limit)
        )
        return [AuditEntryId(entry_id) for entry_id in await self._connection.scalars(query)]


def _entry(row: Row[Any]) -> AuditEntry:
    others: Sequence[str] = row.more_subjects or ()
    return AuditEntry(
        tenant_id=TenantId(row.tenant_id),
        id=AuditEntryId(row.id),
        at=row.at,
        actor=row.actor,
        action=row.action,
        subjects=(row.subject, *others),
        fields=tuple(row.fields or ()),
        origin=row.origin,
        request_id=row.request_id,
    )
