"""Prices of visits: what a start costs, by those who serve and by its time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from availability.model import MovingVisit, PriceRange
from availability.rules.bitmaps import as_bytes, at_least, tally
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.release import Discount
from availability.rules.requirements import Requirements, VisitVariant
from availability.rules.timed_prices import OwnPrice, PriceTerms, minute_of_week, price_at, price_by, price_week
from catalogue.model.services import Service
from catalogue.model.timed_prices import TimedPrice
from kernel.ids import ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Minute, Span
from kernel.zones import constant_offsets

Able: TypeAlias = Callable[[int, ResourceId, VisitVariant], int]
"""Set: the starts at which a resource can fill a role, given by its index, in a variant."""


class AllocationPrice(NamedTuple):
    """The price of a visit with certain resources, at any start."""

    service: Service
    own: OwnPrice
    """The price of the first of the resources with one of its own."""
    timezone: str
    """The zone of the resource that leads."""

    def at(self, start: Minute, percent_off: int = 0) -> Money:
        """The price for one person, at a discount by the time of the start."""
        return price_at(self.service, self.own, self.timezone, start, percent_off)


def price_of_choice(
    service: Service, requirements: Requirements, chosen: Sequence[Sequence[ResourceId]]
) -> AllocationPrice:
    """The price of a visit with the resources chosen for each role."""
    roles = zip(requirements.roles, chosen, strict=True)
    own = (role.terms_of(resource_id).price for role, mine in roles for resource_id in mine)
    return AllocationPrice(
        service,
        next((price for price in own if price is not None), None),
        requirements.roles[0].pool[chosen[0][0]].schedule.timezone,
    )


def total_price(price: Money, party: int) -> Money:
    """The price of a visit is per person (docs/adr/0013)."""
    return Money(amount_minor=price.amount_minor * party, currency=price.currency)


def price_after_move(moving: MovingVisit, new: Money, *, with_requested_resource: bool) -> Money:
    """The price of a visit once it has moved to where a new one would cost so much.

    An amount in another currency never takes its place: fees and refunds are in the currency of the booking.
    """
    keeps = moving.policy.keeps_price(with_requested_resource=with_requested_resource)
    return moving.price if keeps or new.currency != moving.price.currency else new


def service_prices(
    index: CatalogueIndex, service: Service, *, party: int = 1, requested_resources: frozenset[ResourceId] = frozenset()
) -> PriceRange:
    """The range of what visits of the party (or CatalogueIndex.any_party) cost each person, whatever is taken.

    Raises TooComplex where the variants are too many. Where roles contend for resources it may be wider than what a
    visit can cost in the end.
    """
    return index.memoised(_service_prices, service.id, party, requested_resources)


class _Offers(Protocol):
    """The answer of availability.rules.search."""

    @property
    def window(self) -> Span: ...

    def lead_starts(self) -> "LeadStarts": ...

    def discounts(self, resource_id: ResourceId) -> Sequence[Discount]: ...


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
        self._ranges: dict[tuple[tuple[OwnPrice, ...], PriceTerms], PriceRange] = {}
        self._range_of_leads: dict[tuple[ResourceId, ...], PriceRange] = {}
        by_time = bool(service.prices) or index.counts_claims(service)
        self._clocks = _Clocks(index, service, requirements, offers) if by_time else None
        self._starts_by_price: dict[tuple[ResourceId, ...], list[tuple[OwnPrice, bytes]]] = {}
        self._moving = moving if moving is not None and moving.service_id == service.id else None
        self._is_requested = bool(requested_resources) and not (moving is not None and moving.is_along_route)
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
        if self._clocks is not None:
            return _hull([self._of(start, mine, terms) for mine, terms in self._clocks.terms_at(start, leads)])
        if not self._lead_decides:
            return self._of(start, leads, PriceTerms())
        found = self._range_of_leads.get(leads)
        if found is None:
            found = self._range_of_leads[leads] = self._of(start, leads, PriceTerms())
        return found

    def _of(self, start: Minute, leads: tuple[ResourceId, ...], terms: PriceTerms) -> PriceRange:
        """The range with leads with whom a start has the same terms."""
        if self._lead_decides:
            terms_of = self._requirements.roles[0].terms_of
            own = tuple([terms_of(lead).price for lead in leads])
        else:
            own = self._own_prices_at(start, leads)
        found = self._ranges.get((own, terms))
        if found is None:
            found = self._ranges[own, terms] = self._priced(_range(self._service, own, [terms]))
        return found

    def _priced(self, prices: PriceRange) -> PriceRange:
        """Price for the party; of a visit that moves, by the rule on its price."""
        if self._moving is None:
            return PriceRange(*[total_price(price, self._requirements.party) for price in prices])
        new = [total_price(price, self._moving.party) for price in prices]
        return PriceRange(
            *[price_after_move(self._moving, price, with_requested_resource=self._is_requested) for price in new]
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


class _Clocks:
    """Effects of the time of each start of a search on prices, by the wall clocks and parts of the day of the leads."""

    def __init__(self, index: CatalogueIndex, service: Service, requirements: Requirements, offers: "_Offers") -> None:
        self._week = index.memoised(price_week, service.id)
        self._zone_of = {lead: one.schedule.timezone for lead, one in requirements.roles[0].pool.items()}
        zones = set(self._zone_of.values())
        self._offsets = {zone: list(constant_offsets(zone, offers.window)) for zone in zones}
        self._by_zone: dict[tuple[ResourceId, ...], list[tuple[str, tuple[ResourceId, ...]]]] = {}
        self._offers = offers
        self._has_discounts = index.counts_claims(service)
        self._discounts: dict[ResourceId, list[tuple[int, bytes]]] = {}

    def terms_at(
        self, start: Minute, leads: tuple[ResourceId, ...]
    ) -> Iterable[tuple[tuple[ResourceId, ...], PriceTerms]]:
        """The leads in groups with whom the start has the same terms."""
        by_zone = self._by_zone.get(leads)
        if by_zone is None:
            mine: dict[str, list[ResourceId]] = {}
            for lead in leads:
                mine.setdefault(self._zone_of[lead], []).append(lead)
            by_zone = self._by_zone[leads] = [(zone, tuple(some)) for zone, some in mine.items()]
        if not self._has_discounts:
            return [(some, PriceTerms(self._entry_at(start, zone))) for zone, some in by_zone]
        found: dict[PriceTerms, list[ResourceId]] = {}
        for zone, some in by_zone:
            entry = self._entry_at(start, zone)
            for lead in some:
                found.setdefault(PriceTerms(entry, self._percent_off(lead, start)), []).append(lead)
        return [(tuple(some), terms) for terms, some in found.items()]

    def _entry_at(self, start: Minute, zone: str) -> TimedPrice | None:
        ahead_of_utc = next(offset for piece, offset in self._offsets[zone] if start < piece.end)
        return self._week.at(minute_of_week(start + ahead_of_utc))

    def _percent_off(self, lead: ResourceId, start: Minute) -> int:
        window, discounts = self._offers.window, self._discounts.get(lead)
        if discounts is None:
            found = self._offers.discounts(lead)
            discounts = self._discounts[lead] = [(one.percent_off, as_bytes(one.starts, window)) for one in found]
        byte, bit = divmod(start - window.start, 8)
        return next((percent for percent, marks in discounts if marks[byte] >> 7 - bit & 1), 0)


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
    terms_by_time = _terms_by_time(index, service)
    if not any(terms.price is not None for entry in service.requires for terms in entry.terms.values()):
        return _range(service, (None,), terms_by_time)
    requirements = index.requirements(service, party=party, requested_resources=requested_resources)
    found: dict[OwnPrice, int] = {}
    for variant in requirements.variants:
        for lead in dict.fromkeys(r for need in variant.needs if need.role == 0 for r in need.options):
            _add(found, _starts_by_price(requirements, variant, lead, 1, lambda _role, _resource, _variant: 1))
    return _range(service, tuple(found) or (None,), terms_by_time)


def _terms_by_time(index: CatalogueIndex, service: Service) -> list[PriceTerms]:
    """Every entry of `prices` at some time of the week, with each discount that somebody who leads may give."""
    releases = (index.rules(service, lead).release for lead in index.lead_resources(service))
    discounts = {0, *(entry.percent_off for release in releases for entry in release.off_peak)}
    entries = dict.fromkeys(index.memoised(price_week, service.id).entries)
    return [PriceTerms(entry, percent_off) for entry in entries for percent_off in sorted(discounts)]


def _range(service: Service, own: Iterable[OwnPrice], terms: Iterable[PriceTerms]) -> PriceRange:
    by_time = list(terms)
    prices = [price_by(service, price, one) for price in dict.fromkeys(own) for one in by_time]
    return _hull([PriceRange(price, price) for price in prices])


def _hull(ranges: Sequence[PriceRange]) -> PriceRange:
    """The range from the least of them to the most."""
    if len(ranges) == 1:
        return ranges[0]
    return PriceRange(
        min([one.lowest for one in ranges], key=lambda price: price.amount_minor),
        max([one.highest for one in ranges], key=lambda price: price.amount_minor),
    )


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
