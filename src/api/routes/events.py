"""Operations on events: the feed, its stream, and tickets for streams."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from starlette.responses import Response, StreamingResponse

from api.answers import answer
from api.dependencies import Permitted, ServicesOf, StreamReader
from api.engine import engine_of
from api.event_stream import HEARTBEAT, MEDIA_TYPE, EventStreamResponse, message
from api.idempotency import RepeatableRoute
from api.openapi_responses import Responses, merge, refusals, success
from api.parameters import PageLimit
from api.schemas.events import EVENT_EXAMPLE, TICKET_EXAMPLE, EventsAnswer, StreamTicketAnswer
from api.schemas.fields import Text, storable
from api.stream_tickets import MOST_CHARACTERS
from events.event_types import PATTERNS, check_pattern
from events.open_streams import TooManyStreams
from kernel.errors import ValidationFailed
from kernel.ids import EventId

router = APIRouter(tags=["Events"], route_class=RepeatableRoute)
MOST_TYPES: Final = 50
"""Types that one request names: more than there are."""


def _known(pattern: str) -> str:
    """The pattern, if events may be of it: whoever mistypes one would wait for them for ever."""
    fault = check_pattern(pattern)
    if fault is not None:
        raise ValueError(fault)
    return pattern


_Types = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=100),
            AfterValidator(_known),
            Field(json_schema_extra={"enum": list(PATTERNS)}),
        ]
    ],
    Query(
        alias="type",
        max_length=MOST_TYPES,
        description="Types of events, or `appointment.*` for all of a family; several may be named. All, if absent.",
        examples=[["appointment.*"]],
    ),
]
_Subject = Annotated[
    Text | None, Query(max_length=64, description="The id of what the events are about, such as `apt_…`.")
]


def _without_empty(sent: object) -> object:
    """An EventSource that has seen no event yet may send an empty id."""
    return sent or None


# The limit is on the text alone: pydantic applies one beside these validators to the None that they make as well.
_EventId = Annotated[
    Annotated[str, StringConstraints(max_length=64), AfterValidator(storable)] | None,
    BeforeValidator(_without_empty),
    AfterValidator(lambda text: text and EventId(text)),
]
_STREAM: Final[Responses] = {
    200: {
        "description": "Events as they come: `id` is that of the event, `data` its JSON on one line. A line that "
        "begins with a colon says that the stream lives.",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": 'id: evt_019b0a4f6c2e7d1b3c5a9f8e2d\ndata: {"id": "evt_019b0a4f6c2e7d1b3c5a9f8e2d", …}\n\n',
            }
        },
    }
}


@router.get(
    "/v1/events",
    operation_id="listEvents",
    summary="Read the feed of events",
    responses=merge(
        success(200, EventsAnswer, "A page of the feed.", {"data": [EVENT_EXAMPLE], "next_cursor": None}), refusals()
    ),
)
async def list_events(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    after: Annotated[
        _EventId, Query(description="The id of the last event you have; from the oldest, if absent.")
    ] = None,
    cursor: Annotated[
        _EventId, Query(description="`next_cursor` of the page before: another name for `after`.")
    ] = None,
    types: _Types = [],  # noqa: B006 - FastAPI makes a list for each request
    subject: _Subject = None,
    limit: PageLimit = 50,
) -> Response:
    """List what happened, the oldest first. No event ever appears before one that was listed: none is skipped."""
    if after and cursor and after != cursor:
        raise ValidationFailed.of("query.cursor", "is another name for after; send one of them")
    begin = after or cursor
    page = await services.feed.read(
        caller.operation.tenant_id,
        after=None if begin is None else EventId(begin),
        patterns=types,
        subject=subject,
        limit=limit,
    )
    return answer({"data": [event.public() for event in page.data], "next_cursor": page.next_cursor})


@router.get(
    "/v1/events/stream",
    operation_id="streamEvents",
    summary="Follow the events as they happen",
    response_class=StreamingResponse,
    responses=merge(_STREAM, refusals(TooManyStreams)),
)
async def stream_events(  # noqa: PLR0917 - one argument per part of the request
    request: Request,
    services: ServicesOf,
    caller: StreamReader,
    after: Annotated[_EventId, Query(description="Begin after this event; with the next one, if absent.")] = None,
    types: _Types = [],  # noqa: B006 - FastAPI makes a list for each request
    subject: _Subject = None,
    last_event_id: Annotated[
        _EventId,
        Header(alias="Last-Event-ID", description="The last event that was seen; counts before `after`."),
    ] = None,
    _ticket: Annotated[
        str | None,
        Query(alias="ticket", max_length=MOST_CHARACTERS, description="In place of a header: a stream ticket."),
    ] = None,
) -> Response:
    """Send events within a second or so of their commit, and something every 15 seconds, until either side ends it.

    A client that reconnects with `Last-Event-ID`, as browsers do by themselves, misses nothing.
    """
    tenant_id = caller.operation.tenant_id
    begin = last_event_id or after
    async with AsyncExitStack() as opening:
        stream = await opening.enter_async_context(
            services.open_streams.opening(
                tenant_id, caller.key_id, by_visitor=False, until=caller.until, grant=caller.grant
            )
        )
        woken = await opening.enter_async_context(services.event_streams.listening(tenant_id))
        pointer = "header.Last-Event-ID" if last_event_id else "after"
        stream.wake = woken.set
        place = await services.feed.place(tenant_id, None if begin is None else EventId(begin), pointer=pointer)
        opened = opening.pop_all()
    events = services.event_streams.follow(
        tenant_id,
        woken,
        place,
        patterns=types,
        subject=subject,
        has_ended=lambda: stream.has_ended or request.app.state.shutdown.has_begun,
    )

    async def parts() -> AsyncIterator[bytes]:
        async for event in events:
            yield HEARTBEAT if event is None else message(event.public(), event_id=event.id)

    return EventStreamResponse(parts(), opened)


@router.post(
    "/v1/stream-tickets",
    operation_id="makeStreamTicket",
    summary="Get a ticket to open streams with",
    status_code=201,
    responses=merge(success(201, StreamTicketAnswer, "A ticket for a minute.", TICKET_EXAMPLE), refusals()),
)
async def make_stream_ticket(request: Request, _services: ServicesOf, caller: Permitted) -> Response:
    """Return what a browser sends as `?ticket=`, since its EventSource sends no headers. It may do what your key may.

    Keys themselves are never read from an address.
    """
    ticket, until = await engine_of(request).stream_tickets.make(caller)
    return answer({"ticket": ticket, "expires_at": datetime.fromtimestamp(until, UTC)}, status=201)
