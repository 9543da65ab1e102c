"""Operations on the hours of single dates."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic.config import JsonDict
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, ObjectName, Secret, SentObject, ServicesOf
from api.documentation import also, granted, refused, sent_document
from api.idempotency import RepeatableRoute
from api.schemas.catalogue import OVERRIDE_EXAMPLE, OverrideAnswer, OverrideSpans
from api.schemas.fields import Text
from kernel.errors import NotFound, VersionConflict

router = APIRouter(tags=["Resources"], route_class=RepeatableRoute)
_STORED: Final[JsonDict] = {"date": "2026-12-24", **OVERRIDE_EXAMPLE}

DateInPath = Annotated[Text, Path(description="A local date.", examples=["2026-12-24"], max_length=32)]


@router.put(
    "/v1/resources/{name}/overrides/{date}",
    operation_id="putOverride",
    summary="Set the hours of one date",
    openapi_extra=sent_document(OverrideSpans, OVERRIDE_EXAMPLE),
    responses=also(granted(200, OverrideAnswer, "As stored.", _STORED), refused(NotFound, VersionConflict)),
)
async def put_override(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Secret,
    name: ObjectName,
    date: DateInPath,
    sent: SentObject,
    expected: ExpectedVersion,
) -> Response:
    """Replace the weekly hours of exactly that date; no spans means closed."""
    override = await services.overrides.put(caller.operation, name, date, sent, expected_version=expected)
    return answer(override)


@router.delete(
    "/v1/resources/{name}/overrides/{date}",
    operation_id="deleteOverride",
    summary="Go back to the weekly hours on one date",
    status_code=204,
    responses=refused(NotFound, VersionConflict),
)
async def delete_override(
    services: ServicesOf, caller: Secret, name: ObjectName, date: DateInPath, expected: ExpectedVersion
) -> Response:
    """Take the override away; done as well where there is none."""
    await services.overrides.delete(caller.operation, name, date, expected_version=expected)
    return no_content()
