"""Comparison of appointments with claims: Postgres with itself."""

import asyncio
from datetime import datetime

from kernel.ids import AppointmentId, TenantId
from persistence.unit_of_work import UnitOfWork
from reconciliation.report import Discrepancy, DiscrepancyKind, ReportDraft, format_span
from reconciliation.repository import FaultyClaim, ReconciliationRepository, UnclaimedPart


class ClaimReconciliation:
    """Each page is one snapshot, so no booking under way is taken for a discrepancy. Nothing is repaired."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def check(self, tenant_id: TenantId, now: datetime, draft: ReportDraft, stop: asyncio.Event) -> None:
        """Compare what has not ended by now. Raises StoreUnavailable."""
        await self._check_appointments(tenant_id, now, draft, stop)
        await self._check_lanes(tenant_id, now, draft, stop)

    async def _check_appointments(
        self, tenant_id: TenantId, now: datetime, draft: ReportDraft, stop: asyncio.Event
    ) -> None:
        after: tuple[datetime, AppointmentId] | None = None
        while not stop.is_set():
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                repository = ReconciliationRepository(connection, tenant_id)
                page = await repository.find_live_page(now, after)
                unclaimed_parts = await repository.find_unclaimed([one for _, one in page], now)
            if not page:
                return
            draft.appointments += len(page)
            for part in unclaimed_parts:
                draft.add(_unclaimed(tenant_id, part))
            after = page[-1]

    async def _check_lanes(self, tenant_id: TenantId, now: datetime, draft: ReportDraft, stop: asyncio.Event) -> None:
        after = 0
        while not stop.is_set():
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                repository = ReconciliationRepository(connection, tenant_id)
                lanes = await repository.find_lanes(after)
                faulty = await repository.find_faulty_claims(lanes, now)
            if not lanes:
                return
            draft.lanes += len(lanes)
            for claim in faulty:
                if claim.orphaned:
                    draft.add(_orphaned(tenant_id, claim))
                if claim.overlaps:
                    draft.add(_overlapping(tenant_id, claim))
            after = lanes[-1]


def _unclaimed(tenant_id: TenantId, part: UnclaimedPart) -> Discrepancy:
    whom = f"does not have {part.resource_key} for it" if part.resource_id else "has nobody to serve it"
    return Discrepancy(
        kind=DiscrepancyKind.APPOINTMENT_UNCLAIMED,
        tenant_id=tenant_id,
        subject=part.appointment_id,
        resource_id=part.resource_id,
        span=part.span,
        detail=f"the appointment {part.appointment_id}, {format_span(part.span)}, {whom}.",
    )


def _orphaned(tenant_id: TenantId, claim: FaultyClaim) -> Discrepancy:
    return _of_claim(tenant_id, claim, DiscrepancyKind.CLAIM_ORPHANED, "which is cancelled or does not exist")


def _overlapping(tenant_id: TenantId, claim: FaultyClaim) -> Discrepancy:
    return _of_claim(tenant_id, claim, DiscrepancyKind.CLAIMS_OVERLAP, "although the lane was taken already")


def _of_claim(tenant_id: TenantId, claim: FaultyClaim, kind: DiscrepancyKind, why: str) -> Discrepancy:
    place = f"{claim.resource_key}, lane {claim.lane}, {format_span(claim.span)}"
    return Discrepancy(
        kind=kind,
        tenant_id=tenant_id,
        subject=claim.appointment_id,
        resource_id=claim.resource_id,
        span=claim.span,
        detail=f"{place}, is claimed for the appointment {claim.appointment_id}, {why}.",
    )
