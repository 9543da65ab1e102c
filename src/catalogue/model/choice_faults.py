"""Faults in the choices that a service offers."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from catalogue.limits import MAX_BLOCKED_MINUTES
from kernel.errors import FieldError

if TYPE_CHECKING:
    from catalogue.model.requirements import TermsDocument
    from catalogue.model.services import ServiceDocument


def faults_of_choices(service: "ServiceDocument", terms: Iterable[tuple[str, "TermsDocument"]]) -> Iterator[FieldError]:
    """Each fault with its place; `terms` are those of each resource, with the pointer to them."""
    if service.durations or service.add_ons:
        named = list(terms)
        yield from chain(_lengths(service), _add_ons(service), _prices(service), _terms(service, named))
        yield from _blocked(service, [each.duration_minutes or 0 for _, each in named])


def faults_of_extras(service: "ServiceDocument") -> Iterator[FieldError]:
    """The faults of the add-ons of a stay, of which none makes it longer."""
    yield from chain(_add_ons(service), _prices(service))


def _lengths(service: "ServiceDocument") -> Iterator[FieldError]:
    minutes = [option.minutes for option in service.durations]
    for place, length in enumerate(minutes):
        if length in minutes[:place]:
            yield FieldError(f"durations[{place}]", "must name each length once")
    if minutes and service.duration_minutes not in minutes:
        detail = f"must have {service.duration_minutes} among them: the duration_minutes, for who chooses no length"
        yield FieldError("durations", detail)
    for place, option in enumerate(service.durations):
        if option.minutes == service.duration_minutes and option.price not in {None, service.price}:
            detail = "must be absent, or the price of the service: that is the price of its duration_minutes"
            yield FieldError(f"durations[{place}].price", detail)
    for place, entry in enumerate(service.requires):
        part_end = entry.offset_minutes + (entry.duration_minutes or 1)
        if minutes and part_end > min(minutes):
            yield FieldError(f"requires[{place}]", f"must end within the shortest of the durations, {min(minutes)}")


def _add_ons(service: "ServiceDocument") -> Iterator[FieldError]:
    keys = [add_on.key for add_on in service.add_ons]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            yield FieldError(f"add_ons[{place}].key", f'must be unique among the add-ons; "{key}" is used before')


def _prices(service: "ServiceDocument") -> Iterator[FieldError]:
    """A visit has one price, so all that makes it up is in one currency."""
    priced = [(f"durations[{place}].price", option.price) for place, option in enumerate(service.durations)]
    priced += [(f"add_ons[{place}].price", add_on.price) for place, add_on in enumerate(service.add_ons)]
    for pointer, price in priced:
        if price is not None and service.price is None:
            yield FieldError("price", f"must be given beside {pointer}")
        elif price is not None and service.price is not None and price.currency != service.price.currency:
            yield FieldError(
                f"{pointer}.currency", f"must be {service.price.currency}, the currency of the service's price"
            )


def _terms(service: "ServiceDocument", terms: Iterable[tuple[str, "TermsDocument"]]) -> Iterator[FieldError]:
    """A chosen length is that of the visit, whoever serves, and has one price."""
    has_prices = any(option.price is not None for option in service.durations)
    for pointer, each in terms:
        if service.durations and each.duration_minutes is not None:
            yield FieldError(f"{pointer}.duration_minutes", "must be absent beside durations to choose from")
        if has_prices and each.price is not None:
            yield FieldError(f"{pointer}.price", "must be absent where durations have prices")


def _blocked(service: "ServiceDocument", own_minutes: Iterable[int]) -> Iterator[FieldError]:
    before = max([service.buffer_before_minutes, *(entry.buffer_before_minutes or 0 for entry in service.requires)])
    after = max([service.buffer_after_minutes, *(entry.buffer_after_minutes or 0 for entry in service.requires)])
    detail = f"a visit may take at most {MAX_BLOCKED_MINUTES} minutes, including the buffers"
    added = sum(add_on.minutes for add_on in service.add_ons)
    for place, option in enumerate(service.durations):
        if before + option.minutes + after > MAX_BLOCKED_MINUTES:
            yield FieldError(f"durations[{place}]", detail)
            return
    longest = max([service.minutes, *own_minutes, *(option.minutes for option in service.durations)])
    if before + longest + after <= MAX_BLOCKED_MINUTES < before + longest + added + after:
        yield FieldError("add_ons", f"{detail} and all add-ons")
