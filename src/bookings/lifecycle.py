"""Decisions on appointments: each operation gives the appointment as it becomes, with the event that says so."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final

from availability.model import MovingVisit, Override
from availability.rules.prices import price_after_move
from availability.rules.route_pool import led_to_after
from bookings import fees
from bookings.model import (
    Appointment,
    CancellationReason,
    ChangedResource,
    CutoffPassed,
    Details,
    InvalidTransition,
    LimitReached,
    Policy,
    Status,
)
from catalogue.model.choices import Choices, add_on_record
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.rule import Unset
from holds.model import Hold
from kernel.errors import ValidationFailed, VersionConflict
from kernel.events import Event
from kernel.ids import AppointmentId, CustomerId, ResourceId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Span, to_datetime, to_rfc3339

REOPENED_FOR: Final = timedelta(days=1)
"""Time in which a completion or a no-show can be undone: a mistake is noticed at the latest when the day is counted."""
REPEATED_FOR: Final = timedelta(minutes=15)
"""Time in which a customer gets the answer to a booking once more: enough for retries over a bad connection."""
_TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW}),
    Status.CANCELLED: frozenset(),
    Status.COMPLETED: frozenset(),
    Status.NO_SHOW: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChange:
    """An appointment as an operation leaves it, and the event that reports the operation."""

    appointment: Appointment
    event: Event
    ends_visit: bool = False
    """True if the visit ends with it, so that what is left of its time is free."""


def book(
    hold: Hold,
    now: datetime,
    *,
    appointment_id: AppointmentId,
    customer_id: CustomerId,
    details: Details,
    rules: EffectiveRules,
    timezone: str,
    led_to: tuple[ResourceId, ...] = (),
    is_proved: bool = False,
) -> AppointmentChange:
    """Make an appointment of a hold: pending where the service asks for approval, otherwise confirmed.

    A visit that the business lets begin at once needs no approval: nobody could approve it in time.
    """
    approval = None if _has_begun_by_override(hold, now) else rules.approval
    appointment = Appointment(
        id=appointment_id,
        hold_id=hold.id,
        status=Status.CONFIRMED if approval is None else Status.PENDING,
        service_id=hold.service_id,
        span=hold.span,
        timezone=timezone,
        location_id=hold.location_id,
        parts=hold.parts,
        party=hold.party,
        price=hold.price,
        customer_id=customer_id,
        customer=details.customer,
        policy=Policy(cancellation=rules.cancellation, reschedule=rules.reschedule),
        overrides=hold.overrides,
        choices=hold.choices,
        notes=details.notes,
        metadata=details.metadata,
        answers={key: answer for key, answer in {**hold.answers, **details.answers}.items() if answer},
        led_to=led_to,
        details_digest=details.digest,
        times_rescheduled=0,
        approve_by=None if approval is None else _approve_by(approval, hold.span, now),
        cancelled_at=None,
        cancel_reason=None,
        cancelled_by=None,
        finished_at=None,
        fee=None,
        kept_fee=None,
        fee_start=None,
        is_proved=is_proved,
        client=hold.client,
        version=1,
        created_at=now,
        updated_at=now,
    )
    return AppointmentChange(appointment=appointment, event=_event(appointment.status.value, appointment))


def move(
    appointment: Appointment,
    now: datetime,
    *,
    actor: Actor,
    hold: Hold,
    timezone: str,
    approval: Approval | None = None,
) -> AppointmentChange:
    """Move to the time and the resources of a hold, where this approval is required.

    The price follows from the reschedule policy. The end of the wait for approval stays, unless the new start is
    earlier; a visit that the business lets begin at once is approved by that. Only a move by the customer is counted,
    and may need to be approved; what a cancellation then costs, `fees` says. Raises as `check_movable`.
    """
    check_movable(appointment, now, actor=actor)
    price = price_after_move(moving_visit(appointment), hold.price, with_requested_resource=hold.resource is not None)
    status, approve_by = appointment.status, appointment.approve_by
    if approve_by is not None and _has_begun_by_override(hold, now):
        status, approve_by = Status.CONFIRMED, None
    elif approve_by is not None:
        approve_by = min(approve_by, to_datetime(hold.span.start))
    elif actor.kind is ActorKind.CUSTOMER and approval is not None and approval.on_move:
        status, approve_by = Status.PENDING, _approve_by(approval, hold.span, now)
    clock = fees.clock_after_move(appointment, now, actor=actor, start=hold.span.start)
    moved = replace(
        _revised(appointment, now),
        status=status,
        span=hold.span,
        parts=hold.parts,
        price=price,
        timezone=timezone,
        location_id=hold.location_id,
        approve_by=approve_by,
        kept_fee=clock.kept,
        fee_start=clock.start,
        overrides=hold.overrides,
        choices=hold.choices,
        led_to=led_to_on(appointment, hold),
        times_rescheduled=appointment.times_rescheduled + (actor.kind is ActorKind.CUSTOMER),
    )
    return AppointmentChange(
        appointment=moved,
        event=_event("rescheduled", moved, moved_from=_start(appointment), previous=_visit(appointment)),
    )


def moving_visit(appointment: Appointment) -> MovingVisit:
    """The appointment as far as it decides its price after a move."""
    return MovingVisit(
        service_id=appointment.service_id,
        party=appointment.party,
        price=appointment.price,
        policy=appointment.policy.reschedule,
        resource_ids=frozenset(part.resource_id for part in appointment.parts),
        choices=appointment.choices,
        led_to=appointment.led_to,
    )


def led_to_on(appointment: Appointment, hold: Hold) -> tuple[ResourceId, ...]:
    """The resources among which the appointment stays once it is on the hold; another service has others."""
    if hold.service_id != appointment.service_id:
        return ()
    return led_to_after(appointment.led_to, [part.resource_id for part in hold.parts])


def check_hold_to_move_onto(appointment: Appointment, hold: Hold) -> None:
    """Raise ValidationFailed unless the hold is for the same service and party."""
    if hold.service_id != appointment.service_id or hold.party != appointment.party:
        raise ValidationFailed.of("hold", "must be for the service and the party of the appointment")
    if hold.rescheduling is None and not _has_same_choices(appointment, hold):
        raise ValidationFailed.of("hold", "must be for the length and the add-ons of the appointment")
    if hold.rescheduling not in {None, appointment.id}:
        raise ValidationFailed.of("hold", "is for a move of another appointment")


def _has_same_choices(appointment: Appointment, hold: Hold) -> bool:
    """True if a move onto a hold keeps what was chosen, by name; where no length was, the visit must be as long."""
    booked, held = appointment.choices, hold.choices
    if [add_on.key for add_on in booked.add_ons] != [add_on.key for add_on in held.add_ons]:
        return False
    if held.duration is None or booked.duration is None:
        return held.duration is booked.duration or hold.span.minutes == appointment.span.minutes
    return held.duration.minutes == booked.duration.minutes


def changed_resources(before: Appointment, after: Appointment) -> tuple[ChangedResource, ...]:
    """The resources that a move has replaced, role by role."""
    was, now = (dict.fromkeys((part.role, part.resource_id) for part in each.parts) for each in (before, after))
    changed = []
    for role in dict.fromkeys(role for role, _ in (*was, *now)):
        gone = [resource_id for name, resource_id in was if name == role and (role, resource_id) not in now]
        come = [resource_id for name, resource_id in now if name == role and (role, resource_id) not in was]
        changed += [ChangedResource(role=role, before=b, after=a) for b, a in zip_longest(gone, come)]
    return tuple(changed)


def cancel(appointment: Appointment, now: datetime, *, actor: Actor, reason: str | None) -> AppointmentChange:
    """Cancel: a customer for the fee that `fees` says, anybody else free of charge.

    Raises InvalidTransition; CutoffPassed when the actor is a customer and a confirmed visit has begun: the business
    may always cancel.
    """
    _check_transition(appointment, Status.CANCELLED)
    by_customer = actor.kind is ActorKind.CUSTOMER
    if by_customer and appointment.status is Status.CONFIRMED and now >= to_datetime(appointment.span.start):
        start = _start(appointment)
        detail = f"The appointment could be cancelled until it began at {start}. Ask the business to do it."
        raise CutoffPassed(detail, cutoff=start)
    fee = fees.cancellation_fee(appointment, now) if by_customer else appointment.price.percent(0)
    withdraws = by_customer and appointment.status is Status.PENDING
    cancelled = _cancelled(appointment, now, by=actor.kind, reason=reason, fee=fee)
    code = CancellationReason.WITHDRAWN if withdraws else CancellationReason.REQUESTED
    return AppointmentChange(appointment=cancelled, event=_end("cancelled", cancelled, code))


def decline(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Refuse a pending appointment, free of charge. Raises InvalidTransition."""
    if appointment.status is not Status.PENDING:
        raise _invalid(appointment, Status.CANCELLED, "only a pending one can be declined")
    free = appointment.price.percent(0)
    code = CancellationReason.DECLINED
    declined = _cancelled(appointment, now, by=ActorKind.BUSINESS, reason=code.value, fee=free)
    return AppointmentChange(appointment=declined, event=_end("declined", declined, code))


def expire(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Cancel an appointment that was not approved in time, free of charge."""
    free = appointment.price.percent(0)
    code = CancellationReason.APPROVAL_EXPIRED
    expired = _cancelled(appointment, now, by=ActorKind.SYSTEM, reason=code.value, fee=free)
    return AppointmentChange(appointment=expired, event=_end("expired", expired, code))


def approve(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Confirm a pending appointment. Raises InvalidTransition, also when it has expired."""
    _check_transition(appointment, Status.CONFIRMED)
    _check_not_expired(appointment, Status.CONFIRMED, now)
    approved = _with_status(appointment, Status.CONFIRMED, now)
    return AppointmentChange(appointment=approved, event=_event("approved", approved))


def complete(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Note that the visit took place, which ends it. Raises InvalidTransition, also before its start."""
    _check_transition(appointment, Status.COMPLETED)
    _check_begun(appointment, Status.COMPLETED, now)
    completed = replace(_with_status(appointment, Status.COMPLETED, now), finished_at=now)
    return AppointmentChange(appointment=completed, event=_event("completed", completed), ends_visit=True)


def no_show(appointment: Appointment, now: datetime, *, waives_fee: bool = False) -> AppointmentChange:
    """Note that the customer did not come, for the fee of the policy in force at the booking unless it is waived.

    Raises InvalidTransition, also before the start.
    """
    _check_transition(appointment, Status.NO_SHOW)
    _check_begun(appointment, Status.NO_SHOW, now)
    percent = 0 if waives_fee else appointment.policy.cancellation.no_show_fee_percent
    fee = appointment.price.percent(percent)
    missed = replace(_with_status(appointment, Status.NO_SHOW, now), finished_at=now, fee=fee)
    return AppointmentChange(appointment=missed, event=_event("no_show", missed), ends_visit=True)


def waive_fee(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Drop the fee of a cancellation or a no-show. Raises InvalidTransition where it has none."""
    if appointment.fee is None:
        raise _invalid(appointment, appointment.status, "it has no fee to waive")
    waived = replace(_revised(appointment, now), fee=appointment.price.percent(0))
    amount = _amount(appointment.fee)
    return AppointmentChange(appointment=waived, event=_event("fee_waived", waived, waived=amount))


def reopen(appointment: Appointment, now: datetime) -> AppointmentChange:
    """Undo a completion or a no-show, and its fee. Raises InvalidTransition when it is neither, or for over a day."""
    if appointment.status not in {Status.COMPLETED, Status.NO_SHOW}:
        raise _invalid(appointment, Status.CONFIRMED, "only a completed one or a no-show can be reopened")
    # An older program kept no such time; the appointment cannot have changed before it.
    until = (appointment.finished_at or appointment.updated_at) + REOPENED_FOR
    if now > until:
        raise _invalid(appointment, Status.CONFIRMED, f"it could be reopened until {to_rfc3339(until)}")
    reopened = replace(_with_status(appointment, Status.CONFIRMED, now), finished_at=None, fee=None)
    return AppointmentChange(
        appointment=reopened, event=_event("reopened", reopened, reopened_from=appointment.status.value)
    )


def annotate(
    appointment: Appointment, now: datetime, *, notes: str | None | Unset, metadata: Mapping[str, str] | Unset
) -> AppointmentChange:
    """Replace notes or metadata; an unset value leaves them as they are."""
    annotated = replace(
        _revised(appointment, now),
        notes=appointment.notes if isinstance(notes, Unset) else notes,
        metadata=appointment.metadata if isinstance(metadata, Unset) else metadata,
    )
    return AppointmentChange(appointment=annotated, event=_event("annotated", annotated))


def amend(
    appointment: Appointment, now: datetime, *, after: Appointment, approval: Approval | None
) -> AppointmentChange:
    """Take the appointment over as an amendment leaves it; the event has what was booked before.

    With an `approval`, it has to be approved again unless it is still pending.
    """
    amended = replace(after, version=appointment.version + 1, updated_at=now)
    if approval is not None and amended.status is Status.CONFIRMED:
        amended = replace(amended, status=Status.PENDING, approve_by=_approve_by(approval, amended.span, now))
    previous = {
        "service_id": appointment.service_id,
        "end": to_rfc3339(to_datetime(appointment.span.end)),
        "party": appointment.party,
        "price": _amount(appointment.price),
        "customer_id": appointment.customer_id,
    }
    return AppointmentChange(appointment=amended, event=_event("amended", amended, previous=previous))


def is_answered_in_full(appointment: Appointment, now: datetime, *, details: Details, actor: Actor) -> bool:
    """Tell whether a repeated booking may be given all of the first answer (docs/adr/0033).

    The business may read everything. A customer has to send what was sent at first, and soon after it: the id of a hold
    is no secret, so naming the hold proves nothing.
    """
    if actor.kind is not ActorKind.CUSTOMER:
        return True
    # Both ways: clocks of two servers differ a little, and a sandbox may be set back.
    is_recent = abs(now - appointment.created_at) <= REPEATED_FOR
    return is_recent and hmac.compare_digest(appointment.details_digest or "", details.digest)


def check_version(appointment: Appointment, expected: int | None) -> None:
    """Raise VersionConflict unless the appointment has the expected version; None expects none."""
    if expected is not None and expected != appointment.version:
        raise VersionConflict(
            "The appointment has changed since you read it. Read it again before you retry.",
            version=appointment.version,
        )


def check_movable(appointment: Appointment, now: datetime, *, actor: Actor) -> None:
    """Raise InvalidTransition, CutoffPassed or LimitReached unless the actor may move the appointment.

    A pending or confirmed appointment can be moved. A customer may do so up to `until_minutes` before its start, the
    boundary included, and `max_times` in all; neither limit binds the business.
    """
    if appointment.status not in {Status.PENDING, Status.CONFIRMED}:
        raise _invalid(appointment, appointment.status, "only a pending or confirmed one can be rescheduled")
    _check_not_expired(appointment, appointment.status, now)
    if actor.kind is ActorKind.CUSTOMER:
        _check_reschedule_policy(appointment, now)


def _check_reschedule_policy(appointment: Appointment, now: datetime) -> None:
    reschedule = appointment.policy.reschedule
    cutoff = to_datetime(appointment.span.start) - timedelta(minutes=reschedule.until_minutes)
    if now > cutoff:
        raise CutoffPassed(
            f"The appointment could be rescheduled until {to_rfc3339(cutoff)}.",
            cutoff=to_rfc3339(cutoff),
        )
    if reschedule.max_times is not None and appointment.times_rescheduled >= reschedule.max_times:
        raise LimitReached(
            _too_often(appointment.times_rescheduled),
            rule="reschedule",
            limit=reschedule.max_times,
        )


def _too_often(times: int) -> str:
    """The refusal of one more move after so many, which may be none."""
    if not times:
        return "The appointment may not be rescheduled: its policy allows no moves."
    return f"The appointment has been rescheduled {times} {'time' if times == 1 else 'times'}, the most allowed."


def _check_transition(appointment: Appointment, to: Status) -> None:
    if to not in _TRANSITIONS[appointment.status]:
        raise _invalid(appointment, to, f"it cannot become {to}")


def _check_begun(appointment: Appointment, to: Status, now: datetime) -> None:
    if now < to_datetime(appointment.span.start):
        raise InvalidTransition(
            f"The appointment begins at {_start(appointment)}; it cannot become {to} before that.",
            **{"from": appointment.status.value, "to": to.value},
        )


def _check_not_expired(appointment: Appointment, to: Status, now: datetime) -> None:
    if _has_expired(appointment, now):
        assert appointment.approve_by is not None, "an appointment without a deadline never expires"
        raise InvalidTransition(
            f"The appointment was not approved by {to_rfc3339(appointment.approve_by)} and has expired. "
            "Book the time again.",
            **{"from": appointment.status.value, "to": to.value},
        )


def _invalid(appointment: Appointment, to: Status, objection: str) -> InvalidTransition:
    return InvalidTransition(
        f"The appointment is {appointment.status}; {objection}.",
        **{"from": appointment.status.value, "to": to.value},
    )


def _has_expired(appointment: Appointment, now: datetime) -> bool:
    """Tell from the clock alone that the approval did not come in time; the cancellation may follow a little later."""
    return appointment.approve_by is not None and now > appointment.approve_by


def _cancelled(
    appointment: Appointment, now: datetime, *, by: ActorKind, reason: str | None, fee: Money
) -> Appointment:
    cancelled = _with_status(appointment, Status.CANCELLED, now)
    return replace(cancelled, cancelled_at=now, cancelled_by=by, cancel_reason=reason, fee=fee)


def _with_status(appointment: Appointment, status: Status, now: datetime) -> Appointment:
    """Set a status that an operation leads to; none leads to pending, so the wait for approval ends."""
    return replace(_revised(appointment, now), status=status, approve_by=None)


def _revised(appointment: Appointment, now: datetime) -> Appointment:
    return replace(appointment, version=appointment.version + 1, updated_at=now)


def _approve_by(approval: Approval, span: Span, now: datetime) -> datetime:
    return min(now + timedelta(minutes=approval.minutes), to_datetime(span.start))


def _has_begun_by_override(hold: Hold, now: datetime) -> bool:
    waives_notice = not {Override.LEAD_TIME, Override.PAST}.isdisjoint(hold.overrides)
    return waives_notice and to_datetime(hold.span.start) <= now


def _start(appointment: Appointment) -> str:
    return to_rfc3339(to_datetime(appointment.span.start))


def _end(name: str, cancelled: Appointment, code: CancellationReason) -> Event:
    """Report an end, with the side that brought it about and its cause."""
    assert cancelled.cancelled_by is not None, "each end has somebody behind it"
    return _event(name, cancelled, by=cancelled.cancelled_by.value, reason_code=code.value)


def _visit(appointment: Appointment) -> dict[str, object]:
    """Report when a visit is, with whom, and for how much."""
    return {
        "start": _start(appointment),
        "end": to_rfc3339(to_datetime(appointment.span.end)),
        "resources": [{"role": part.role, "resource_id": part.resource_id} for part in appointment.parts],
        "price": _amount(appointment.price),
    }


def _chosen(choices: Choices) -> Mapping[str, object]:
    """Report the length and the add-ons, where any were chosen."""
    data: dict[str, object] = {}
    if choices.duration is not None:
        data["duration_minutes"] = choices.duration.minutes
    if choices.add_ons:
        data["add_ons"] = [add_on_record(add_on) for add_on in choices.add_ons]
    return data


def _amount(money: Money) -> Mapping[str, object]:
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def _event(name: str, appointment: Appointment, **more: object) -> Event:
    """Report an operation with all the data that subscribers need to react."""
    data: Mapping[str, object] = {
        "id": appointment.id,
        "status": appointment.status.value,
        "service_id": appointment.service_id,
        "start": _start(appointment),
        "end": to_rfc3339(to_datetime(appointment.span.end)),
        "timezone": appointment.timezone,
        **({} if appointment.location_id is None else {"location_id": appointment.location_id}),
        "resources": [{"role": part.role, "resource_id": part.resource_id} for part in appointment.parts],
        "party": appointment.party,
        "price": _amount(appointment.price),
        "customer_id": appointment.customer_id,
        "approve_by": None if appointment.approve_by is None else to_rfc3339(appointment.approve_by),
        "version": appointment.version,
        **({} if appointment.fee is None else {"fee": _amount(appointment.fee)}),
        **({} if appointment.kept_fee is None else {"kept_fee": _amount(appointment.kept_fee)}),
        **({"override": [override.value for override in appointment.overrides]} if appointment.overrides else {}),
        **_chosen(appointment.choices),
        **more,
    }
    return Event(name=f"appointment.{name}.v1", subject=appointment.id, data=data)
