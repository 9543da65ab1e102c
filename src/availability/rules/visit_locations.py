"""The locations at which visits of a service may be."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalogue.model.catalogue import Catalogue
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLocations:
    """The locations of a service's visits, each of which is at the one where its first role is filled."""

    ids: tuple[LocationId, ...]
    """In the order of the document."""
    is_judged: bool
    """True if starts must be judged for one location after the other."""
    is_told: bool
    """True if the business has several locations, so that answers say which it is."""

    def asked(self, requested: LocationId | None) -> tuple[LocationId | None, ...]:
        """The locations for which starts are judged one after the other: None where there is nothing to tell apart."""
        if requested is None:
            return self.ids if self.is_judged else (None,)
        if requested not in self.ids:
            return ()
        return (requested,) if self.is_judged or len(self.ids) > 1 else (None,)

    def told(self, judged: LocationId | None) -> LocationId | None:
        """The location that an answer names; None in a business with one, or where several lead at several."""
        if not self.is_told:
            return None
        return judged or (self.ids[0] if len(self.ids) == 1 else None)


def visit_locations_of(catalogue: Catalogue, service: Service) -> VisitLocations:
    """The locations of a service's visits.

    Those who fill the first role together are at one location if any of them works at several, or an entry says
    `same_location`.
    """
    roles: dict[str, list[Requirement]] = {}
    for entry in service.requires:
        roles.setdefault(entry.role, []).append(entry)
    lead, *others = roles.values()
    leads = catalogue.pool(lead[0])
    found = _locations(leads)
    bound = [entry for entries in (lead, *others) for entry in entries if entry.same_location]
    if bound:
        is_judged = len(found | _locations(resource for entry in bound for resource in catalogue.pool(entry))) > 1
    else:
        is_judged = len(found) > 1 and (lead[0].count == 1 or any(resource.schedule.at for resource in leads))
    order = [location.id for location in catalogue.locations]
    return VisitLocations(
        ids=tuple(sorted(found, key=order.index)),
        is_judged=is_judged,
        is_told=catalogue.has_several_locations,
    )


def roles_at_visit(service: Service) -> frozenset[str]:
    """The roles that are filled at the location of the visit: the first one, and those with `same_location`."""
    return frozenset({service.requires[0].role, *(entry.role for entry in service.requires if entry.same_location)})


def _locations(resources: Iterable[Resource]) -> set[LocationId]:
    return {location_id for resource in resources for location_id in resource.work_location_ids}
