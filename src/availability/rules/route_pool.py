"""Resources that answers at the booking led to, among which a visit stays when it is moved or its party changes."""

from collections.abc import Collection, Sequence

from catalogue.model.catalogue import Catalogue
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import ResourceId


def route_pool(catalogue: Catalogue, service: Service, led_to: Sequence[ResourceId]) -> tuple[ResourceId, ...]:
    """Those of the resources that can serve now; empty: none of them can any more, so that whoever can may."""
    if not led_to:
        return ()
    able = {resource.id for entry in service.requires for resource in catalogue.pool(entry)}
    return tuple(resource_id for resource_id in led_to if resource_id in able)


def led_to_after(led_to: Sequence[ResourceId], serving: Collection[ResourceId]) -> tuple[ResourceId, ...]:
    """The resources for the next time, once these serve: the business may give a visit to others, who then keep it."""
    return () if set(led_to).isdisjoint(serving) else tuple(led_to)


def check_among(catalogue: Catalogue, pool: Collection[ResourceId], names: Collection[str]) -> None:
    """Raise ValidationFailed unless all resources of these ids or keys are in the pool; an empty one has everybody."""
    members = [catalogue.resource_by_id[resource_id] for resource_id in pool]
    allowed = {name for resource in members for name in (resource.id, resource.key)}
    if members and not allowed.issuperset(names):
        keys = ", ".join(f'"{resource.key}"' for resource in members)
        raise ValidationFailed.of("resource", f"must be one of those that the answers lead to: {keys}")
