"""Operations on hours of single dates, which override weekly hours."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic.config import JsonDict
from starlette.responses import Response

from api.affected_answers import AFFECTED, affected_answer
from api.answers import answer
from api.dependencies import ExpectedVersion, Permitted, RefuseIfAffected, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, refusals, success
from api.parameters import ObjectName
from api.schemas.affected import affected_members
from api.schemas.catalogue import (
    OVERRIDE_EXAMPLE,
    OverrideAnswer,
    OverrideSpans,
)
from api.schemas.fields import Text
from catalogue.affected import AppointmentsAffected
from kernel.errors import NotFound, VersionConflict

router = APIRouter(tags=["Resources"], route_class=RepeatableRoute)
_STORED: Final[JsonDict] = {"date": "2026-12-24", **OVERRIDE_EXAMPLE}

DateInPath = Annotated[
    Text,
    Path(description="A local date.", examples=["2026-12-24"], max_length=32, json_schema_extra={"format": "date"}),
]


@router.put(
    "/v1/resources/{resource}/overrides/{date}",
    operation_id="putOverride",
    summary="Set the hours of one date",
    openapi_extra=document_body(OverrideSpans, OVERRIDE_EXAMPLE),
    responses=merge(
        success(200, OverrideAnswer, "The override as stored.", _STORED),
        refusals(NotFound, VersionConflict, AppointmentsAffected),
    ),
)
async def put_override(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    resource: ObjectName,
    date: DateInPath,
    sent: SentObject,
    expected: ExpectedVersion,
    refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
) -> Response:
    """Replace the weekly hours on this date. Without spans, the resource is closed. Existing appointments stay."""
    override, affected = await services.overrides.put(
        caller.operation, resource, date, sent, expected_version=expected, refuse_if_affected=refuse_if_affected
    )
    return answer({**override, **affected_members(affected)})


@router.delete(
    "/v1/resources/{resource}/overrides/{date}",
    operation_id="deleteOverride",
    summary="Remove the hours of one date",
    status_code=204,
    responses=merge(AFFECTED, refusals(NotFound, VersionConflict, AppointmentsAffected)),
)
async def delete_override(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    resource: ObjectName,
    date: DateInPath,
    expected: ExpectedVersion,
    refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
) -> Response:
    """Return to the weekly hours on this date. Succeeds also if there is no override."""
    affected = await services.overrides.delete(
        caller.operation, resource, date, expected_version=expected, refuse_if_affected=refuse_if_affected
    )
    return affected_answer(affected)
