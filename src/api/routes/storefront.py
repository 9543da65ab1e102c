"""The operation that tells visitors what there is to book."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer
from api.dependencies import ServicesOf, Widget
from api.documentation import also, granted, refused
from api.idempotency import RepeatableRoute
from api.schemas.storefront import STOREFRONT_EXAMPLE, StorefrontAnswer, storefront_answer

router = APIRouter(tags=["Availability"], route_class=RepeatableRoute)


@router.get(
    "/v1/storefront",
    operation_id="getStorefront",
    summary="Show what can be booked",
    responses=also(granted(200, StorefrontAnswer, "What is shown to everybody.", STOREFRONT_EXAMPLE), refused()),
)
async def get_storefront(services: ServicesOf, caller: Widget) -> Response:
    """Names, durations, prices and terms, for pages that have a publishable key; hours and rules stay inside."""
    return answer(storefront_answer(await services.snapshots.catalogue(caller.tenant_id)))
