"""Visits that last as long as was chosen, or as the business says, whoever serves."""

from dataclasses import replace

from availability.rules.catalogue_index import CatalogueIndex, grid_step
from catalogue.limits import MAX_BLOCKED_MINUTES, MAX_STAY_BLOCKED_MINUTES
from catalogue.model.choices import Choices
from catalogue.model.requirements import Requirement
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import ServiceId
from kernel.money import Money


def lasts(service: Service, minutes: int) -> bool:
    """True if visits of the service last so long anyway, whoever serves, and whenever: of a stay clocks decide."""
    own = (terms.duration_minutes for entry in service.requires for terms in entry.terms.values())
    return service.duration is None and service.duration_minutes == minutes and all(each is None for each in own)


def index_with_choices(
    index: CatalogueIndex, service_id: ServiceId, choices: Choices, minutes: int | None
) -> CatalogueIndex:
    """The index of the same catalogue, in which visits of a service are as chosen.

    `minutes`: the length without the add-ons as the business says it, in place of the chosen one; None: it says none.
    The starts stay on the grid of the service. Raises ValidationFailed where the minutes with the buffers are more than
    a claim may have.
    """
    return index.with_service(chosen_service(index.catalogue.service_by_id[service_id], choices, minutes))


def chosen_service(service: Service, choices: Choices, minutes: int | None = None) -> Service:
    """The service as if it offered nothing but visits with these choices.

    A chosen length is that of the visit, whoever serves; parts of it keep their offsets and lengths, and end with the
    visit at the latest. Each add-on makes every visit longer and dearer by as much. The price of a length takes the
    place of the service's, also at times with another amount; a percentage applies to it.
    """
    prices = service.prices
    grid = replace(service.grid, step_minutes=grid_step(service))
    option = choices.duration
    if minutes is None and option is not None:
        minutes = option.minutes
    if minutes is not None:
        requires = tuple(map(_without_lengths, service.requires))
        whole = minutes + choices.added_minutes
        stay = None if service.duration is None else replace(service.duration, fixed_minutes=whole)
        service = replace(service, duration_minutes=minutes, duration=stay, requires=requires)
    if option is not None and option.price is not None:
        prices = tuple(entry if entry.price is None else replace(entry, price=None, percent=100) for entry in prices)
        service = replace(service, price=option.price, prices=prices)
    service = replace(
        service,
        duration_minutes=service.duration_minutes + choices.added_minutes,
        added_minor=_added_minor(service.price, choices),
        requires=tuple(_longer_by(entry, choices.added_minutes) for entry in service.requires),
        grid=grid,
    )
    _check_fits(service)
    return service


def _check_fits(service: Service) -> None:
    before, after = service.longest_buffers
    own = (terms.duration_minutes or 0 for entry in service.requires for terms in entry.terms.values())
    most = MAX_BLOCKED_MINUTES if service.duration is None else MAX_STAY_BLOCKED_MINUTES
    if before + max([service.duration_minutes, *own]) + after > most:
        detail = f"with its buffers, the visit may take {most} minutes at most"
        raise ValidationFailed.of("duration_minutes", detail)


def _without_lengths(entry: Requirement) -> Requirement:
    terms = {resource_id: replace(own, duration_minutes=None) for resource_id, own in entry.terms.items()}
    return replace(entry, terms=terms)


def _longer_by(entry: Requirement, added: int) -> Requirement:
    terms = {
        resource_id: own
        if own.duration_minutes is None
        else replace(own, duration_minutes=own.duration_minutes + added)
        for resource_id, own in entry.terms.items()
    }
    return replace(entry, terms=terms)


def _added_minor(price: Money, choices: Choices) -> int:
    """The price of all add-ons. One in another currency is from before the business changed that, and adds nothing."""
    prices = [add_on.price for add_on in choices.add_ons if add_on.price is not None]
    return sum(each.amount_minor for each in prices if each.currency == price.currency)
