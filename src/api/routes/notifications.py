"""Operations on notifications."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted, ServicesOf
from api.openapi_responses import merge, refusals, success
from api.parameters import Cursor, PageLimit
from api.schemas.fields import storable
from api.schemas.notifications import NOTIFICATION_EXAMPLE, NotificationsAnswer, notifications_answer
from notifications.model import NotificationStatus

router = APIRouter(tags=["Notifications"])

AppointmentQuery = Annotated[
    str | None,
    Query(description="Only those about this appointment.", max_length=64, examples=["apt_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(lambda value: value if value is None else storable(value)),
]


@router.get(
    "/v1/notifications",
    operation_id="listNotifications",
    summary="List notifications",
    responses=merge(
        success(200, NotificationsAnswer, "A page.", {"data": [NOTIFICATION_EXAMPLE], "next_cursor": None}), refusals()
    ),
)
async def list_notifications(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    appointment: AppointmentQuery = None,
    status: Annotated[NotificationStatus | None, Query(description="Only those in this state.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return what was sent in 90 days, and what is planned, the latest first: to whom, but not what it says."""
    page = await services.notifications.find_page(
        caller.operation, appointment_id=appointment, status=status, limit=limit, cursor=cursor
    )
    return answer(notifications_answer(page))
