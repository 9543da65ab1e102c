"""Turning holds into appointments, with or without Redis."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from availability.cache_sync import CacheSync
from availability.state.catalogue_snapshots import CatalogueSnapshot, CatalogueSnapshots
from bookings import booking, limits, token
from bookings.grace import Grace
from bookings.insertion import Entry
from bookings.ledger import AlreadyBooked, Booking, Ledger
from bookings.limits import DayFull
from bookings.model import Appointment, Booked, Details, LimitReached
from bookings.repository import AppointmentRepository, LaneSpan
from catalogue.model.catalogue import Catalogue
from holds import refusals
from holds.model import Hold, HoldNotFound, HoldStatus, HoldsUnavailable, LaneClaim, PlaceRequest, SlotTaken
from holds.service import HoldService, Pinning
from kernel.clock import Clock, business_now
from kernel.errors import DomainError
from kernel.ids import AppointmentId, HoldId, TenantId, hold_id_for, new_appointment_id, new_customer_id, new_hold_id
from kernel.operation import Operation
from kernel.spans import to_datetime
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork
from telemetry.measures import (
    BOOKINGS_DIRECT,
    BOOKINGS_LOST,
    BOOKINGS_REFUSED,
    CONFIRM_LOST,
    CONFIRM_REFUSED,
    HOLDS_CONFIRMED,
)
from telemetry.metrics import Metrics


class BookingService:
    """Use cases that make appointments. Each is one transaction and safe to repeat."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        snapshots: CatalogueSnapshots,
        cache_sync: CacheSync,
        holds: HoldService,
        clock: Clock,
        grace: Grace,
        metrics: Metrics,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots
        self._cache_sync = cache_sync
        self._holds = holds
        self._clock = clock
        self._grace = grace
        self._metrics = metrics
        self._ledger = Ledger(unit_of_work=unit_of_work, holds=holds)

    async def confirm(self, operation: Operation, hold_id: HoldId, details: Details, *, if_free: bool) -> Booked:
        """Make a hold permanent. Repeating it gives the same appointment again, with `created` false.

        Raises HoldNotFound; HoldExpired, unless `if_free` and the time can still be had; SlotTaken when somebody went
        past the holds; LimitReached when a limit is used up, and then the hold lives on; HoldsUnavailable; and
        StoreUnavailable, after which the hold stays pinned until its grace ends. In each case nothing was booked,
        except that StoreUnavailable may hide a success: repeat the request.
        """
        try:
            return await self._confirm(operation, hold_id, details, if_free=if_free)
        except DomainError as refusal:
            self._metrics.add(CONFIRM_REFUSED, label=refusal.code)
            raise

    async def _confirm(self, operation: Operation, hold_id: HoldId, details: Details, *, if_free: bool) -> Booked:
        commit_before = self._grace.commit_before()
        try:
            hold = await self._holds.pin(operation, hold_id, self._grace.pin_ms)
        except HoldsUnavailable:
            before = await self._booked_before(operation, hold_id)
            if before is None:
                raise
            return before
        if hold is not None and hold.status is HoldStatus.PINNED:
            try:
                booked = await self._commit(operation, hold, details, commit_before)
            except LimitReached:
                await self._holds.unpin(operation, hold)
                raise
            except SlotTaken:
                self._metrics.add(CONFIRM_LOST)
                raise
            self._metrics.add(HOLDS_CONFIRMED, int(booked.created))
            return booked
        # Confirmed before, or gone: Postgres knows whether it became an appointment.
        before = await self._booked_before(operation, hold_id)
        if before is not None:
            return before
        if hold is None:
            raise HoldNotFound("There is no such hold: it was released, or expired long ago, or never was.")
        if not if_free:
            raise refusals.hold_expired()
        return await self._book(operation, _request_behind(hold), details, hold_id)

    async def book(
        self, operation: Operation, request: PlaceRequest, details: Details, *, idempotency_key: str | None
    ) -> Booked:
        """Book a start without holding it first. Other people's holds are honoured.

        With an `idempotency_key` a repetition of the same request gives the same appointment again, even when the first
        attempt never answered. Raises SlotTaken, SlotHeld or NotOffered when the start is not free, LimitReached,
        NotFound, HoldsUnavailable, StoreUnavailable; in each case nothing was booked, except that StoreUnavailable may
        hide a success. Without Redis nobody can hold, and the constraint alone decides.
        """
        try:
            return await self._book_once(operation, request, details, idempotency_key)
        except DomainError as refusal:
            self._metrics.add(BOOKINGS_REFUSED, label=refusal.code)
            raise

    async def _book_once(
        self, operation: Operation, request: PlaceRequest, details: Details, idempotency_key: str | None
    ) -> Booked:
        if idempotency_key is None:
            return await self._book(operation, request, details, new_hold_id())
        secret = (await self._snapshots.catalogue(operation.tenant_id)).business.token_secret
        hold_id = hold_id_for(secret, f"{idempotency_key}|{request!r}|{details!r}")
        return await self._booked_before(operation, hold_id) or await self._book(operation, request, details, hold_id)

    async def _book(self, operation: Operation, request: PlaceRequest, details: Details, hold_id: HoldId) -> Booked:
        pinning = Pinning(hold_id=hold_id, grace_ms=self._grace.pin_ms)
        give_up = self._grace.commit_before()
        while True:
            commit_before = self._grace.commit_before()
            hold = await self._holds.place_pinned(operation, request, pinning)
            try:
                booked = await self._commit(operation, hold, details, commit_before)
            except LimitReached as refusal:
                await self._abandon(operation, hold.id)
                if not isinstance(refusal, DayFull) or time.monotonic() > give_up:
                    raise
            except SlotTaken:
                self._metrics.add(BOOKINGS_LOST)
                if time.monotonic() > give_up:
                    raise
            else:
                self._metrics.add(BOOKINGS_DIRECT, int(booked.created))
                return booked
            # Whoever is left is asked next. Each loss is somebody else's success, so this comes to an end.

    async def _commit(self, operation: Operation, hold: Hold, details: Details, commit_before: float) -> Booked:
        """Write the appointment, its claims and its event in one transaction; then settle Redis.

        Raises SlotTaken when the constraint refuses a claim: the hold is given up then, and what was cached forgotten.
        Raises LimitReached, and leaves the hold, when a limit is used up.
        """
        snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version)
        secret = snapshot.catalogue.business.token_secret
        try:
            appointment = await self._ledger.write(self._booking(operation, snapshot, hold, details, commit_before))
        except AlreadyBooked as already:
            await self._close(operation, hold, already.appointment)
            return _booked(operation.tenant_id, already.appointment, secret, created=False)
        except SlotTaken:
            await self._give_up(operation, hold)
            raise
        return _booked(operation.tenant_id, appointment, secret, created=True)

    def _booking(
        self, operation: Operation, snapshot: CatalogueSnapshot, hold: Hold, details: Details, commit_before: float
    ) -> Booking:
        catalogue = snapshot.catalogue
        service, lead = catalogue.service_by_id[hold.service_id], catalogue.resource_by_id[hold.parts[0].resource_id]
        appointment = booking.new_appointment(
            new_appointment_id(),
            hold=hold,
            details=details,
            customer_id=new_customer_id(),
            rules=snapshot.index.rules(service, lead),
            timezone=lead.schedule.timezone,
            now=business_now(catalogue.business.sandbox_now, self._clock),
        )
        return Booking(
            hold=hold,
            entry=Entry(operation=operation, appointment=appointment, lanes=lane_spans(catalogue, hold.claims)),
            limits=limits.limits_on(snapshot.index, service, appointment),
            commit_before=commit_before,
        )

    async def _close(self, operation: Operation, hold: Hold, appointment: Appointment) -> None:
        """Settle a hold whose appointment was made before, and never settled.

        Much may have become of the appointment since: what is cached is forgotten, not changed.
        """
        with suppress(RedisUnavailable):
            await self._cache_sync.forget(
                operation.tenant_id, [(claim.resource_id, claim.span) for claim in hold.claims]
            )
            await self._holds.settle(operation.tenant_id, [(replace(hold, claims=()), appointment.id)], commit_id=None)

    async def _give_up(self, operation: Operation, hold: Hold) -> None:
        """What was cached said free, and Postgres says taken: forget it, and the hold."""
        with suppress(RedisUnavailable):
            await self._cache_sync.forget(
                operation.tenant_id, [(claim.resource_id, claim.span) for claim in hold.claims]
            )
            await self._holds.abandon(operation, hold.id)

    async def _abandon(self, operation: Operation, hold_id: HoldId) -> None:
        """Give up a hold that was made for this booking alone."""
        with suppress(RedisUnavailable):
            await self._holds.abandon(operation, hold_id)

    async def _booked_before(self, operation: Operation, hold_id: HoldId) -> Booked | None:
        """The appointment that the hold has become, if it has."""
        async with self._unit_of_work.begin(operation) as transaction:
            appointment = await AppointmentRepository(transaction.connection, operation.tenant_id).find_by_hold(hold_id)
        if appointment is None:
            return None
        secret = (await self._snapshots.catalogue(operation.tenant_id)).business.token_secret
        return _booked(operation.tenant_id, appointment, secret, created=False)

    async def verify_token(self, text: str) -> tuple[TenantId, AppointmentId] | None:
        """The appointment a token opens; None when it opens none. Raises StoreUnavailable."""
        named = token.named_in(text)
        if named is None:
            return None
        # Past all caches: whoever makes up a token must not make us remember a business that is not.
        async with self._unit_of_work.snapshot(named[0]) as connection:
            secret = await AppointmentRepository(connection, named[0]).find_token_secret()
        return named if secret is not None and token.is_genuine(text, secret, *named) else None


def _booked(tenant_id: TenantId, appointment: Appointment, secret: bytes, *, created: bool) -> Booked:
    made = token.make_token(secret, tenant_id, appointment.id)
    return Booked(appointment=appointment, token=made, created=created)


def lane_spans(catalogue: Catalogue, claims: Sequence[LaneClaim]) -> list[LaneSpan]:
    """The claims with the keys of their lanes' rows."""
    return [(catalogue.resource_by_id[claim.resource_id].lanes[claim.lane - 1].id, claim.span) for claim in claims]


def _request_behind(hold: Hold) -> PlaceRequest:
    """What was asked for when the hold was placed."""
    return PlaceRequest(
        service=hold.service_id,
        start=to_datetime(hold.span.start),
        resource=hold.resource,
        party=hold.party,
    )
