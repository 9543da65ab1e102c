"""The decision whether a customer has given what a service asks for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from availability.rules.routing import Asker, answer_faults, routing_of
from bookings.model import CustomerDetails
from bookings.phone_numbers import fault_of
from catalogue.model.catalogue import Catalogue
from catalogue.model.questions import Question
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.require import ContactDetail
from catalogue.model.services import Service
from holds.model import Hold
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import ResourceId

_LIST_AGAIN: Final = "list {} times with these answers, and choose one of those"


def check_details(
    asked: Asker,
    rules: EffectiveRules,
    customer: CustomerDetails,
    answers: Mapping[str, str],
    *,
    countries: Collection[str | None],
) -> None:
    """Raise ValidationFailed unless the details have what is required, and answers to the questions of the asker.

    An empty answer counts as none. A telephone number is one of the countries, or has a country code.
    """
    errors = [
        *_missing(rules.require, customer),
        *_phone_faults(customer, countries),
        *_answer_faults(asked, answers),
    ]
    if errors:
        raise ValidationFailed(errors)


def asker_of(catalogue: Catalogue, hold: Hold) -> Asker:
    """The service or the business whose questions were answered for the hold."""
    if hold.asked_by_business:
        return catalogue.business
    return catalogue.service_by_id[hold.asked_service_id or hold.service_id]


def followed_route(
    catalogue: Catalogue, asked: Asker, answers: Mapping[str, str], hold: Hold
) -> tuple[ResourceId, ...]:
    """The resources that the answers lead to, one of which serves on the hold; empty: to any.

    Raises ValidationFailed where they lead to another service than that of the hold, to others who serve, or to another
    length; NotFound where they lead to a service that is no longer offered.
    """
    routing = routing_of(catalogue, asked, answers)
    if routing is None:
        _check_not_led_away(asked, hold)
        return ()
    pointer, service = f"answers.{next(iter(routing.answers))}", routing.service
    if service.id != hold.service_id:
        raise ValidationFailed.of(pointer, f'leads to the service "{service.key}": {_LIST_AGAIN.format("its")}')
    if not routing.admits(part.resource_id for part in hold.parts):
        keys = ", ".join(f'"{resource.key}"' for resource in routing.resources)
        raise ValidationFailed.of(pointer, f"leads to {keys}: {_LIST_AGAIN.format('their')}")
    held = hold.choices.duration
    if routing.duration_minutes is not None and (held is None or held.minutes != routing.duration_minutes):
        detail = f"leads to a visit of {routing.duration_minutes} minutes: {_LIST_AGAIN.format('its')}"
        raise ValidationFailed.of(pointer, detail)
    return routing.resource_ids


def _check_not_led_away(asked: Asker, hold: Hold) -> None:
    """Raise ValidationFailed where answers without a route do not lead to the service of the hold."""
    if not isinstance(asked, Service):
        raise ValidationFailed.of("answers", "lead to no service: list the times with these answers to see why")
    if asked.id != hold.service_id:
        raise ValidationFailed.of("answers", f'leads to the service "{asked.key}": {_LIST_AGAIN.format("its")}')


def check_amended(
    require: Sequence[ContactDetail], customer: CustomerDetails, changed: Collection[str], *, country: str | None
) -> None:
    """Raise ValidationFailed where a member that changed is no possible number, or removes what is required.

    What was missing before may go on to be.
    """
    errors = list(_missing([detail for detail in require if detail.value in changed], customer))
    if "phone" in changed:
        errors.extend(_phone_faults(customer, [country]))
    if errors:
        raise ValidationFailed(errors)


def _missing(required: Sequence[ContactDetail], customer: CustomerDetails) -> Iterator[FieldError]:
    given = {ContactDetail.EMAIL: customer.email, ContactDetail.PHONE: customer.phone}
    words = {ContactDetail.EMAIL: "an e-mail address", ContactDetail.PHONE: "a telephone number"}
    for detail in required:
        if not given[detail]:
            reason = f"is required: this service is not booked without {words[detail]}"
            yield FieldError(f"customer.{detail.value}", reason)


def _phone_faults(customer: CustomerDetails, countries: Collection[str | None]) -> Iterator[FieldError]:
    if customer.phone:
        faults = [fault_of(customer.phone, country) for country in countries]
        fault = next(iter(faults), None)
        if fault is not None and None not in faults:
            yield FieldError("customer.phone", fault)


def _answer_faults(asker: Asker, answers: Mapping[str, str]) -> Iterator[FieldError]:
    yield from answer_faults(asker, answers)
    for question in asker.questions:
        if question.required and not answers.get(question.key):
            yield FieldError(f"answers.{question.key}", _required(question))


def _required(question: Question) -> str:
    return f'is required: "{question.label}"'
