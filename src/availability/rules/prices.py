"""Prices of visits: what a start costs, by those who serve."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from availability.model import MovingVisit, PriceRange
from availability.rules.bitmaps import as_bytes, at_least, tally
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.requirements import Requirements, VisitVariant
from catalogue.model.services import Service
from kernel.ids import ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Minute, Span

OwnPrice: TypeAlias = Money | None
"""The price of a resource of its own; None: that of the service."""
Able: TypeAlias = Callable[[int, ResourceId, VisitVariant], int]
"""Set: the starts at which a resource can fill a role, given by its index, in a variant."""


def price_of_choice(service: Service, requirements: Requirements, chosen: Iterable[Sequence[ResourceId]]) -> Money:
    """The price of a visit for one person with the resources chosen for each role.

    That of the first of them with a price of its own, else the service's.
    """
    roles = zip(requirements.roles, chosen, strict=True)
    own = (role.terms_of(resource_id).price for role, mine in roles for resource_id in mine)
    return next((price for price in own if price is not None), service.price)


def total_price(price: Money, party: int) -> Money:
    """The price of a visit is per person (docs/adr/0013)."""
    return Money(amount_minor=price.amount_minor * party, currency=price.currency)


def service_prices(
    index: CatalogueIndex, service: Service, *, party: int = 1, requested_resources: frozenset[ResourceId] = frozenset()
) -> PriceRange:
    """The range of what visits of the party cost each person, whatever is taken.

    Raises TooComplex where the variants are too many. Where roles contend for resources it may be wider than what a
    visit can cost in the end.
    """
    return index.memoised(_service_prices, service.id, party, requested_resources)


class _Offers(Protocol):
    """The answer of availability.rules.search."""

    @property
    def window(self) -> Span: ...

    def lead_starts(self) -> "LeadStarts": ...


class SlotPrices:
    """The prices of the slots of one search."""

    def __init__(
        self,
        index: CatalogueIndex,
        service: Service,
        requirements: Requirements,
        requested_resources: frozenset[ResourceId],
        offers: "_Offers",
        *,
        moving: MovingVisit | None = None,
    ) -> None:
        self._service = service
        self._requirements = requirements
        self._offers = offers
        self._lead_decides = _lead_decides(requirements)
        self._ranges: dict[tuple[OwnPrice, ...], PriceRange] = {}
        self._range_of_leads: dict[tuple[ResourceId, ...], PriceRange] = {}
        self._starts_by_price: dict[tuple[ResourceId, ...], list[tuple[OwnPrice, bytes]]] = {}
        self._moving = moving if moving is not None and moving.service_id == service.id else None
        self._is_requested = bool(requested_resources)
        of_any = self._priced(
            service_prices(index, service, party=requirements.party, requested_resources=requested_resources)
        )
        self.of_every_slot = of_any if of_any.lowest == of_any.highest else None
        """The prices of each slot where all have one price: then nothing need be asked slot by slot."""

    def of(self, start: Minute, leads: tuple[ResourceId, ...]) -> PriceRange:
        """The range of what a visit at an offered start may cost with any of these leads, however long it lasts."""
        if self.of_every_slot is not None:
            return self.of_every_slot
        if self._moving is not None:
            # Those who serve now are asked first.
            leads = tuple([lead for lead in leads if lead in self._moving.resource_ids]) or leads
        if not self._lead_decides:
            return self._range(self._own_prices_at(start, leads))
        found = self._range_of_leads.get(leads)
        if found is None:
            terms_of = self._requirements.roles[0].terms_of
            found = self._range_of_leads[leads] = self._range(tuple([terms_of(lead).price for lead in leads]))
        return found

    def _range(self, own: tuple[OwnPrice, ...]) -> PriceRange:
        found = self._ranges.get(own)
        if found is None:
            found = self._ranges[own] = self._priced(_range(self._service, own))
        return found

    def _priced(self, prices: PriceRange) -> PriceRange:
        """Price for the party; of a visit that moves, by the rule on its price."""
        if self._moving is None:
            return PriceRange(*[total_price(price, self._requirements.party) for price in prices])
        new = [total_price(price, self._moving.party) for price in prices]
        return PriceRange(
            *[self._moving.price_after(price, with_requested_resource=self._is_requested) for price in new]
        )

    def _own_prices_at(self, start: Minute, leads: tuple[ResourceId, ...]) -> tuple[OwnPrice, ...]:
        """The own prices that may decide at a start: those of other roles too, of resources that are free."""
        by_price = self._starts_by_price.get(leads)
        if by_price is None:
            ways = self._offers.lead_starts()
            by_price = self._starts_by_price[leads] = ways.starts_by_price(self._requirements, leads)
        offset = start - self._offers.window.start
        byte, bit = offset >> 3, 7 - (offset & 7)
        return tuple([own for own, marks in by_price if marks[byte] >> bit & 1])


class LeadStarts(NamedTuple):
    """The starts at which visits are possible: by who leads, and by who else is free."""

    window: Span
    of_leads: Mapping[ResourceId, Sequence[tuple[VisitVariant, int]]]
    """For each resource that can lead, the variants in which it does, with the starts as a bitmap of the window."""
    able: Able

    def starts_by_price(self, requirements: Requirements, leads: Iterable[ResourceId]) -> list[tuple[OwnPrice, bytes]]:
        """Each own price that may decide with one of these leads, with its starts in bytes of the window."""
        found: dict[OwnPrice, int] = {}
        for lead in leads:
            for variant, starts in self.of_leads[lead]:
                _add(found, _starts_by_price(requirements, variant, lead, starts, self.able))
        return [(own, as_bytes(starts, self.window)) for own, starts in found.items()]


def _service_prices(
    index: CatalogueIndex, service_id: ServiceId, party: int, requested_resources: frozenset[ResourceId]
) -> PriceRange:
    service = index.catalogue.service_by_id[service_id]
    if not any(terms.price is not None for entry in service.requires for terms in entry.terms.values()):
        return _range(service, (None,))
    requirements = index.requirements(service, party=party, requested_resources=requested_resources)
    found: dict[OwnPrice, int] = {}
    for variant in requirements.variants:
        for lead in dict.fromkeys(r for need in variant.needs if need.role == 0 for r in need.options):
            _add(found, _starts_by_price(requirements, variant, lead, 1, lambda _role, _resource, _variant: 1))
    return _range(service, tuple(found) or (None,))


def _range(service: Service, own: Iterable[OwnPrice]) -> PriceRange:
    prices = sorted([price or service.price for price in own], key=lambda price: price.amount_minor)
    return PriceRange(prices[0], prices[-1])


def _lead_decides(requirements: Requirements) -> bool:
    """True if the price follows from who leads alone."""
    lead, *others = requirements.roles
    if lead.count > 1:
        return False
    return all(lead.terms_of(resource_id).price is not None for resource_id in lead.pool) or not any(
        role.terms_of(resource_id).price is not None for role in others for resource_id in role.pool
    )


def _starts_by_price(
    requirements: Requirements, variant: VisitVariant, lead: ResourceId, starts: int, able: Able
) -> dict[OwnPrice, int]:
    """The own prices that may decide in a variant with a lead, each with its starts.

    The first role in which somebody chosen has one decides, so those of a later role count at starts where every
    earlier one may do without. Of several resources in one role any may come first.
    """
    found: dict[OwnPrice, int] = {}
    for number, role in enumerate(requirements.roles):
        if number == 0 and role.count == 1:
            wanted: list[tuple[tuple[ResourceId, ...], int]] = [((lead,), 1)]
        else:
            wanted = [(need.options, need.count) for need in variant.needs if need.role == number]
        without = starts
        for options, count in wanted:
            mine = {resource_id: able(number, resource_id, variant) & starts for resource_id in options}
            own = {resource_id: role.terms_of(resource_id).price for resource_id in options}
            for resource_id, price in own.items():
                if price is not None and mine[resource_id]:
                    _add(found, {price: mine[resource_id]})
            without &= at_least(
                tally([mine[resource_id] for resource_id in options if own[resource_id] is None]), count
            )
        starts = 0 if number == 0 and role.terms_of(lead).price is not None else without
        if not starts:
            return found
    _add(found, {None: starts})
    return found


def _add(found: dict[OwnPrice, int], more: Mapping[OwnPrice, int]) -> None:
    for own, starts in more.items():
        found[own] = found.get(own, 0) | starts
