"""Comparison of holds with the lists they stand in, and with Postgres."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from availability.state.repository import BusyRepository
from bookings.repository import AppointmentRepository
from holds.encoding import claims_to_text, to_observed_hold
from holds.faults import (
    ConflictingClaim,
    ListFault,
    ObservedHold,
    appointment_is_lost,
    conflicting_claims,
    is_already_booked,
    list_faults,
    overlapping,
)
from holds.model import HoldStatus, LaneClaim
from holds.store import HoldStore, Settlement
from kernel.ids import AppointmentId, HoldId, ResourceId, TenantId
from kernel.spans import Span, day_date
from persistence import keys
from persistence.set_aside import set_aside
from persistence.unit_of_work import UnitOfWork
from reconciliation.report import Discrepancy, DiscrepancyKind, ReportDraft, format_span
from reconciliation.repository import ReconciliationRepository, ResourceSummary
from telemetry.metrics import Metrics

# Holds, or lists, read at once: a script of a millisecond or two.
_CHUNK: Final = 100

_WHY_NOT_LISTED: Final = {
    None: "which has no record",
    HoldStatus.EXPIRED: "which has expired",
    HoldStatus.CONFIRMED: "which became an appointment",
    HoldStatus.HELD: "whose record says otherwise",
    HoldStatus.PINNED: "whose record says otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _PostgresView:
    """Facts of Postgres about some holds."""

    booked: Mapping[HoldId, AppointmentId]
    existing: set[AppointmentId]
    claims: Sequence[ConflictingClaim]
    resources: Mapping[ResourceId, ResourceSummary]

    def key(self, resource_id: ResourceId) -> str:
        """The key of the resource, or its id where Postgres has no such resource."""
        resource = self.resources.get(resource_id)
        return resource.key if resource else resource_id


class HoldReconciliation:
    """Records and lists are read together, so what differs in them is a discrepancy.

    What differs from Postgres counts only if the hold is the same after Postgres was read as before: then it was so all
    the while.
    """

    def __init__(self, unit_of_work: UnitOfWork, store: HoldStore, metrics: Metrics) -> None:
        self._metrics = metrics
        self._unit_of_work = unit_of_work
        self._store = store

    async def check(
        self,
        tenant_id: TenantId,
        hold_ids: Iterable[HoldId],
        lists: Iterable[str],
        draft: ReportDraft,
        *,
        repair: bool,
    ) -> None:
        """Compare the holds, and those that the lists name. Raises StoreUnavailable, RedisUnavailable."""
        seen_in: defaultdict[HoldId, set[str]] = defaultdict(set)
        for hold_id in hold_ids:
            seen_in[hold_id] = set()
        names = iter(sorted(set(lists)))
        while chunk := list(islice(names, _CHUNK)):
            for name, entries in (await self._store.live_entries(tenant_id, chunk)).items():
                for entry in entries:
                    seen_in[HoldId(entry.partition(":")[0])].add(name)
                if name.startswith("held:"):
                    await self._check_overlaps(tenant_id, name, entries, draft)
        holds = iter(sorted(seen_in))
        while chunk_of_holds := list(islice(holds, _CHUNK)):
            draft.holds += len(chunk_of_holds)
            await self._check(tenant_id, {one: seen_in[one] for one in chunk_of_holds}, draft, repair=repair)

    async def _check_overlaps(self, tenant_id: TenantId, name: str, entries: Sequence[str], draft: ReportDraft) -> None:
        pairs = overlapping(entries)
        if not pairs:
            return
        resource_id = ResourceId(name.split(":")[1])
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            resources = await ReconciliationRepository(connection, tenant_id).find_resources([resource_id])
        key = resources[resource_id].key if resource_id in resources else resource_id
        for one, other in pairs:
            first, lane, start, end, *_ = one.split(":")
            second = other.partition(":")[0]
            span = Span(int(start), int(end))
            draft.add(
                Discrepancy(
                    kind=DiscrepancyKind.HOLDS_OVERLAP,
                    tenant_id=tenant_id,
                    subject=second,
                    resource_id=resource_id,
                    span=span,
                    detail=f"the holds {first} and {second} share minutes of {key}, lane {lane}, {format_span(span)}.",
                )
            )

    async def _check(
        self, tenant_id: TenantId, seen_in: Mapping[HoldId, set[str]], draft: ReportDraft, *, repair: bool
    ) -> None:
        observed_holds = await self._observe(tenant_id, seen_in)
        postgres = await self._read_postgres(tenant_id, observed_holds)
        for observed in observed_holds:
            for discrepancy in _list_discrepancies(tenant_id, observed, postgres):
                repaired = repair and await self._store.mend(tenant_id, observed.hold_id, seen_in[observed.hold_id])
                draft.add(discrepancy.as_repaired() if repaired else discrepancy)
        suspects = [one for one in observed_holds if any(_postgres_discrepancies(tenant_id, one, postgres))]
        if not suspects:
            return
        observed_again = await self._observe(tenant_id, {one.hold_id: seen_in[one.hold_id] for one in suspects})
        for before, after in zip(suspects, observed_again, strict=True):
            if (before.status, before.claims) == (after.status, after.claims):
                for discrepancy in _postgres_discrepancies(tenant_id, after, postgres):
                    repaired = repair and await self._settle(tenant_id, discrepancy, after, postgres)
                    draft.add(discrepancy.as_repaired() if repaired else discrepancy)

    async def _observe(self, tenant_id: TenantId, seen_in: Mapping[HoldId, set[str]]) -> list[ObservedHold]:
        """The holds as they are, without those whose record makes no sense."""
        observed: list[ObservedHold] = []
        for record in await self._store.observe(tenant_id, seen_in):
            with set_aside(self._metrics, "reconciliation", key=keys.hold(tenant_id, record.hold_id)):
                observed.append(to_observed_hold(record))
        return observed

    async def _read_postgres(self, tenant_id: TenantId, observed_holds: Sequence[ObservedHold]) -> _PostgresView:
        held = [one for one in observed_holds if one.status is HoldStatus.HELD]
        confirmed = {one.appointment_id for one in observed_holds if one.status is HoldStatus.CONFIRMED}
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = ReconciliationRepository(connection, tenant_id)
            appointments = AppointmentRepository(connection, tenant_id)
            return _PostgresView(
                booked=await appointments.find_booked([one.hold_id for one in held]),
                existing=await repository.find_existing([one for one in confirmed if one is not None]),
                claims=await repository.find_claims_on([claim for one in held for claim in one.claims]),
                resources=await repository.find_resources(_resources_of(observed_holds)),
            )

    async def _settle(
        self, tenant_id: TenantId, discrepancy: Discrepancy, observed: ObservedHold, postgres: _PostgresView
    ) -> bool:
        """Settle a hold that became an appointment, in place of its confirmation, which died."""
        if discrepancy.kind is not DiscrepancyKind.HOLD_OUTLIVED:
            return False
        appointment_id = postgres.booked[observed.hold_id]
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            busy = await BusyRepository(connection).find_claims(tenant_id, appointment_id)
        claims = [
            LaneClaim(resource_id=one.resource_id, lane=one.lane, span=one.span) for one in busy if one.lane is not None
        ]
        settlement = Settlement(
            hold_id=observed.hold_id,
            appointment_id=appointment_id,
            claims=claims_to_text(claims),
            # The versions that its confirmation saw died with it: the bitmaps are dropped.
            bitmap_versions="",
        )
        await self._store.settle(tenant_id, [settlement], commit_id=None)
        return True


def _resources_of(observed_holds: Iterable[ObservedHold]) -> Iterator[ResourceId]:
    for observed in observed_holds:
        yield from (claim.resource_id for claim in observed.claims)
        yield from (fault.staff_day[0] for fault in list_faults(observed) if fault.staff_day is not None)


def _list_discrepancies(tenant_id: TenantId, observed: ObservedHold, postgres: _PostgresView) -> Iterator[Discrepancy]:
    for fault in list_faults(observed):
        place = _place(fault, postgres)
        if fault.is_missing:
            detail = f"the hold {observed.hold_id} is missing from {place}."
        else:
            detail = f"{place} has the hold {observed.hold_id}, {_WHY_NOT_LISTED[observed.status]}."
        yield Discrepancy(
            kind=DiscrepancyKind.HOLD_LIST,
            tenant_id=tenant_id,
            subject=observed.hold_id,
            resource_id=fault.staff_day[0] if fault.staff_day else None,
            span=fault.claim[1] if fault.claim else None,
            detail=detail,
        )


def _place(fault: ListFault, postgres: _PostgresView) -> str:
    if fault.entry.list_name == "live":
        return "the list of live holds"
    if fault.staff_day is None or fault.claim is None:
        return "the list of its client"
    (resource_id, day), (lane, span) = fault.staff_day, fault.claim
    return f"the list of {postgres.key(resource_id)} on {day_date(day)} (lane {lane}, {format_span(span)})"


def _postgres_discrepancies(
    tenant_id: TenantId, observed: ObservedHold, postgres: _PostgresView
) -> Iterator[Discrepancy]:
    if appointment_is_lost(observed, postgres.existing):
        yield _about(
            tenant_id,
            observed,
            DiscrepancyKind.APPOINTMENT_LOST,
            f"is said to have become the appointment {observed.appointment_id}, which does not exist.",
        )
    if is_already_booked(observed, postgres.booked):
        booked = postgres.booked[observed.hold_id]
        yield _about(
            tenant_id,
            observed,
            DiscrepancyKind.HOLD_OUTLIVED,
            f"became the appointment {booked}, and still keeps its minutes.",
        )
        return
    for claim in conflicting_claims(observed, postgres.claims):
        place = f"{postgres.key(claim.resource_id)}, lane {claim.lane}, {format_span(claim.span)}"
        yield _about(
            tenant_id,
            observed,
            DiscrepancyKind.HOLD_ON_CLAIM,
            f"is on {place}, booked by the appointment {claim.appointment_id}.",
        )


def _about(tenant_id: TenantId, observed: ObservedHold, kind: DiscrepancyKind, what: str) -> Discrepancy:
    first = observed.claims[0] if observed.claims else None
    return Discrepancy(
        kind=kind,
        tenant_id=tenant_id,
        subject=observed.hold_id,
        resource_id=first.resource_id if first else None,
        span=first.span if first else None,
        detail=f"the hold {observed.hold_id} {what}",
    )
