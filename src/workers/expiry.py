"""Loop that notices the holds that expire, and counts those that live."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from holds.expiry import BusinessExpiry, HoldExpiry
from holds.register import HoldRegister
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.set_aside import set_aside
from telemetry.measures import HOLDS_LIVE
from telemetry.metrics import Metrics

# Businesses asked about in one turn, so in a few batches: Redis is free for others in between.
_BATCH: Final = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryReport:
    """Result of one run."""

    businesses: int
    """Businesses that have holds, or had some a minute ago."""
    expired: int
    live: int


class ExpiryLoop:
    """Several may run at the same time: what one reports is not given to another."""

    def __init__(self, *, expiry: HoldExpiry, register: HoldRegister, metrics: Metrics) -> None:
        self._expiry = expiry
        self._register = register
        self._metrics = metrics

    async def run_once(self, stop: asyncio.Event) -> ExpiryReport:
        """Report the expired holds of all businesses that have holds. Raises RedisUnavailable, StoreUnavailable."""
        tenant_ids = await self._register.businesses()
        answers: list[BusinessExpiry] = []
        lost: RedisUnavailable | StoreUnavailable | None = None
        for first in range(0, len(tenant_ids), _BATCH):
            if stop.is_set():
                break
            found, error = await self._report(tenant_ids[first : first + _BATCH], stop)
            answers += found
            lost = lost or error
        if lost is not None:
            raise lost
        report = ExpiryReport(
            businesses=len(answers),
            expired=sum(answer.expired for answer in answers),
            live=sum(answer.live for answer in answers),
        )
        self._metrics.set(HOLDS_LIVE, report.live)
        # Where another process is reporting, or there was no time, the business is still needed.
        if answers and not stop.is_set() and not any(answer.is_leased for answer in answers):
            await self._register.forget(min(answer.now_ms for answer in answers))
        log = _log.info if report.expired else _log.debug
        log("expiry.finished", expired=report.expired, live=report.live)
        return report

    async def _report(
        self, tenant_ids: Sequence[TenantId], stop: asyncio.Event
    ) -> tuple[list[BusinessExpiry], RedisUnavailable | StoreUnavailable | None]:
        """The answers of some businesses; one that cannot be reached keeps no other one waiting."""
        answers: list[BusinessExpiry] = []
        lost: RedisUnavailable | StoreUnavailable | None = None
        tasks = (self._report_or_set_aside(tenant_id, stop) for tenant_id in tenant_ids)
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(answer, (RedisUnavailable, StoreUnavailable)):
                lost = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                answers += answer
        return answers, lost

    async def _report_or_set_aside(self, tenant_id: TenantId, stop: asyncio.Event) -> list[BusinessExpiry]:
        answers: list[BusinessExpiry] = []
        with set_aside(self._metrics, "expiry", business=str(tenant_id)):
            answers.append(await self._report_all(tenant_id, stop))
        return answers

    async def _report_all(self, tenant_id: TenantId, stop: asyncio.Event) -> BusinessExpiry:
        answer = await self._expiry.report(tenant_id)
        while answer.has_more and not stop.is_set():
            earlier = answer.expired
            answer = await self._expiry.report(tenant_id)
            answer = replace(answer, expired=answer.expired + earlier)
        return answer
