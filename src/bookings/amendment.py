"""Amendments: changes of what is booked, at the start that stays, and who may make them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from availability.rules.choices import RequestedChoices
from bookings import lifecycle
from bookings.fees import cancellation_fee, kept_while_approved
from bookings.held_visit import HeldVisit
from bookings.lifecycle import AppointmentChange
from bookings.model import Appointment, ChangedResource, CustomerDetails, CutoffPassed, InvalidTransition, Status
from catalogue.model.choices import NO_CHOICES, DurationOption
from catalogue.model.rules.rule import UNSET, Unset
from kernel.errors import ValidationFailed
from kernel.ids import CustomerId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import to_datetime, to_rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """New values of an appointment; what is unset stays."""

    customer: Mapping[str, Any] = field(default_factory=dict)
    """The members of the customer's details that change."""
    party: int | Unset = UNSET
    service: str | Unset = UNSET
    """Id or key."""
    duration_minutes: int | Unset = UNSET
    add_ons: tuple[str, ...] | Unset = UNSET
    notes: str | None | Unset = UNSET
    metadata: Mapping[str, str] | Unset = UNSET

    @property
    def is_of_visit(self) -> bool:
        """True if claims have to be laid anew."""
        changes = (self.party, self.service, self.duration_minutes, self.add_ons)
        return any(not isinstance(change, Unset) for change in changes)

    def without_present(self, appointment: Appointment) -> "Amendment":
        """The amendment without a party that the appointment has already, which is no change."""
        return replace(self, party=UNSET) if self.party == appointment.party else self

    def visit_minutes(self, appointment: Appointment) -> int | None:
        """The length without add-ons, which stays as it is; None: as chosen, or as another service says."""
        if not isinstance(self.duration_minutes, Unset) or not isinstance(self.service, Unset):
            return None
        return appointment.span.minutes - appointment.choices.added_minutes

    def choices(self, appointment: Appointment) -> RequestedChoices:
        """The choices: length and add-ons as sent, else as they are, unless another service is sent.

        The business may say a length that the service does not offer; the visit then keeps it when it moves.
        """
        kept = appointment.choices if isinstance(self.service, Unset) else NO_CHOICES
        if not isinstance(self.duration_minutes, Unset):
            kept = replace(kept, duration=DurationOption(minutes=self.duration_minutes))
        if isinstance(self.add_ons, Unset):
            return RequestedChoices(kept=kept)
        return RequestedChoices(add_ons=self.add_ons, kept=replace(kept, add_ons=()))

    def details(self, stored: CustomerDetails) -> CustomerDetails:
        """The customer's details with the members that change."""
        return replace(stored, **self.customer)

    @property
    def is_annotation(self) -> bool:
        """True if it concerns notes and metadata alone."""
        return not (self.is_of_visit or self.customer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """An appointment that was amended."""

    appointment: Appointment
    previous_price: Money
    changed_resources: tuple[ChangedResource, ...]

    @property
    def names(self) -> frozenset[str]:
        """The ids of everything in the catalogue that the appointment and the changes name."""
        return self.appointment.names | {each.before for each in self.changed_resources if each.before is not None}


def check_amendable(appointment: Appointment, now: datetime, *, actor: Actor, amendment: Amendment) -> None:
    """Raise InvalidTransition or CutoffPassed unless the actor may make the amendment now.

    What is booked can change while the appointment is pending or confirmed. A customer may amend up to
    `reschedule.until_minutes` before the start, as for a move; the business may correct a customer's details always.
    """
    is_by_customer = actor.kind is ActorKind.CUSTOMER
    if amendment.is_of_visit or is_by_customer:
        _check_active(appointment, now)
    cutoff = to_datetime(appointment.span.start) - timedelta(minutes=appointment.policy.reschedule.until_minutes)
    if is_by_customer and now > cutoff:
        raise CutoffPassed(
            f"The appointment could be changed until {to_rfc3339(cutoff)}. Ask the business.",
            cutoff=to_rfc3339(cutoff),
        )


def amend(
    appointment: Appointment,
    now: datetime,
    *,
    amendment: Amendment,
    actor: Actor,
    visit: HeldVisit | None,
    customer_id: CustomerId,
) -> AppointmentChange:
    """Apply an amendment, with the visit as it becomes where that changes.

    The price is worked out anew, and the policy stays. An amendment is no way round a fee or an approval: a customer
    makes a visit cheaper only while a cancellation costs nothing (else CutoffPassed), and has another visit approved
    where a move would be. Raises ValidationFailed where the business has changed its currency since the booking.
    """
    after = replace(
        appointment,
        customer_id=customer_id,
        # Only the business puts a visit to another customer.
        is_proved=appointment.is_proved or customer_id != appointment.customer_id,
        customer=amendment.details(appointment.customer),
        notes=appointment.notes if isinstance(amendment.notes, Unset) else amendment.notes,
        metadata=appointment.metadata if isinstance(amendment.metadata, Unset) else amendment.metadata,
    )
    if visit is None:
        return lifecycle.amend(appointment, now, after=after, approval=None)
    hold, is_by_customer = visit.hold, actor.kind is ActorKind.CUSTOMER
    price = _new_price(appointment, hold.price, amendment)
    if is_by_customer and price.amount_minor < appointment.price.amount_minor:
        _check_free_to_cancel(appointment, now)
    asks_again = is_by_customer and visit.approval is not None and visit.approval.on_move
    after = replace(
        after,
        service_id=hold.service_id,
        span=hold.span,
        parts=hold.parts,
        party=hold.party,
        price=price,
        choices=hold.choices,
        led_to=lifecycle.led_to_on(appointment, hold),
        timezone=visit.timezone,
        kept_fee=kept_while_approved(appointment, now) if asks_again else appointment.kept_fee,
    )
    return lifecycle.amend(appointment, now, after=after, approval=visit.approval if asks_again else None)


def _new_price(appointment: Appointment, price: Money, amendment: Amendment) -> Money:
    """The price of the amended visit. Raises ValidationFailed where it is in another currency than the booking.

    Fees and refunds are in the currency of the booking, so an amount in another one never takes its place.
    """
    booked = appointment.price
    if price.currency == booked.currency:
        return price
    if not price.amount_minor and not booked.amount_minor:
        return booked
    sent = {name: getattr(amendment, name) for name in ("party", "service", "duration_minutes", "add_ons")}
    raise ValidationFailed.of(
        next(name for name, value in sent.items() if not isinstance(value, Unset)),
        f"would be priced in {price.currency}, but the visit was booked in {booked.currency}: cancel it and book anew",
    )


def _check_free_to_cancel(appointment: Appointment, now: datetime) -> None:
    fee = cancellation_fee(appointment, now)
    if fee.amount_minor:
        detail = "A cancellation would cost a fee by now, so the visit cannot be made cheaper. Ask the business."
        raise CutoffPassed(detail)


def _check_active(appointment: Appointment, now: datetime) -> None:
    has_expired = appointment.approve_by is not None and now > appointment.approve_by
    if appointment.status not in {Status.PENDING, Status.CONFIRMED} or has_expired:
        status = "no longer to be approved" if has_expired else appointment.status
        raise InvalidTransition(
            f"The appointment is {status}; only a pending or confirmed one can be changed.",
            **{"from": appointment.status.value, "to": appointment.status.value},
        )
