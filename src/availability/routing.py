"""Routing of requests: the questions of a service are answered before its free times are looked for."""

from collections.abc import Mapping

from availability.rules.lookup import service_named
from availability.rules.routing import Routing, answer_faults, routing_of
from availability.state.catalogue_snapshots import CatalogueSnapshots
from kernel.errors import ValidationFailed
from kernel.ids import TenantId


async def route_request(
    snapshots: CatalogueSnapshots, tenant_id: TenantId, service: str, answers: Mapping[str, str], *, by_visitor: bool
) -> Routing | None:
    """Find where the answers lead, by the id or key of the service that asks; None if it is booked as it is.

    Raises NotFound for an unknown service, and ValidationFailed for answers to no question, or that are no option.
    """
    snapshot = await snapshots.get(tenant_id)
    if snapshot.catalogue.find_service_for(service, visitor=by_visitor) is None:
        snapshot = await snapshots.latest(tenant_id)
    asked = service_named(snapshot.catalogue, service, visitor=by_visitor)
    if faults := list(answer_faults(asked, answers)):
        raise ValidationFailed(faults)
    return routing_of(snapshot.catalogue, asked, answers)
