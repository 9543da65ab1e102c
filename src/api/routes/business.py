"""Operations on the whole set-up of a business."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.dependencies import ExpectedEtag, Secret, SentObject, ServicesOf
from api.documentation import also, granted, refused, sent_document
from api.idempotency import RepeatableRoute
from api.schemas.catalogue import BUSINESS_EXAMPLE, CHANGES_EXAMPLE, ChangesAnswer, changes_answer
from catalogue.document import BusinessDocument
from kernel.errors import VersionConflict

router = APIRouter(tags=["Business"], route_class=RepeatableRoute)


@router.put(
    "/v1/business",
    operation_id="applyBusiness",
    summary="Make the business what the document says",
    openapi_extra=sent_document(BusinessDocument, BUSINESS_EXAMPLE),
    responses=also(granted(200, ChangesAnswer, "What changed.", CHANGES_EXAMPLE), refused(VersionConflict)),
)
async def apply_business(
    services: ServicesOf,
    caller: Secret,
    sent: SentObject,
    expected: ExpectedEtag,
    dry_run: Annotated[bool, Query(description="Only list what would change.")] = False,  # noqa: FBT002 - a query
) -> Response:
    """Create, change and archive, all or nothing; sent again, it changes nothing. Existing appointments stay."""
    changes = await services.catalogue.apply(caller.operation, sent, dry_run=dry_run, expected_etag=expected)
    return answer(changes_answer(changes, dry_run=dry_run))


@router.get(
    "/v1/business",
    operation_id="getBusiness",
    summary="Read the whole set-up",
    responses=also(granted(200, BusinessDocument, "The document.", BUSINESS_EXAMPLE), refused()),
)
async def get_business(services: ServicesOf, caller: Secret) -> Response:
    """Give back the document that makes the business what it is: applied, it changes nothing."""
    view = await services.catalogue.document(caller.operation)
    return answer(view.document, version=view.etag)
