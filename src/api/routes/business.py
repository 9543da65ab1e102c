"""Operations on the business document, which has all settings of a business."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.dependencies import ExpectedEtag, Secret, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, refusals, success
from api.schemas.catalogue import BUSINESS_EXAMPLE, CHANGES_EXAMPLE, ChangesAnswer, changes_answer
from catalogue.document import BusinessDocument
from kernel.errors import VersionConflict

router = APIRouter(tags=["Business"], route_class=RepeatableRoute)


@router.put(
    "/v1/business",
    operation_id="applyBusiness",
    summary="Apply a business document",
    openapi_extra=document_body(BusinessDocument, BUSINESS_EXAMPLE),
    responses=merge(success(200, ChangesAnswer, "The changes.", CHANGES_EXAMPLE), refusals(VersionConflict)),
)
async def apply_business(
    services: ServicesOf,
    caller: Secret,
    sent: SentObject,
    expected: ExpectedEtag,
    dry_run: Annotated[bool, Query(description="List the changes without making them.")] = False,  # noqa: FBT002 - a query
) -> Response:
    """Create, change and archive objects to match the document, all or nothing. Existing appointments stay.

    Applying the same document again changes nothing.
    """
    changes = await services.catalogue.apply(caller.operation, sent, dry_run=dry_run, expected_etag=expected)
    return answer(changes_answer(changes, dry_run=dry_run))


@router.get(
    "/v1/business",
    operation_id="getBusiness",
    summary="Read the business document",
    responses=merge(success(200, BusinessDocument, "The document.", BUSINESS_EXAMPLE), refusals()),
)
async def get_business(services: ServicesOf, caller: Secret) -> Response:
    """Return all settings as a document. Applying it unchanged changes nothing."""
    view = await services.catalogue.document(caller.operation)
    return answer(view.document, version=view.etag)
