"""Resources that work at several locations, at each by hours of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from catalogue.limits import MAX_LOCATED, MAX_WEEKLY_SPANS
from catalogue.model.business import Business
from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import Name
from catalogue.model.documents import Document, JsonObject
from catalogue.model.locations import Location
from catalogue.model.schedules import (
    Schedule,
    Site,
    SiteSchedule,
    WeeklySpanDocument,
    desired_weekly_span,
    weekly_span_document,
)
from kernel.ids import LocationId


class SiteDocument(Document):
    """The weekly hours of a resource at one of the locations at which it works."""

    location: Name
    hours: Annotated[list[WeeklySpanDocument], Field(max_length=MAX_WEEKLY_SPANS)]


Located = Annotated[list[SiteDocument], Field(max_length=MAX_LOCATED)]
"""The locations of a resource in a document."""

LocatedRecord = Annotated[
    Sequence[Mapping[str, object]], ColumnDetails(comment="[{location: id, hours}, …]", default="'[]'::jsonb")
]
"""Column of the locations of a resource."""


def desired_located(entries: Iterable[SiteDocument], locations: Mapping[str, Location]) -> tuple[Site, ...]:
    """The hours in a document; `locations` is by id and key."""
    return tuple(
        Site(location_id=locations[entry.location].id, hours=tuple(desired_weekly_span(span) for span in entry.hours))
        for entry in entries
    )


def located_documents(
    located: Iterable[Site], location_by_id: Mapping[LocationId, Location]
) -> list[JsonObject] | None:
    """The hours as part of a document, without those at a location that is gone; None if there are none."""
    return [
        {
            "location": location_by_id[entry.location_id].key,
            "hours": [weekly_span_document(span) for span in entry.hours],
        }
        for entry in located
        if entry.location_id in location_by_id
    ] or None


def located_records(located: Iterable[Site]) -> list[JsonObject]:
    """The hours as they are stored."""
    return [
        {"location": entry.location_id, "hours": [weekly_span_document(span) for span in entry.hours]}
        for entry in located
    ]


def stored_located(records: Iterable[Mapping[str, object]]) -> tuple[Site, ...]:
    """The hours in a row."""
    documents = [SiteDocument.model_validate(record) for record in records]
    return tuple(
        Site(
            location_id=LocationId(document.location), hours=tuple(desired_weekly_span(span) for span in document.hours)
        )
        for document in documents
    )


def placed(
    schedule: Schedule, home: Location, location_by_id: Mapping[LocationId, Location], business: Business
) -> Schedule:
    """The schedule by the clocks of its locations, with what follows from these: zones and closures.

    `home` is the location of the resource itself. The hours of an override are those at home, and on its date there are
    none elsewhere. Breaks are read off the clock of each location.
    """

    def closures_of(location: Location) -> Schedule:
        return replace(
            schedule, timezone=location.timezone, closures=(*location.closures, *business.closures), located=(), at=()
        )

    hours = {entry.location_id: entry.hours for entry in schedule.located}
    if hours and schedule.overrides:
        hours.setdefault(home.id, ())
    nowhere = dict.fromkeys(schedule.overrides, ())
    at = tuple(
        SiteSchedule(
            location_id=location_id,
            schedule=replace(
                closures_of(location_by_id[location_id]),
                hours=spans,
                overrides=schedule.overrides if location_id == home.id else nowhere,
            ),
        )
        for location_id, spans in hours.items()
        # An archived resource may have worked at a location that is deleted by now.
        if location_id in location_by_id
    )
    return replace(closures_of(home), located=schedule.located, at=at)
