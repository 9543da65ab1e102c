"""Comparing appointments with claims: what Postgres says with what Postgres says."""

import asyncio
from datetime import datetime

from kernel.ids import AppointmentId, TenantId
from persistence.unit_of_work import UnitOfWork
from workers.audit_report import Difference, Findings, Kind, when
from workers.repository import AuditRepository, Unclaimed, WrongClaim


class LedgerAudit:
    """Each page is one snapshot, so what differs in it is a difference. Nothing is repaired: somebody has to decide."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def check(self, tenant_id: TenantId, now: datetime, findings: Findings, stop: asyncio.Event) -> None:
        """Compare what has not ended by now. Raises StoreUnavailable."""
        await self._check_appointments(tenant_id, now, findings, stop)
        await self._check_lanes(tenant_id, now, findings, stop)

    async def _check_appointments(
        self, tenant_id: TenantId, now: datetime, findings: Findings, stop: asyncio.Event
    ) -> None:
        after: tuple[datetime, AppointmentId] | None = None
        while not stop.is_set():
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                repository = AuditRepository(connection, tenant_id)
                page = await repository.find_live_page(now, after)
                unclaimed = await repository.find_unclaimed([one for _, one in page])
            if not page:
                return
            findings.appointments += len(page)
            for one in unclaimed:
                findings.add(_unclaimed(tenant_id, one))
            after = page[-1]

    async def _check_lanes(self, tenant_id: TenantId, now: datetime, findings: Findings, stop: asyncio.Event) -> None:
        after = 0
        while not stop.is_set():
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                repository = AuditRepository(connection, tenant_id)
                lanes = await repository.find_lanes(after)
                wrong = await repository.find_wrong_claims(lanes, now)
            if not lanes:
                return
            findings.lanes += len(lanes)
            for claim in wrong:
                if claim.orphaned:
                    findings.add(_wrong(tenant_id, claim, Kind.CLAIM_ORPHANED, "which is cancelled or does not exist"))
                if claim.overlaps:
                    findings.add(_wrong(tenant_id, claim, Kind.CLAIMS_OVERLAP, "although the lane was taken already"))
            after = lanes[-1]


def _unclaimed(tenant_id: TenantId, one: Unclaimed) -> Difference:
    whom = f"does not have {one.resource_key} for it" if one.resource_id else "has nobody to serve it"
    return Difference(
        kind=Kind.APPOINTMENT_UNCLAIMED,
        tenant_id=tenant_id,
        subject=one.appointment_id,
        resource_id=one.resource_id,
        span=one.span,
        detail=f"the appointment {one.appointment_id}, {when(one.span)}, {whom}.",
    )


def _wrong(tenant_id: TenantId, claim: WrongClaim, kind: Kind, why: str) -> Difference:
    place = f"{claim.resource_key}, lane {claim.lane}, {when(claim.span)}"
    return Difference(
        kind=kind,
        tenant_id=tenant_id,
        subject=claim.appointment_id,
        resource_id=claim.resource_id,
        span=claim.span,
        detail=f"{place}, is claimed for the appointment {claim.appointment_id}, {why}.",
    )
