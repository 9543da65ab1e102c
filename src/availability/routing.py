"""Routing of requests: questions of a service, or of the business, are answered before free times are looked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from availability.model import BookingTerms, RoutingOutcome
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.lookup import service_named
from availability.rules.route_pool import check_among
from availability.rules.routing import Asker, Routing, answer_faults, routing_of
from availability.state.catalogue_snapshots import CatalogueSnapshot, CatalogueSnapshots
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import TenantId

BY_ANSWERS: Final = ""
"""Stands in a request for the id or key of a service, where the answers choose it by the routes of the business."""


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """Outcome of a route, with the catalogue that it is of."""

    routing: Routing
    index: CatalogueIndex

    def check_requested(self, names: Collection[str]) -> None:
        """Raise ValidationFailed unless all requested resources, ids or keys, may serve."""
        check_among(self.index.catalogue, self.routing.resource_ids, names)

    @property
    def outcome(self) -> RoutingOutcome:
        """The outcome as answers tell it."""
        routing = self.routing
        return RoutingOutcome(
            asked=routing.asked.key if isinstance(routing.asked, Service) else None,
            answers=routing.answers,
            service=routing.service.key,
            resources=tuple(resource.key for resource in routing.resources),
            duration_minutes=routing.duration_minutes,
            terms=None if routing.service is routing.asked else self._terms,
        )

    @property
    def _terms(self) -> BookingTerms:
        service, rules = self.routing.service, self.index.rules(self.routing.service)
        return BookingTerms(
            name=service.name, cancellation=rules.cancellation, needs_approval=rules.approval is not None
        )


async def route_request(
    snapshots: CatalogueSnapshots, tenant_id: TenantId, service: str, answers: Mapping[str, str], *, by_visitor: bool
) -> RoutedRequest | None:
    """Find where the answers lead, by the id or key of the service that asks; None if it is booked as it is.

    BY_ANSWERS stands for the business. Raises NotFound for an unknown service, and ValidationFailed for answers to no
    question, or that are no option, and where answers to the business lead to no service.
    """
    snapshot = await snapshots.get(tenant_id)
    if not _is_known(snapshot, service, by_visitor=by_visitor):
        snapshot = await snapshots.latest(tenant_id)
    asked: Asker = snapshot.catalogue.business
    if service != BY_ANSWERS:
        asked = service_named(snapshot.catalogue, service, visitor=by_visitor)
    if faults := list(answer_faults(asked, answers)):
        raise ValidationFailed(faults)
    routing = routing_of(snapshot.catalogue, asked, answers)
    if routing is None and service == BY_ANSWERS:
        raise ValidationFailed.of("service", "required, because these answers lead to no service")
    return None if routing is None else RoutedRequest(routing, snapshot.index)


def _is_known(snapshot: CatalogueSnapshot, service: str, *, by_visitor: bool) -> bool:
    if service == BY_ANSWERS:
        return bool(snapshot.catalogue.business.routes)
    return snapshot.catalogue.find_service_for(service, visitor=by_visitor) is not None
