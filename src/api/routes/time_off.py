"""Operations on the time off of a resource."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic.config import JsonDict
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import Permitted, RefuseIfAffected, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, refusals, success
from api.parameters import Cursor, ObjectName, PageLimit
from api.schemas.affected import affected_members
from api.schemas.catalogue import TIME_OFF_EXAMPLE, AddedTimeOffAnswer, TimeOffsAnswer, time_off_answer
from api.schemas.fields import Text
from catalogue.affected import AppointmentsAffected
from catalogue.model.document_fields import Instant
from catalogue.model.time_off import TimeOffDocument
from kernel.errors import NotFound

router = APIRouter(tags=["Resources"], route_class=RepeatableRoute)
_STORED: Final[JsonDict] = {
    "id": "tof_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "start": "2027-01-02T22:00:00Z",
    "end": "2027-01-09T22:00:00Z",
    "reason": "vacation",
}


@router.get(
    "/v1/resources/{resource}/time-off",
    operation_id="listTimeOff",
    summary="List the time off of a resource",
    responses=merge(
        success(200, TimeOffsAnswer, "A page.", {"data": [_STORED], "next_cursor": None}), refusals(NotFound)
    ),
)
async def list_time_off(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    resource: ObjectName,
    ending_after: Annotated[
        Instant | None, Query(description="Leave out time off that ended before this instant.")
    ] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """List the time off of the resource in order of time."""
    page = await services.time_off.list_entries(
        caller.operation, resource, ending_after=ending_after, limit=limit, cursor=cursor
    )
    return answer({"data": [time_off_answer(entry) for entry in page.data], "next_cursor": page.next_cursor})


@router.post(
    "/v1/resources/{resource}/time-off",
    operation_id="addTimeOff",
    summary="Add time off",
    status_code=201,
    openapi_extra=document_body(TimeOffDocument, TIME_OFF_EXAMPLE),
    responses=merge(
        success(201, AddedTimeOffAnswer, "The time off as stored.", _STORED), refusals(NotFound, AppointmentsAffected)
    ),
)
async def add_time_off(
    services: ServicesOf,
    caller: Permitted,
    resource: ObjectName,
    sent: SentObject,
    refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
) -> Response:
    """Stop new bookings of the resource in this span. Existing appointments stay; `affected` lists those in it."""
    entry, affected = await services.time_off.add(
        caller.operation, resource, sent, refuse_if_affected=refuse_if_affected
    )
    return answer({**time_off_answer(entry), **affected_members(affected)}, status=201)


@router.delete(
    "/v1/resources/{resource}/time-off/{time_off_id}",
    operation_id="deleteTimeOff",
    summary="Delete time off",
    status_code=204,
    responses=refusals(NotFound),
)
async def delete_time_off(
    services: ServicesOf, caller: Permitted, resource: ObjectName, time_off_id: Annotated[Text, Path(max_length=64)]
) -> Response:
    """Allow bookings of the resource in this span again."""
    await services.time_off.delete(caller.operation, resource, time_off_id)
    return no_content()
