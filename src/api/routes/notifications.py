"""Operations on notifications."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted, ServicesOf
from api.openapi_responses import merge, refusals, success
from api.parameters import Cursor, PageLimit
from api.schemas.fields import storable
from api.schemas.notifications import (
    NOTIFICATION_EXAMPLE,
    RESENT_EXAMPLE,
    NotificationAnswer,
    NotificationsAnswer,
    notification_answer,
    notifications_answer,
)
from kernel.errors import NotFound
from notifications.model import NotificationNotResendable, NotificationStatus

router = APIRouter(tags=["Notifications"])

AppointmentQuery = Annotated[
    str | None,
    Query(description="Only those about this appointment.", max_length=64, examples=["apt_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(lambda value: value if value is None else storable(value)),
]


NotificationPath = Annotated[
    str,
    Path(description="Id of a notification.", max_length=64, examples=["ntf_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
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


@router.post(
    "/v1/notifications/{notification_id}/resend",
    operation_id="resendNotification",
    summary="Send a notification again",
    status_code=202,
    responses=merge(
        success(202, NotificationAnswer, "The notification that is sent now.", RESENT_EXAMPLE),
        refusals(NotFound, NotificationNotResendable),
    ),
)
async def resend_notification(services: ServicesOf, caller: Permitted, notification_id: NotificationPath) -> Response:
    """Send it again to the same receiver by the same channel. Receivers who want no such messages get none."""
    return answer(
        notification_answer(await services.notifications.resend(caller.operation, notification_id)), status=202
    )
