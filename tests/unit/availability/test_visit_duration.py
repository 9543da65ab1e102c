"""Visits that last as long as the business says: another catalogue is worked out only where they differ."""

from dataclasses import replace

from availability.rules.catalogue_candidates import CatalogueCandidates
from availability.rules.catalogue_index import CatalogueIndex
from availability.state.catalogue_snapshots import CatalogueSnapshot, with_choices
from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import NO_CHOICES
from tests.support.documents import catalogue_of, example


def _snapshot(catalogue: Catalogue) -> CatalogueSnapshot:
    index = CatalogueIndex(catalogue)
    return CatalogueSnapshot(catalogue, index, CatalogueCandidates(index), version="1", read_at=0.0)


def test_length_of_the_service_needs_no_other_catalogue() -> None:
    snapshot = _snapshot(catalogue_of(example("gym")))
    service = next(each for each in snapshot.catalogue.services if each.key == "yoga-class")

    assert with_choices(snapshot, service.id, NO_CHOICES, service.duration_minutes) is snapshot
    longer = with_choices(snapshot, service.id, NO_CHOICES, service.duration_minutes + 10)
    again = with_choices(snapshot, service.id, NO_CHOICES, service.duration_minutes + 10)

    assert longer.catalogue.service_by_id[service.id].duration_minutes == service.duration_minutes + 10
    assert longer.index is again.index


def test_length_is_set_for_those_who_take_a_length_of_their_own() -> None:
    catalogue = catalogue_of(example("barbershop"))
    service, entry, lead = next(
        (service, entry, resource_id)
        for service in catalogue.services
        for entry in service.requires
        for resource_id, terms in entry.terms.items()
    )
    terms = {**entry.terms, lead: replace(entry.terms[lead], duration_minutes=service.duration_minutes + 5)}
    changed = replace(service, requires=(replace(entry, terms=terms), *service.requires[1:]))
    services = tuple(changed if each.id == service.id else each for each in catalogue.services)
    snapshot = _snapshot(replace(catalogue, services=services))

    set_anew = with_choices(snapshot, service.id, NO_CHOICES, service.duration_minutes)

    own = set_anew.catalogue.service_by_id[service.id].requires[0].terms[lead]
    assert own.duration_minutes is None
