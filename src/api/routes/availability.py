"""Operations that tell which times are free."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.authentication import Caller
from api.dependencies import ServicesOf, Widget
from api.documentation import also, granted, refused
from api.idempotency import RepeatableRoute
from api.schemas.availability import (
    COUNTED,
    DAYS_EXAMPLE,
    LISTED,
    LISTING_EXAMPLE,
    NEXT_EXAMPLE,
    AvailabilityParameters,
    DaysAnswer,
    ListingAnswer,
    ListingParameters,
    NextAnswer,
    NextParameters,
    dates_answer,
    next_answer,
)
from kernel.errors import Forbidden, NotFound

router = APIRouter(tags=["Availability"], route_class=RepeatableRoute)


@router.get(
    "/v1/availability",
    operation_id="listAvailability",
    summary="List the starts that can be booked",
    responses=also(granted(200, ListingAnswer, "The starts by date.", LISTING_EXAMPLE), refused(NotFound)),
)
async def list_availability(
    services: ServicesOf, caller: Widget, query: Annotated[ListingParameters, Query()]
) -> Response:
    """List every start on those local dates; what is listed can be held, and what is not, cannot."""
    _check_moving(caller, query)
    return answer(dates_answer(await services.listing.render(caller.tenant_id, query.query(), LISTED)))


@router.get(
    "/v1/availability/days",
    operation_id="listAvailableDays",
    summary="Count the slots of each date",
    responses=also(granted(200, DaysAnswer, "The dates.", DAYS_EXAMPLE), refused(NotFound)),
)
async def list_available_days(
    services: ServicesOf, caller: Widget, query: Annotated[ListingParameters, Query()]
) -> Response:
    """Feed a calendar: per date whether there is anything, how much, and the first start."""
    _check_moving(caller, query)
    return answer(dates_answer(await services.listing.render(caller.tenant_id, query.query(), COUNTED)))


@router.get(
    "/v1/availability/next",
    operation_id="listNextAvailability",
    summary="Find the first slots from now on",
    responses=also(granted(200, NextAnswer, "The first starts.", NEXT_EXAMPLE), refused(NotFound)),
)
async def list_next_availability(
    services: ServicesOf, caller: Widget, query: Annotated[NextParameters, Query()]
) -> Response:
    """Answer "when can I come?" without a range of dates."""
    _check_moving(caller, query)
    return answer(next_answer(await services.listing.next_slots(caller.tenant_id, query.query(), query.limit)))


def _check_moving(caller: Caller, query: AvailabilityParameters) -> None:
    """Raise Forbidden when the query names somebody else's appointment: it would tell when that is."""
    if (
        query.rescheduling is not None
        and caller.operation.is_by_customer
        and caller.appointment_id != query.rescheduling
    ):
        detail = "Show the token of the appointment that is to be moved, or use a secret key on your back end."
        raise Forbidden(detail)
