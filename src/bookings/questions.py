"""The decision whether a customer has given what a service asks for."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from availability.rules.routing import answer_faults, routing_of
from bookings.model import CustomerDetails
from bookings.phone_numbers import fault_of
from catalogue.model.catalogue import Catalogue
from catalogue.model.questions import Question
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.require import ContactDetail
from catalogue.model.services import Service
from holds.model import Hold
from kernel.errors import FieldError, ValidationFailed


def check_details(
    asked: Service,
    rules: EffectiveRules,
    customer: CustomerDetails,
    answers: Mapping[str, str],
    *,
    countries: Collection[str | None],
) -> None:
    """Raise ValidationFailed unless the details have what is required, and answers to the questions of the service.

    An empty answer counts as none. A telephone number is one of the countries, or has a country code.
    """
    errors = [
        *_missing(rules.require, customer),
        *_phone_faults(customer, countries),
        *_answer_faults(asked, answers),
    ]
    if errors:
        raise ValidationFailed(errors)


def check_routing(catalogue: Catalogue, asked: Service, answers: Mapping[str, str], hold: Hold) -> None:
    """Raise ValidationFailed where the answers lead to another service than that of the hold, or to others who serve.

    Raises NotFound where they lead to a service that is no longer offered.
    """
    routing = routing_of(catalogue, asked, answers)
    service = asked if routing is None else routing.service
    pointer = "answers" if routing is None else f"answers.{next(iter(routing.answers))}"
    if service.id != hold.service_id:
        detail = f'leads to the service "{service.key}": list its times with these answers, and choose one of those'
        raise ValidationFailed.of(pointer, detail)
    if routing is not None and not routing.admits(part.resource_id for part in hold.parts):
        keys = ", ".join(f'"{resource.key}"' for resource in routing.resources)
        raise ValidationFailed.of(
            pointer, f"leads to {keys}: list their times with these answers, and choose one of those"
        )


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


def _answer_faults(service: Service, answers: Mapping[str, str]) -> Iterator[FieldError]:
    yield from answer_faults(service, answers)
    for question in service.questions:
        if question.required and not answers.get(question.key):
            yield FieldError(f"answers.{question.key}", _required(question))


def _required(question: Question) -> str:
    return f'is required: "{question.label}"'
