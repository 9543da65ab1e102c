"""The operation behind booking pages."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.storefront import STOREFRONT_EXAMPLE, StorefrontAnswer, storefront_answer

router = APIRouter(tags=["Availability"], route_class=RepeatableRoute)


@router.get(
    "/v1/storefront",
    operation_id="getStorefront",
    summary="Read the storefront",
    responses=merge(success(200, StorefrontAnswer, "The public part of the settings.", STOREFRONT_EXAMPLE), refusals()),
)
async def get_storefront(services: ServicesOf, caller: Permitted) -> Response:
    """Return names, durations, prices and terms for booking pages. Working hours and rules stay private.

    Services for staff are shown to a secret key only.
    """
    snapshot = await services.snapshots.latest(caller.operation.tenant_id)
    return answer(storefront_answer(snapshot.index, visitor=caller.operation.is_by_customer))
