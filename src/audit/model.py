"""Entries of the audit log, and the chain over them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kernel.ids import AuditEntryId, TenantId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
START: Final = bytes(32)
"""Stands in place of a hash before the first link of a business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A deed, by whom and when. It names nobody, and no value: only ids and names of fields."""

    tenant_id: TenantId
    id: AuditEntryId
    at: datetime
    actor: str
    """Kind and id, such as business:key_…"""
    action: str
    subjects: tuple[str, ...]
    """Ids of what it was done to; of several where a list was read."""
    fields: tuple[str, ...]
    origin: str | None
    request_id: str | None

    def canonical(self, number: int) -> str:
        """The text that is hashed for its link: JSON as Postgres writes it, in the function link_audit_entries."""
        first, *others = self.subjects
        members: list[object] = [
            str(self.tenant_id),
            number,
            self.id,
            (self.at - _EPOCH) // timedelta(microseconds=1),
            self.actor,
            self.action,
            first,
            others or None,
            list(self.fields) or None,
            self.origin,
            self.request_id,
        ]
        return json.dumps(members, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLink:
    """A link of the chain of a business, with its entry."""

    number: int
    entry_id: AuditEntryId
    hash: bytes
    entry: AuditEntry | None
    """None: it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The end of a chain: whoever keeps it elsewhere can tell later if anything up to it was changed."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


EMPTY: Final = ChainHead(number=0, hash=START)
"""The head of a business without entries."""


def link_hash(previous: bytes, entry: AuditEntry, number: int) -> bytes:
    """The hash of the link that follows a hash."""
    return hashlib.sha256(previous + entry.canonical(number).encode()).digest()


def check_links(head: ChainHead, links: Sequence[AuditLink]) -> tuple[ChainHead, list[str]]:
    """The head after some more links, and a sentence for each that does not follow from what is before it."""
    faults: list[str] = []
    for link in links:
        if link.number != head.number + 1:
            faults.append(f"Links {head.number + 1} to {link.number - 1} are missing.")
        if link.entry is None:
            faults.append(f"Entry {link.entry_id}, of link {link.number}, is missing.")
        elif link.number == head.number + 1 and link_hash(head.hash, link.entry, link.number) != link.hash:
            faults.append(f"Entry {link.entry_id}, its link {link.number}, or the link before it was changed.")
        head = ChainHead(number=link.number, hash=link.hash)
    return head, faults
