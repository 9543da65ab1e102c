"""Operations on free times."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.authentication import Caller
from api.dependencies import ServicesOf, Widget
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
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
from availability.rules.search_budget import TooComplex
from availability.search_thread import SearchThreadBusy
from kernel.errors import NotFound

router = APIRouter(tags=["Availability"], route_class=RepeatableRoute)


@router.get(
    "/v1/availability",
    operation_id="listAvailability",
    summary="List free starts",
    responses=merge(
        success(200, ListingAnswer, "The free starts by date.", LISTING_EXAMPLE),
        refusals(NotFound, TooComplex, SearchThreadBusy),
    ),
)
async def list_availability(
    services: ServicesOf, caller: Widget, query: Annotated[ListingParameters, Query()]
) -> Response:
    """List every start on these local dates that can be held."""
    _check_caller(caller, query)
    return answer(
        dates_answer(
            await services.listing.render(
                caller.operation.tenant_id, query.query(by_visitor=caller.operation.is_by_customer), LISTED
            )
        )
    )


@router.get(
    "/v1/availability/days",
    operation_id="listAvailableDays",
    summary="Count free slots per date",
    responses=merge(
        success(200, DaysAnswer, "The dates with their counts.", DAYS_EXAMPLE),
        refusals(NotFound, TooComplex, SearchThreadBusy),
    ),
)
async def list_available_days(
    services: ServicesOf, caller: Widget, query: Annotated[ListingParameters, Query()]
) -> Response:
    """Return, for a calendar, the number of free slots of each date, and its first start."""
    _check_caller(caller, query)
    return answer(
        dates_answer(
            await services.listing.render(
                caller.operation.tenant_id, query.query(by_visitor=caller.operation.is_by_customer), COUNTED
            )
        )
    )


@router.get(
    "/v1/availability/next",
    operation_id="listNextAvailability",
    summary="Find the next free slots",
    responses=merge(
        success(200, NextAnswer, "The next slots.", NEXT_EXAMPLE), refusals(NotFound, TooComplex, SearchThreadBusy)
    ),
)
async def list_next_availability(
    services: ServicesOf, caller: Widget, query: Annotated[NextParameters, Query()]
) -> Response:
    """Return the first free slots from now on, without a range of dates."""
    _check_caller(caller, query)
    return answer(
        next_answer(
            await services.listing.next_slots(
                caller.operation.tenant_id, query.query(by_visitor=caller.operation.is_by_customer), query.limit
            )
        )
    )


def _check_caller(caller: Caller, query: AvailabilityParameters) -> None:
    """Raise Forbidden if the query is for the business only, or names another customer's appointment.

    The answer would reveal the time of the appointment.
    """
    if query.override:
        caller.require_secret()
    if query.rescheduling is not None:
        caller.require_mover(query.rescheduling)
