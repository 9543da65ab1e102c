"""Operations on free times."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from api.answers import answer
from api.authentication import Caller
from api.dependencies import Permitted, ServicesOf, StreamReader
from api.event_stream import HEARTBEAT, MEDIA_TYPE, EventStreamResponse, mark, message
from api.idempotency import RepeatableRoute
from api.openapi_responses import Responses, merge, refusals, success
from api.schemas.availability import (
    COUNTED,
    DAYS_EXAMPLE,
    DIGESTED,
    LISTED,
    LISTING_EXAMPLE,
    NEXT_EXAMPLE,
    AvailabilityParameters,
    DaysAnswer,
    ListingAnswer,
    ListingParameters,
    NextAnswer,
    NextParameters,
    StreamParameters,
    dates_answer,
    next_answer,
)
from availability.rules.search_budget import TooComplex
from availability.search_thread import SearchThreadBusy
from bootstrap.services import Services
from events.open_streams import TooManyStreams
from kernel.errors import NotFound
from kernel.ids import AppointmentId

router = APIRouter(tags=["Availability"], route_class=RepeatableRoute)
_STREAM: Final[Responses] = {
    200: {
        "description": "The dates that changed, as they do: `data` names them in JSON, `id` is for `Last-Event-ID`. A "
        "line that begins with a colon says that the stream lives.",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": 'id: 2c26b46b68ffc68ff99b453c\ndata: {"dates":["2026-12-01"]}\n\n',
            }
        },
    }
}


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
    services: ServicesOf, caller: Permitted, query: Annotated[ListingParameters, Query()]
) -> Response:
    """List every start on these local dates that can be held."""
    await _check_caller(services, caller, query)
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
    services: ServicesOf, caller: Permitted, query: Annotated[ListingParameters, Query()]
) -> Response:
    """Return, for a calendar, the number of free slots of each date, and its first start."""
    await _check_caller(services, caller, query)
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
    services: ServicesOf, caller: Permitted, query: Annotated[NextParameters, Query()]
) -> Response:
    """Return the first free slots from now on, without a range of dates."""
    await _check_caller(services, caller, query)
    return answer(
        next_answer(
            await services.listing.next_slots(
                caller.operation.tenant_id, query.query(by_visitor=caller.operation.is_by_customer), query.limit
            )
        )
    )


@router.get(
    "/v1/availability/stream",
    operation_id="streamAvailability",
    summary="Follow changes of what is free",
    response_class=StreamingResponse,
    responses=merge(_STREAM, refusals(NotFound, TooComplex, SearchThreadBusy, TooManyStreams)),
)
async def stream_availability(
    request: Request,
    services: ServicesOf,
    caller: StreamReader,
    query: Annotated[StreamParameters, Query()],
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=64, description="The last message that was seen, sent by browsers."),
    ] = None,
) -> Response:
    """Name the dates for which `GET /v1/availability` would answer something else than before, whatever the cause.

    It names them within a second or so, and sends something every 15 seconds. Open the stream first, then list. A
    client that reconnects with `Last-Event-ID` is told of all dates if anything has changed meanwhile.
    """
    await _check_caller(services, caller, query)
    tenant_id, by_visitor = caller.operation.tenant_id, caller.operation.is_by_customer
    streams = services.availability_streams
    shutdown = request.app.state.shutdown
    async with AsyncExitStack() as opening:
        stream = await opening.enter_async_context(
            services.open_streams.opening(
                tenant_id, caller.key_id, by_visitor=by_visitor, until=caller.until, grant=caller.grant
            )
        )
        listing, woken = await opening.enter_async_context(
            streams.watching(tenant_id, query.query(by_visitor=by_visitor), DIGESTED)
        )
        stream.wake = woken.set
        opened = opening.pop_all()
    changes = streams.follow(
        listing, woken, last_event_id or None, has_ended=lambda: stream.has_ended or shutdown.has_begun
    )

    async def parts() -> AsyncIterator[bytes]:
        async for change in changes:
            if change is None:
                yield HEARTBEAT
            elif change.dates:
                yield message({"dates": change.dates}, event_id=change.state)
            else:
                yield mark(change.state)

    return EventStreamResponse(parts(), opened)


async def _check_caller(services: Services, caller: Caller, query: AvailabilityParameters) -> None:
    """Raise Forbidden or NotFound if the query is for the business only, or names somebody else's appointment.

    The answer would reveal the time of the appointment.
    """
    if query.override:
        caller.require_business()
    if query.rescheduling is not None:
        moving = caller.moving(query.rescheduling)
        if moving.own is not None:
            await services.appointments.get(moving, AppointmentId(query.rescheduling))
