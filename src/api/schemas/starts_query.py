"""Filters that the lists of appointments and of holds share: start, resource, service and location."""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema

from api.schemas.fields import Digits, Reference, RequestModel, Text
from availability.rules.lookup import shown_locations, shown_resources, shown_services
from catalogue.lookup import unknown_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import Zone, read_date, read_instant
from kernel.ids import LocationId, ResourceId, ServiceId
from kernel.zones import zone

# A `+` that was not escaped in a query arrives as a space.
_UNESCAPED_OFFSET: Final = re.compile(r" (\d\d:\d\d)$")


def _instant_or_date(value: object) -> datetime | date:
    if isinstance(value, str) and len(value) <= len("2026-12-01"):
        return read_date(value)
    return read_instant(_UNESCAPED_OFFSET.sub(r"+\1", value) if isinstance(value, str) else value)


Side = Annotated[
    datetime | date,
    PlainValidator(_instant_or_date),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date"}, {"format": "date-time"}],
            "examples": ["2026-12-01", "2026-12-01T00:00:00Z"],
        }
    ),
]


class StartsQuery(RequestModel):
    """Filters of a list by start, resource, service and location, and the page of it."""

    # Query parameters are text, and unknown ones are ignored.
    model_config = ConfigDict(extra="ignore", strict=False, populate_by_name=True)

    starts_from: Side | None = Field(
        default=None, alias="from", description="Earliest start: an instant, or a local date of the business."
    )
    starts_to: Side | None = Field(
        default=None,
        alias="to",
        description="Latest start: before this instant, or up to and including this local date.",
    )
    resource: Reference | None = Field(default=None, description="Id or key.")
    service: Reference | None = Field(default=None, description="Id or key.")
    location: Reference | None = Field(default=None, description="Id or key of the location of the visit.")
    timezone: Zone | None = Field(
        default=None, description="IANA time zone of the instants in the answer; UTC by default."
    )
    limit: Annotated[int, Digits] = Field(default=50, ge=1, le=200, description="Maximum number of entries to return.")
    cursor: Annotated[Text, StringConstraints(max_length=512)] | None = Field(
        default=None, description="`next_cursor` of the previous page, to continue after it."
    )

    @property
    def names(self) -> list[str]:
        """The resource, the service and the location that it names."""
        return [name for name in (self.resource, self.service, self.location) if name is not None]

    def names_live_objects(self, catalogue: Catalogue) -> bool:
        """True if the catalogue has the resource, the service and the location among its live ones."""
        return (
            (self.resource is None or catalogue.find_resource(self.resource) is not None)
            and (self.service is None or catalogue.find_service(self.service) is not None)
            and (self.location is None or catalogue.find_location(self.location) is not None)
        )

    def earliest_start(self, catalogue: Catalogue) -> datetime | None:
        """The first instant at which an entry may start."""
        return _first_instant(self.starts_from, catalogue.business.timezone)

    def starts_before(self, catalogue: Catalogue) -> datetime | None:
        """The instant before which entries start."""
        side = self.starts_to
        if isinstance(side, date) and not isinstance(side, datetime):
            side += timedelta(days=1)
        return _first_instant(side, catalogue.business.timezone)

    def resource_id(self, catalogue: Catalogue, live: Catalogue) -> ResourceId | None:
        """The id of the resource, archived or not: archived ones have appointments too.

        Raises NotFound, with the nearest name in the live catalogue.
        """
        if self.resource is None:
            return None
        for resource in catalogue.resources:
            if self.resource in (resource.id, resource.key):
                return resource.id
        raise unknown_object("resource", self.resource, shown_resources(live))

    def service_id(self, catalogue: Catalogue, live: Catalogue) -> ServiceId | None:
        """The id of the service, archived or not. Raises NotFound."""
        if self.service is None:
            return None
        for service in catalogue.services:
            if self.service in (service.id, service.key):
                return service.id
        raise unknown_object("service", self.service, shown_services(live))

    def location_id(self, catalogue: Catalogue, live: Catalogue) -> LocationId | None:
        """The id of the location, archived or not. Raises NotFound."""
        if self.location is None:
            return None
        for location in catalogue.locations:
            if self.location in (location.id, location.key):
                return location.id
        raise unknown_object("location", self.location, shown_locations(live))


def _first_instant(side: datetime | date | None, timezone: str) -> datetime | None:
    """The instant itself, or the first instant of the date."""
    if side is None or isinstance(side, datetime):
        return side
    return datetime.combine(side, time(), zone(timezone))
