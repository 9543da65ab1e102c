"""Operations on hours of single dates, which override weekly hours."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic.config import JsonDict
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, Secret, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, refusals, success
from api.parameters import ObjectName
from api.schemas.catalogue import OVERRIDE_EXAMPLE, OverrideAnswer, OverrideSpans
from api.schemas.fields import Text
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
        success(200, OverrideAnswer, "The override as stored.", _STORED), refusals(NotFound, VersionConflict)
    ),
)
async def put_override(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Secret,
    resource: ObjectName,
    date: DateInPath,
    sent: SentObject,
    expected: ExpectedVersion,
) -> Response:
    """Replace the weekly hours on this date. Without spans, the resource is closed."""
    override = await services.overrides.put(caller.operation, resource, date, sent, expected_version=expected)
    return answer(override)


@router.delete(
    "/v1/resources/{resource}/overrides/{date}",
    operation_id="deleteOverride",
    summary="Remove the hours of one date",
    status_code=204,
    responses=refusals(NotFound, VersionConflict),
)
async def delete_override(
    services: ServicesOf, caller: Secret, resource: ObjectName, date: DateInPath, expected: ExpectedVersion
) -> Response:
    """Return to the weekly hours on this date. Succeeds also if there is no override."""
    await services.overrides.delete(caller.operation, resource, date, expected_version=expected)
    return no_content()
