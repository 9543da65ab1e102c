"""Use cases that make appointments, with or without Redis."""

import time
from contextlib import suppress
from dataclasses import replace

from availability.routing import BY_ANSWERS
from availability.rules.choices import requested_again
from availability.rules.overrides import rules_waived
from availability.rules.routing import Asker, routing_of
from bookings import contact_proof, lifecycle, limits, token
from bookings.audit_notes import note_reading
from bookings.collaborators import Collaborators
from bookings.contact_proof import ContactProof, VerificationRequired
from bookings.customer_address import is_signed_in_customer, owns_address
from bookings.lanes import lane_spans
from bookings.limits import DayFull
from bookings.model import Appointment, Booked, Details, LimitReached
from bookings.new_appointments import NewAppointment
from bookings.phone_numbers import countries_for, country_for
from bookings.questions import asker_of, check_details, followed_route
from bookings.repository import AppointmentRepository
from bookings.writer import AppointmentWriter, BookingAttempt, GroupCommit
from catalogue.model.business import Business
from catalogue.model.quotas import Quota, QuotaExceeded
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.services import Service
from holds import refusals
from holds.answer_seal import with_answers
from holds.model import Hold, HoldStatus, HoldsUnavailable, PlaceRequest, SlotTaken, Visitor
from holds.service import Pinning
from kernel.clock import business_now
from kernel.errors import DomainError, ValidationFailed
from kernel.ids import HoldId, hold_id_for, new_appointment_id, new_customer_id, new_hold_id
from kernel.operation import Operation
from kernel.spans import to_datetime
from persistence.errors import RedisUnavailable
from telemetry.measures import (
    BOOKINGS_DIRECT,
    BOOKINGS_LOST,
    BOOKINGS_REFUSED,
    CONFIRM_LOST,
    CONFIRM_REFUSED,
    HOLDS_CONFIRMED,
)


class BookingService:
    """Use cases that make appointments. Each is one transaction and safe to repeat."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._cache_sync = collaborators.cache_sync
        self._holds = collaborators.holds
        self._clock = collaborators.clock
        self._grace = collaborators.grace
        self._token_secrets = collaborators.token_secrets
        self._metrics = collaborators.metrics
        self._quota_of = collaborators.quota_of
        self._writer = AppointmentWriter(unit_of_work=collaborators.unit_of_work, on_commit=self._settle)

    async def confirm(self, operation: Operation, hold_id: HoldId, details: Details, *, if_free: bool) -> Booked:
        """Make a hold permanent. A repetition gives the same appointment again, with `created` false.

        If it may come from another party than the first, its answer has no token (lifecycle.is_answered_in_full).

        Raises HoldNotFound; HoldExpired, unless `if_free` and the time is still free; MoveHoldRefusal; SlotTaken when
        another writer went past the holds; LimitReached when a limit is used up, VerificationRequired when the visitor
        has to prove their address first, and ValidationFailed when something is missing that the service asks for, and
        then the hold lives on; HoldsUnavailable; and StoreUnavailable,
        after which the hold stays pinned until its grace ends. In each case nothing was booked, except that
        StoreUnavailable may hide a success: repeat the request.
        """
        try:
            return await self._confirm(operation, hold_id, details, if_free=if_free)
        except DomainError as refusal:
            self._metrics.add(CONFIRM_REFUSED, label=refusal.code)
            raise

    async def confirmed(self, operation: Operation, hold_id: HoldId, details: Details) -> Booked | None:
        """The answer that `confirm` gives to a repetition; None where the hold has become no appointment."""
        return await self._find_existing(operation, hold_id, details)

    async def _confirm(self, operation: Operation, hold_id: HoldId, details: Details, *, if_free: bool) -> Booked:
        commit_before = self._grace.commit_before()
        try:
            hold = await self._holds.pin(operation, hold_id, self._grace.pin_ms)
        except HoldsUnavailable:
            existing = await self._find_existing(operation, hold_id, details)
            if existing is None:
                raise
            return existing
        if hold is not None and hold.rescheduling is not None:
            await self._holds.unpin(operation, hold)
            raise refusals.hold_for_move(hold.rescheduling)
        if hold is not None and hold.status is HoldStatus.PINNED:
            return await self._confirm_pinned(operation, hold, details, commit_before)
        # Confirmed before, or gone: Postgres knows whether it became an appointment.
        existing = await self._find_existing(operation, hold_id, details)
        if existing is not None:
            return existing
        if hold is None:
            raise refusals.hold_not_found()
        if not if_free:
            raise refusals.hold_expired()
        secret = (await self._snapshots.catalogue(operation.tenant_id)).business.token_secret
        request = _request_of(with_answers(hold, secret), operation)
        return await self._book(operation, request, details, hold_id, proved_by=hold)

    async def _confirm_pinned(self, operation: Operation, hold: Hold, details: Details, commit_before: float) -> Booked:
        try:
            booked = await self._commit(operation, hold, details, commit_before)
        except (LimitReached, QuotaExceeded, ValidationFailed, VerificationRequired):
            await self._holds.unpin(operation, hold)
            raise
        except SlotTaken:
            self._metrics.add(CONFIRM_LOST)
            raise
        self._metrics.add(HOLDS_CONFIRMED, int(booked.created))
        return booked

    async def book(
        self,
        operation: Operation,
        request: PlaceRequest,
        details: Details,
        *,
        idempotency_key: str | None,
        visitor: Visitor | None = None,
    ) -> Booked:
        """Book a start without holding it first. Other visitors' holds are respected.

        With an `idempotency_key`, a name for this request and its repetitions, a repetition gives the same appointment
        again, even when the first attempt never answered. Without a `visitor` it is for the business itself, which may
        take any share of its time. Raises SlotTaken, SlotHeld or NotOffered when the start is not free,
        HoldLimitReached or ProofRefusal when visitors have taken as much lately as they may, LimitReached,
        VerificationRequired, NotFound, HoldsUnavailable, StoreUnavailable; in each case nothing was booked, except that
        StoreUnavailable may hide a success. Without Redis there are no holds, and the constraint alone decides.
        """
        try:
            return await self._book_once(operation, request, details, idempotency_key, visitor)
        except DomainError as refusal:
            self._metrics.add(BOOKINGS_REFUSED, label=refusal.code)
            raise

    async def _book_once(
        self,
        operation: Operation,
        request: PlaceRequest,
        details: Details,
        idempotency_key: str | None,
        visitor: Visitor | None,
    ) -> Booked:
        if idempotency_key is None:
            return await self._book(operation, request, details, new_hold_id(), visitor)
        hold_id = await self._named_hold(operation, request, details, idempotency_key)
        existing = await self._find_existing(operation, hold_id, details)
        return existing or await self._book(operation, request, details, hold_id, visitor)

    async def booked(
        self, operation: Operation, request: PlaceRequest, details: Details, idempotency_key: str | None
    ) -> Booked | None:
        """The answer that `book` gives to a repetition; None where no earlier request of this name has booked."""
        if idempotency_key is None:
            return None
        hold_id = await self._named_hold(operation, request, details, idempotency_key)
        return await self._find_existing(operation, hold_id, details)

    async def _named_hold(
        self, operation: Operation, request: PlaceRequest, details: Details, idempotency_key: str
    ) -> HoldId:
        """The id of the hold that a request and its repetitions place."""
        secret = (await self._snapshots.catalogue(operation.tenant_id)).business.token_secret
        return hold_id_for(secret, f"{idempotency_key}|{request!r}|{details.fingerprint}")

    async def _book(
        self,
        operation: Operation,
        request: PlaceRequest,
        details: Details,
        hold_id: HoldId,
        visitor: Visitor | None = None,
        *,
        proved_by: Hold | None = None,
    ) -> Booked:
        """Book a start, with the proof of the expired hold that was on it, if there was one."""
        pinning = Pinning(hold_id=hold_id, grace_ms=self._grace.pin_ms, visitor=visitor)
        give_up = self._grace.commit_before()
        gave_way: tuple[HoldId, ...] = ()
        request = await self._check_details(operation, request, details, proved_by)
        while True:
            commit_before = self._grace.commit_before()
            hold = await self._holds.place_pinned(operation, request, pinning)
            # The next attempt finds neither the hold that this one replaced nor those that gave way to it.
            request, gave_way = replace(request, replaces=None), gave_way + hold.gave_way
            if proved_by is not None:
                hold = replace(hold, client=proved_by.client, proof=proved_by.proof)
            try:
                booked = await self._commit(operation, hold, details, commit_before)
            except (QuotaExceeded, ValidationFailed, VerificationRequired):
                # The service asks for more since a moment ago, or the business may make no more today.
                with suppress(RedisUnavailable):
                    await self._holds.abandon(operation, hold.id)
                raise
            except LimitReached as refusal:
                with suppress(RedisUnavailable):
                    await self._holds.abandon(operation, hold.id)
                if not isinstance(refusal, DayFull) or time.monotonic() > give_up:
                    raise
            except SlotTaken:
                self._metrics.add(BOOKINGS_LOST)
                if time.monotonic() > give_up:
                    raise
            else:
                self._metrics.add(BOOKINGS_DIRECT, int(booked.created))
                return replace(booked, gave_way=gave_way)
            # The next attempt asks the resources that are left. Each loss is another booking's success, so it ends.

    async def _check_details(
        self, operation: Operation, request: PlaceRequest, details: Details, proved_by: Hold | None
    ) -> PlaceRequest:
        """The request, with the answers where these choose what is booked.

        Raises ValidationFailed where something is missing that the service asks for, before any hold gives way; and
        VerificationRequired where a visitor has to prove their address, which takes a hold: this one, if there was one.
        """
        snapshot = await self._snapshots.get(operation.tenant_id)
        catalogue, answers = snapshot.catalogue, {**request.answers, **details.answers}
        asked: Asker | None = catalogue.business
        if request.service != BY_ANSWERS:
            asked = catalogue.find_service_for(request.service, visitor=request.by_visitor)
        if asked is None:
            return request
        routing = routing_of(catalogue, asked, answers)
        service = asked if routing is None else routing.service
        # Answers to the business that lead to no service are refused where they are followed.
        if isinstance(service, Service):
            countries = countries_for(catalogue, service) if details.customer.phone else ()
            rules = snapshot.index.rules(service)
            check_details(asked, rules, details.customer, answers, countries=countries)
            givers = [
                contact_proof.Giver(operation=operation, details=details.customer, country=country)
                for country in countries or (None,)
            ]
            contact_proof.check_before_hold(rules.verify, givers, proved_by, catalogue.business.token_secret)
        is_routed = asked.routes or request.service == BY_ANSWERS
        return replace(request, answers=answers if is_routed else request.answers)

    async def _commit(self, operation: Operation, hold: Hold, details: Details, commit_before: float) -> Booked:
        """Write the appointment, its claims and its event in one transaction.

        Raises SlotTaken when the constraint refuses a claim, and gives it up. Raises LimitReached or QuotaExceeded
        when a limit is used up, and leaves the hold; ValidationFailed, where something is missing that the service asks
        for; and VerificationRequired.
        """
        snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version, naming=hold.names)
        catalogue = snapshot.catalogue
        hold = with_answers(hold, catalogue.business.token_secret)
        service, lead = catalogue.service_by_id[hold.service_id], catalogue.resource_by_id[hold.parts[0].resource_id]
        country = country_for(catalogue, lead, hold.location_id)
        asked, answers = asker_of(catalogue, hold), {**hold.answers, **details.answers}
        check_details(asked, snapshot.index.rules(service), details.customer, answers, countries=[country])
        led_to = followed_route(catalogue, asked, answers, hold)
        rules = snapshot.index.rules(service, lead)
        proof = await self._judge(operation, hold, details, rules, country, secret=catalogue.business.token_secret)
        change = lifecycle.book(
            hold,
            business_now(catalogue.business.sandbox_now, self._clock),
            appointment_id=new_appointment_id(),
            customer_id=new_customer_id(),
            details=details,
            rules=rules,
            timezone=catalogue.timezone_at(hold.location_id, lead),
            led_to=led_to,
            is_proved=proof.is_proved,
        )
        attempt = BookingAttempt(
            hold=hold,
            new=NewAppointment(operation=operation, change=change, lanes=lane_spans(catalogue, hold), country=country),
            limits=limits.limits_on(snapshot.index, service, change.appointment, by_visitor=proof.is_of_visitor),
            commit_before=commit_before - hold.pin_shortfall_ms / 1000,
            has_quota=self._quota_of(operation.tenant_id, Quota.APPOINTMENTS_PER_DAY) is not None,
        )
        try:
            written = await self._writer.write(attempt)
        except SlotTaken:
            await self._give_up(operation, hold)
            raise
        if not written.created:
            await self._settle_late(operation, hold, written.appointment)
            return await self._repeated(operation, written.appointment, catalogue.business, details)
        signed = await self._token(catalogue.business, written.appointment)
        return Booked(appointment=written.appointment, token=signed, created=True)

    async def _judge(
        self,
        operation: Operation,
        hold: Hold,
        details: Details,
        rules: EffectiveRules,
        country: str | None,
        *,
        secret: bytes,
    ) -> ContactProof:
        """Tell whether the address of the booking is proved. Raises VerificationRequired where it has to be and is not.

        Postgres is asked only about customers who are signed in.
        """
        is_signed_in = is_signed_in_customer(operation) and await owns_address(
            self._unit_of_work, operation, details.customer, country
        )
        giver = contact_proof.Giver(
            operation=operation, details=details.customer, country=country, is_signed_in=is_signed_in
        )
        return contact_proof.judge(rules.verify, giver, hold, secret)

    async def _settle(self, group: GroupCommit) -> None:
        """Turn the holds of a committed group into taken minutes, by one script. The appointments stand in any case."""
        await self._holds.settle(group.tenant_id, group.booked, commit_id=group.commit_id)

    async def _settle_late(self, operation: Operation, hold: Hold, appointment: Appointment) -> None:
        """Settle a hold whose appointment an earlier attempt made without settling it.

        The appointment may have changed since, so the cached bitmaps are dropped, not updated.
        """
        with suppress(RedisUnavailable):
            await self._forget(operation, hold)
            await self._holds.settle(operation.tenant_id, [(replace(hold, claims=()), appointment.id)], commit_id=None)

    async def _give_up(self, operation: Operation, hold: Hold) -> None:
        """Release a hold that Postgres refuses, and drop the cached bitmaps that say its time is free."""
        with suppress(RedisUnavailable):
            await self._forget(operation, hold)
            await self._holds.abandon(operation, hold.id)

    async def _forget(self, operation: Operation, hold: Hold) -> None:
        await self._cache_sync.forget(operation.tenant_id, [(claim.resource_id, claim.span) for claim in hold.claims])

    async def _find_existing(self, operation: Operation, hold_id: HoldId, details: Details) -> Booked | None:
        """Find the appointment that the hold became before, as the answer to these details."""
        async with self._unit_of_work.begin(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            appointment = await repository.find_by_hold(hold_id, own=operation.own)
            await note_reading(transaction, [] if appointment is None else [appointment])
        if appointment is None:
            return None
        # A token by a secret that was rotated away would open nothing.
        business = (await self._snapshots.latest(operation.tenant_id)).catalogue.business
        return await self._repeated(operation, appointment, business, details)

    async def _repeated(
        self, operation: Operation, appointment: Appointment, business: Business, details: Details
    ) -> Booked:
        now = business_now(business.sandbox_now, self._clock)
        if not lifecycle.is_answered_in_full(appointment, now, details=details, actor=operation.actor):
            return Booked(appointment=appointment, token=None, created=False)
        return Booked(appointment=appointment, token=await self._token(business, appointment), created=False)

    async def _token(self, business: Business, appointment: Appointment) -> str:
        return token.make_token(await self._token_secrets.of(business), business.id, appointment.id)


def _request_of(hold: Hold, operation: Operation) -> PlaceRequest:
    """Rebuild the request that placed the hold; what the business waived it waives again only itself."""
    return PlaceRequest(
        service=BY_ANSWERS if hold.asked_by_business else hold.asked_service_id or hold.service_id,
        start=to_datetime(hold.span.start),
        resource=hold.resource,
        location=hold.location_id,
        party=hold.party,
        overrides=() if operation.is_by_customer else rules_waived(hold.overrides),
        by_visitor=operation.is_by_customer,
        choices=requested_again(hold.choices),
        answers=hold.answers,
    )
