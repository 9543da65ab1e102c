"""Resources that answers led to, and what becomes of them."""

import pytest

from availability.rules.route_pool import led_to_after, route_pool
from kernel.ids import ResourceId
from tests.support.documents import catalogue_of, small_document

NOA, DAN, ELI = map(ResourceId, ("res_noa", "res_dan", "res_eli"))


@pytest.mark.parametrize(
    ("serving", "expected"), [([DAN], (DAN, ELI)), ([NOA, ELI], (DAN, ELI)), ([NOA], ()), ([], ())]
)
def test_visit_that_the_business_gives_to_others_stays_with_nobody_else(
    serving: list[ResourceId], expected: tuple[ResourceId, ...]
) -> None:
    assert led_to_after((DAN, ELI), serving) == expected


def test_those_who_can_serve_no_more_are_left_out() -> None:
    catalogue = catalogue_of(small_document())
    service = catalogue.services[0]
    (able, *_) = (resource.id for entry in service.requires for resource in catalogue.pool(entry))

    assert route_pool(catalogue, service, [ELI, able]) == (able,)
    assert route_pool(catalogue, service, [ELI]) == ()
    assert route_pool(catalogue, service, ()) == ()
