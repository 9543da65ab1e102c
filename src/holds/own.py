"""Limits of an operation to the holds of its actor's own resource."""

from dataclasses import replace

from availability.candidates import CandidateService
from catalogue.lookup import unknown_object
from holds.model import Hold, PlaceRequest
from kernel.operation import Operation, Own


def may_see(operation: Operation, hold: Hold) -> bool:
    """True if the hold exists for the operation."""
    own = _limit(operation)
    return own is None or own.has_resource([part.resource_id for part in hold.parts])


async def limited(operation: Operation, request: PlaceRequest, candidates: CandidateService) -> PlaceRequest:
    """The request, for the actor's resource. Raises NotFound if it is for another one."""
    own = _limit(operation)
    if own is None:
        return request
    asked = request.resource
    if own.resource_id is None or (
        asked is not None and not await candidates.is_name_of(operation.tenant_id, asked, own.resource_id)
    ):
        raise unknown_object("resource", asked or "", ())
    return replace(request, resource=own.resource_id)


def is_limited(operation: Operation) -> bool:
    """True if some holds do not exist for the operation."""
    return _limit(operation) is not None


def _limit(operation: Operation) -> Own | None:
    # Holds belong to no customer: their ids are what their holders know.
    own = operation.own
    return None if own is None or own.customer_id is not None else own
