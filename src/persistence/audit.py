"""Audit log as transactions write it: who did what, to which subject, in which fields; never what a field says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import new_audit_entry_id
from kernel.operation import Operation

COLUMNS: Final = "tenant_id, id, actor, action, subject, more_subjects, fields, origin, request_id"
"""Columns that an entry fills, for statements that insert `row_of` beside what it tells of, and queue it."""
RECORD: Final = (
    "tenant_id uuid, id text, actor text, action text, subject text, more_subjects text[], fields text[], origin text,"
    " request_id text"
)
"""Definition of a row that such a statement is given as JSON."""
_ADD: Final = text(
    f"""
    WITH added AS (
        INSERT INTO audit_entries ({COLUMNS})
        SELECT {COLUMNS} FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry ({RECORD})
        RETURNING tenant_id, id
    )
    INSERT INTO audit_queue (tenant_id, entry_id) SELECT tenant_id, id FROM added
    """  # noqa: S608 - of our own text alone
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNote:
    """One entry to come: what an operation did to one subject, or read of some."""

    subject: str
    """The id of it."""
    more_subjects: Sequence[str] = ()
    """Ids of the others of a list that was read."""
    fields: Sequence[str] = ()
    """Names of what was changed or read; empty: all of it, or nothing that has a name."""


class AuditLog:
    """Adds entries to the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation

    async def add(self, *notes: AuditNote) -> None:
        """Keep an entry for each note; they are there if and only if the transaction commits."""
        if notes:
            rows = [row_of(note, self._operation) for note in notes]
            await self._connection.execute(_ADD, {"entries": orjson.dumps(rows).decode()})


def row_of(note: AuditNote, operation: Operation) -> Mapping[str, object]:
    """Build the row of an entry about what the operation did."""
    return {
        # As text: drivers have a UUID of their own, which is no JSON.
        "tenant_id": str(operation.tenant_id),
        "id": new_audit_entry_id(),
        "actor": str(operation.actor),
        "action": operation.action,
        "subject": note.subject,
        "more_subjects": list(note.more_subjects) or None,
        "fields": list(note.fields) or None,
        "origin": operation.origin,
        "request_id": operation.request_id,
    }
