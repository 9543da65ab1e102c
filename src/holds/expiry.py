"""Expiry of holds: each one that ends by its deadline is reported once, by an event."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from catalogue.repositories.tenants import TenantRepository
from holds import events
from holds.encoding import to_hold
from holds.model import Hold, HoldStatus
from holds.store import MOST_OVERDUE, HoldRecord, HoldStore, OverdueHold
from kernel.ids import HoldId, TenantId
from kernel.operation import by_system
from persistence import keys
from persistence.set_aside import set_aside
from persistence.unit_of_work import Transaction, UnitOfWork
from telemetry.measures import HOLDS_EXPIRED
from telemetry.metrics import Metrics

# Transactions of one process at a time: a part of the pool, of which requests want some as well.
_WRITERS: Final = 8


class BookedHolds(Protocol):
    """The part of the bookings that expiry asks."""

    async def find_booked(self, transaction: Transaction, hold_ids: Collection[HoldId]) -> Collection[HoldId]:
        """The holds that became appointments, though Redis was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessExpiry:
    """Result of one look at the holds of a business."""

    expired: int
    """Holds whose expiry was reported now."""
    live: int
    now_ms: int
    is_leased: bool
    """Another process is reporting what has expired."""
    has_more: bool
    """More have expired than were read at once."""


class HoldExpiry:
    """Reports expired holds: an event in the outbox, then a note in Redis.

    A process that dies between the two leaves holds that another one reports again, once its lease has ended. Redis
    that fails in between does not: the process remembers the events it has written. Nothing depends on it: an expired
    hold is free at once.
    """

    def __init__(self, *, unit_of_work: UnitOfWork, store: HoldStore, booked: BookedHolds, metrics: Metrics) -> None:
        self._unit_of_work = unit_of_work
        self._store = store
        self._booked = booked
        self._metrics = metrics
        # Process numbers are given again; this never is.
        self._process = uuid4().hex
        self._written: dict[TenantId, set[str]] = {}
        self._writers = asyncio.Semaphore(_WRITERS)

    async def report(self, tenant_id: TenantId) -> BusinessExpiry:
        """Report up to MOST_OVERDUE holds of the business. Raises RedisUnavailable, StoreUnavailable.

        In each case the holds that were not reported are found by the next call.
        """
        overdue = await self._store.find_overdue(tenant_id, self._process)
        expired = 0
        if overdue.holds:
            written = self._written.setdefault(tenant_id, set())
            unwritten = [hold for hold in overdue.holds if hold.member not in written]
            if unwritten:
                expired = await self._write(tenant_id, unwritten)
                written.update(hold.member for hold in unwritten)
                self._metrics.add(HOLDS_EXPIRED, expired)
            await self._store.note_reported(tenant_id, self._process, [hold.member for hold in overdue.holds])
            del self._written[tenant_id]
        return BusinessExpiry(
            expired=expired,
            live=overdue.live,
            now_ms=overdue.now_ms,
            is_leased=overdue.is_leased,
            has_more=len(overdue.holds) >= MOST_OVERDUE,
        )

    async def _write(self, tenant_id: TenantId, overdue: Iterable[OverdueHold]) -> int:
        """Write an event for each hold that expired and did not become an appointment; the number that expired.

        One that was given up after its deadline has no record left to tell of: it is counted only.
        """
        records = [hold.record for hold in overdue]
        holds = self._readable(tenant_id, [record for record in records if record is not None])
        expired = {hold.id: hold for hold in holds if hold.status is HoldStatus.EXPIRED}
        given_up = sum(record is None for record in records)
        if not expired:
            return given_up
        async with self._writers, self._unit_of_work.begin(by_system(tenant_id, "expiry")) as transaction:
            if not await TenantRepository(transaction.connection).exists(tenant_id):
                return 0
            unbooked = await self._unbooked(transaction, expired)
            if unbooked:
                await transaction.outbox.add(*map(events.hold_expired, unbooked))
        return given_up + len(unbooked)

    def _readable(self, tenant_id: TenantId, records: Iterable[HoldRecord]) -> list[Hold]:
        """The holds whose records make sense. The end of another cannot be reported, and is noted as if it were."""
        holds: list[Hold] = []
        for record in records:
            with set_aside(self._metrics, "expiry", key=keys.hold(tenant_id, record.id)):
                holds.append(to_hold(record))
        return holds

    async def _unbooked(self, transaction: Transaction, expired: dict[HoldId, Hold]) -> list[Hold]:
        booked = await self._booked.find_booked(transaction, expired.keys())
        return [hold for hold_id, hold in expired.items() if hold_id not in booked]
