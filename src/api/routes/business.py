"""Operations on the business document, which has all settings of a business."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer
from api.dependencies import DryRun, ExpectedEtag, Permitted, RefuseIfAffected, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, refusals, success
from api.schemas.catalogue import BUSINESS_EXAMPLE, CHANGES_EXAMPLE, ChangesAnswer, changes_answer
from catalogue.affected import AppointmentsAffected
from catalogue.document import BusinessDocument
from catalogue.model.quotas import QuotaExceeded
from kernel.errors import VersionConflict

router = APIRouter(tags=["Business"], route_class=RepeatableRoute)


@router.put(
    "/v1/business",
    operation_id="applyBusiness",
    summary="Apply a business document",
    openapi_extra=document_body(BusinessDocument, BUSINESS_EXAMPLE),
    responses=merge(
        success(200, ChangesAnswer, "The changes.", CHANGES_EXAMPLE),
        refusals(VersionConflict, QuotaExceeded, AppointmentsAffected),
    ),
)
async def apply_business(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    sent: SentObject,
    expected: ExpectedEtag,
    dry_run: DryRun = False,  # noqa: FBT002 - a query
    refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
) -> Response:
    """Create, change and archive objects to match the document, all or nothing. Existing appointments stay.

    Applying the same document again changes nothing. `affected` lists live appointments that fitted before and do not
    fit any more, up to 100; `affected_total` counts all. Warnings name what is accepted, but is hardly meant so.
    """
    applied = await services.catalogue.apply(
        caller.operation, sent, dry_run=dry_run, expected_etag=expected, refuse_if_affected=refuse_if_affected
    )
    return answer(changes_answer(applied, dry_run=dry_run))


@router.get(
    "/v1/business",
    operation_id="getBusiness",
    summary="Read the business document",
    responses=merge(success(200, BusinessDocument, "The document.", BUSINESS_EXAMPLE), refusals()),
)
async def get_business(services: ServicesOf, caller: Permitted) -> Response:
    """Return all settings as a document. Applying it unchanged changes nothing."""
    view = await services.catalogue.document(caller.operation)
    return answer(view.document, version=view.etag)
