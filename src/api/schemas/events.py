"""Events and stream tickets in requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import InstantText

EVENT_EXAMPLE: Final[JsonDict] = {
    "id": "evt_019b0a4f6c2e7d1b3c5a9f8e2d",
    "type": "hold.expired",
    "version": 1,
    "timestamp": "2026-11-30T06:05:00.412Z",
    "business": "7f3c1e9a-0b7d-4a55-9a55-2f4d7c1b9e10",
    "subject": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "data": {
        "id": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2",
        "service_id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2",
        "start": "2026-12-01T07:00:00Z",
        "end": "2026-12-01T07:30:00Z",
        "resources": [{"role": "staff", "resource_id": "res_01kbc9x3v4h5m6n7p8q9r0s1t2"}],
        "party": 1,
        "expired_at": "2026-11-30T06:05:00.000Z",
    },
}
TICKET_EXAMPLE: Final[JsonDict] = {
    "ticket": "stk_7f3c1e9a0b7d4a559a552f4d7c1b9e10p1764482700key_01kbc9x3v4h5m6n7p8q9r0s1t2"
    "Yq0v3m1cJr8wq3a4Jb7R0dXo9hM2n5pVtK6sLzE1uQw",
    "expires_at": "2026-11-30T06:05:00Z",
}


@with_config(ConfigDict(json_schema_extra={"examples": [EVENT_EXAMPLE]}))
class EventAnswer(TypedDict):
    """Something that happened. What `data` has, docs/reference/events.md says for each type."""

    id: Annotated[str, Field(description="Of the event, and its place in the feed.")]
    type: Annotated[str, Field(description="Dotted, past tense: `appointment.confirmed`.")]
    version: Annotated[int, Field(description="Of the type.")]
    timestamp: InstantText
    business: Annotated[str, Field(description="The id of the business.")]
    subject: Annotated[str, Field(description="The id of what it happened to.")]
    data: dict[str, Any]


class EventsAnswer(TypedDict):
    """A page of the feed, the oldest event first."""

    data: list[EventAnswer]
    next_cursor: Annotated[
        str | None,
        Field(
            description="To be sent as `after` for the next page. With `type`, a page looks at 5,000 events: it may be "
            "empty and still have a next one. Null at the end of the feed: keep the id of the last event, and ask "
            "again with it later."
        ),
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [TICKET_EXAMPLE]}))
class StreamTicketAnswer(TypedDict):
    """A ticket to open streams with."""

    ticket: str
    expires_at: Annotated[datetime, Field(description="No stream is opened with it later; those that are open go on.")]
