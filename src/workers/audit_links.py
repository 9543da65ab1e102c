"""Loop that adds new entries of the audit log to the chains of their businesses."""

import asyncio
from dataclasses import dataclass

import structlog

from audit.service import BATCH, AuditService

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLinkReport:
    """Result of one run."""

    linked: int


class AuditLinkLoop:
    """The elected process runs it; several at once are safe, for one waits for none and links nothing."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit

    async def run_once(self, stop: asyncio.Event) -> AuditLinkReport:
        """Link every entry there is. Raises StoreUnavailable."""
        linked = 0
        while not stop.is_set():
            some = await self._audit.link()
            linked += some
            if some < BATCH:
                break
        _log.debug("audit_links.finished", linked=linked)
        return AuditLinkReport(linked=linked)
