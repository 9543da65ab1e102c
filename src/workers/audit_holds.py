"""Comparing live holds with the lists they stand in, and with Postgres."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from availability.state.repository import BusyRepository
from holds.encoding import claims_to_text, to_observed_hold
from holds.model import HoldStatus, LaneClaim
from holds.reconciliation import (
    ConflictingClaim,
    ListFault,
    ObservedHold,
    appointment_is_lost,
    conflicting_claims,
    is_already_booked,
    list_faults,
    overlapping,
)
from holds.store import HoldStore, Settlement
from kernel.ids import AppointmentId, HoldId, ResourceId, TenantId
from kernel.spans import Span, day_date
from persistence.unit_of_work import UnitOfWork
from workers.audit_report import Difference, Findings, Kind, when
from workers.repository import AuditRepository, KnownResource

# Holds, or lists, read at once: a script of a millisecond or two.
CHUNK: Final = 100

_WHY_NOT: Final = {
    None: "which has no record",
    HoldStatus.EXPIRED: "which has expired",
    HoldStatus.CONFIRMED: "which became an appointment",
    HoldStatus.HELD: "whose record says otherwise",
    HoldStatus.PINNED: "whose record says otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """What Postgres says of some holds."""

    booked: Mapping[HoldId, AppointmentId]
    existing: set[AppointmentId]
    claims: Sequence[ConflictingClaim]
    resources: Mapping[ResourceId, KnownResource]

    def key(self, resource_id: ResourceId) -> str:
        """What the business calls the resource."""
        resource = self.resources.get(resource_id)
        return resource.key if resource else resource_id


class HoldAudit:
    """Records and lists are read together, so what differs in them is a difference.

    What differs from Postgres counts only if the hold is the same after Postgres was read as before: then it was so all
    the while.
    """

    def __init__(self, unit_of_work: UnitOfWork, store: HoldStore) -> None:
        self._unit_of_work = unit_of_work
        self._store = store

    async def check(
        self,
        tenant_id: TenantId,
        hold_ids: Iterable[HoldId],
        lists: Iterable[str],
        findings: Findings,
        *,
        repair: bool,
    ) -> None:
        """Compare the holds, and those that the lists name. Raises StoreUnavailable, RedisUnavailable."""
        seen: defaultdict[HoldId, set[str]] = defaultdict(set)
        for hold_id in hold_ids:
            seen[hold_id] = set()
        names = iter(sorted(set(lists)))
        while chunk := list(islice(names, CHUNK)):
            for name, entries in (await self._store.live_entries(tenant_id, chunk)).items():
                for entry in entries:
                    seen[HoldId(entry.partition(":")[0])].add(name)
                if name.startswith("held:"):
                    await self._check_overlaps(tenant_id, name, entries, findings)
        holds = iter(sorted(seen))
        while chunk_of_holds := list(islice(holds, CHUNK)):
            findings.holds += len(chunk_of_holds)
            await self._check(tenant_id, {one: seen[one] for one in chunk_of_holds}, findings, repair=repair)

    async def _check_overlaps(self, tenant_id: TenantId, name: str, entries: Sequence[str], findings: Findings) -> None:
        pairs = overlapping(entries)
        if not pairs:
            return
        resource_id = ResourceId(name.split(":")[1])
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            snapshot = await AuditRepository(connection, tenant_id).find_resources([resource_id])
        key = snapshot[resource_id].key if resource_id in snapshot else resource_id
        for one, other in pairs:
            first, lane, start, end, _ = one.split(":")
            second = other.partition(":")[0]
            span = Span(int(start), int(end))
            findings.add(
                Difference(
                    kind=Kind.HOLDS_OVERLAP,
                    tenant_id=tenant_id,
                    subject=second,
                    resource_id=resource_id,
                    span=span,
                    detail=f"the holds {first} and {second} share minutes of {key}, lane {lane}, {when(span)}.",
                )
            )

    async def _check(
        self, tenant_id: TenantId, seen: Mapping[HoldId, set[str]], findings: Findings, *, repair: bool
    ) -> None:
        observed_holds = await self._examine(tenant_id, seen)
        ledger = await self._read_ledger(tenant_id, observed_holds)
        for observed in observed_holds:
            for difference in _list_differences(tenant_id, observed, ledger):
                mended = repair and await self._store.mend(tenant_id, observed.hold_id, seen[observed.hold_id])
                findings.add(difference.mended() if mended else difference)
        suspects = [one for one in observed_holds if any(_ledger_differences(tenant_id, one, ledger))]
        if not suspects:
            return
        again = await self._examine(tenant_id, {one.hold_id: seen[one.hold_id] for one in suspects})
        for before, after in zip(suspects, again, strict=True):
            if (before.status, before.claims) == (after.status, after.claims):
                for difference in _ledger_differences(tenant_id, after, ledger):
                    mended = repair and await self._settled(tenant_id, difference, after, ledger)
                    findings.add(difference.mended() if mended else difference)

    async def _examine(self, tenant_id: TenantId, seen: Mapping[HoldId, set[str]]) -> list[ObservedHold]:
        return [to_observed_hold(examined) for examined in await self._store.examine(tenant_id, seen)]

    async def _read_ledger(self, tenant_id: TenantId, observed_holds: Sequence[ObservedHold]) -> _Ledger:
        held = [one for one in observed_holds if one.status is HoldStatus.HELD]
        confirmed = {one.appointment_id for one in observed_holds if one.status is HoldStatus.CONFIRMED}
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = AuditRepository(connection, tenant_id)
            return _Ledger(
                booked=await repository.find_booked([one.hold_id for one in held]),
                existing=await repository.find_existing([one for one in confirmed if one is not None]),
                claims=await repository.find_claims_on([claim for one in held for claim in one.claims]),
                resources=await repository.find_resources(_resources_of(observed_holds)),
            )

    async def _settled(
        self, tenant_id: TenantId, difference: Difference, observed: ObservedHold, ledger: _Ledger
    ) -> bool:
        """Do for a hold that became an appointment what its confirmation did not live to do."""
        if difference.kind is not Kind.HOLD_OUTLIVED:
            return False
        appointment_id = ledger.booked[observed.hold_id]
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            busy = await BusyRepository(connection).find_claims(tenant_id, appointment_id)
        claims = [
            LaneClaim(resource_id=one.resource_id, lane=one.lane, span=one.span) for one in busy if one.lane is not None
        ]
        settlement = Settlement(
            hold_id=observed.hold_id,
            appointment_id=appointment_id,
            claims=claims_to_text(claims),
            # What its confirmation has seen died with it: the bitmaps are dropped.
            bitmap_versions="",
        )
        await self._store.settle(tenant_id, [settlement], commit_id=None)
        return True


def _resources_of(observed_holds: Iterable[ObservedHold]) -> Iterator[ResourceId]:
    for observed in observed_holds:
        yield from (claim.resource_id for claim in observed.claims)
        yield from (fault.staff_day[0] for fault in list_faults(observed) if fault.staff_day is not None)


def _list_differences(tenant_id: TenantId, observed: ObservedHold, ledger: _Ledger) -> Iterator[Difference]:
    for fault in list_faults(observed):
        place = _place(fault, ledger)
        if fault.is_missing:
            detail = f"the hold {observed.hold_id} is missing from {place}."
        else:
            detail = f"{place} has the hold {observed.hold_id}, {_WHY_NOT[observed.status]}."
        yield Difference(
            kind=Kind.HOLD_LIST,
            tenant_id=tenant_id,
            subject=observed.hold_id,
            resource_id=fault.staff_day[0] if fault.staff_day else None,
            span=fault.claim[1] if fault.claim else None,
            detail=detail,
        )


def _place(fault: ListFault, ledger: _Ledger) -> str:
    if fault.entry.list_name == "live":
        return "the list of live holds"
    if fault.staff_day is None or fault.claim is None:
        return "the list of its client"
    (resource_id, day), (lane, span) = fault.staff_day, fault.claim
    return f"the list of {ledger.key(resource_id)} on {day_date(day)} (lane {lane}, {when(span)})"


def _ledger_differences(tenant_id: TenantId, observed: ObservedHold, ledger: _Ledger) -> Iterator[Difference]:
    if appointment_is_lost(observed, ledger.existing):
        yield _about(
            tenant_id,
            observed,
            Kind.APPOINTMENT_LOST,
            f"is said to have become the appointment {observed.appointment_id}, which does not exist.",
        )
    if is_already_booked(observed, ledger.booked):
        booked = ledger.booked[observed.hold_id]
        yield _about(
            tenant_id, observed, Kind.HOLD_OUTLIVED, f"became the appointment {booked}, and still keeps its minutes."
        )
        return
    for claim in conflicting_claims(observed, ledger.claims):
        place = f"{ledger.key(claim.resource_id)}, lane {claim.lane}, {when(claim.span)}"
        yield _about(
            tenant_id, observed, Kind.HOLD_ON_CLAIM, f"is on {place}, booked by the appointment {claim.appointment_id}."
        )


def _about(tenant_id: TenantId, observed: ObservedHold, kind: Kind, what: str) -> Difference:
    first = observed.claims[0] if observed.claims else None
    return Difference(
        kind=kind,
        tenant_id=tenant_id,
        subject=observed.hold_id,
        resource_id=first.resource_id if first else None,
        span=first.span if first else None,
        detail=f"the hold {observed.hold_id} {what}",
    )
