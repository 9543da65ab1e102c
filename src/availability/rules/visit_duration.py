"""Visits that last as long as the business says, whoever serves."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from availability.rules.catalogue_index import CatalogueIndex
from catalogue.limits import MAX_BLOCKED_MINUTES
from catalogue.model.requirements import Requirement
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import ServiceId

# One amendment asks a few times; each index is that of a whole catalogue.
_KEPT: Final = 2


def lasts(service: Service, minutes: int) -> bool:
    """True if visits of the service last so long anyway, whoever serves."""
    own = (terms.duration_minutes for entry in service.requires for terms in entry.terms.values())
    return service.duration_minutes == minutes and all(each is None for each in own)


@lru_cache(_KEPT)
def index_with_length(index: CatalogueIndex, service_id: ServiceId, minutes: int) -> CatalogueIndex:
    """The index of the same catalogue, in which visits of a service last so long.

    Parts of the visit keep their offsets and lengths, and end with the visit at the latest. Raises ValidationFailed
    where the minutes with the buffers are more than a claim may have.
    """
    catalogue = index.catalogue
    service = _with_length(catalogue.service_by_id[service_id], minutes)
    services = tuple(service if each.id == service_id else each for each in catalogue.services)
    return CatalogueIndex(replace(catalogue, services=services))


def _with_length(service: Service, minutes: int) -> Service:
    before = max([service.buffer_before_minutes, *(entry.buffer_before_minutes or 0 for entry in service.requires)])
    after = max([service.buffer_after_minutes, *(entry.buffer_after_minutes or 0 for entry in service.requires)])
    if before + minutes + after > MAX_BLOCKED_MINUTES:
        detail = f"with its buffers, the visit may take {MAX_BLOCKED_MINUTES} minutes at most"
        raise ValidationFailed.of("duration_minutes", detail)
    requires = tuple(map(_without_lengths, service.requires))
    return replace(service, duration_minutes=minutes, requires=requires)


def _without_lengths(entry: Requirement) -> Requirement:
    terms = {resource_id: replace(own, duration_minutes=None) for resource_id, own in entry.terms.items()}
    return replace(entry, terms=terms)
