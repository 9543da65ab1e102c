"""Locations of a business."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from catalogue.model.closures import (
    NO_CLOSURES,
    Closure,
    Closures,
    ClosuresRecord,
    closure_documents,
    closure_records,
    desired_closures,
    stored_closures,
)
from catalogue.model.columns import ColumnDetails
from catalogue.model.comparison import NOT_IN_DOCUMENT
from catalogue.model.document_fields import Address, Country, Key, Telephone, Title, Zone
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.object_row import ObjectRow
from kernel.ids import LocationId, new_location_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place of the business, with the zone its clocks show."""

    id: LocationId = field(metadata=NOT_IN_DOCUMENT)
    key: str
    name: str
    address: str | None = None
    timezone: str
    country: str | None = None
    """Code by ISO 3166; None: that of the zone."""
    phone: str | None = None
    """The number that customers may call, as it is told to them."""
    closures: tuple[Closure, ...] = NO_CLOSURES
    """Its own, beside those of the business."""
    version: int = field(default=1, metadata=NOT_IN_DOCUMENT)
    archived: bool = field(default=False, metadata=NOT_IN_DOCUMENT)


class LocationDocument(Document):
    """A place of the business."""

    key: Key
    name: Title
    address: Address | None = None
    timezone: Zone | None = Field(default=None, description="Default: that of the business.")
    country: Country | None = Field(
        default=None,
        description="Code by ISO 3166: that of telephone numbers without a country code. Default: that of the zone.",
    )
    closures: Closures = Field(default=[])
    phone: Telephone | None = Field(default=None, description="Told to customers in messages. Default: none.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRow(ObjectRow):
    """Row of a location."""

    timezone: Annotated[str, ColumnDetails(comment="IANA name")]
    address: Annotated[str | None, ColumnDetails(comment="for visitors; null: none is shown")]
    closures: ClosuresRecord = ()
    country: Annotated[str | None, ColumnDetails(comment="ISO 3166; null: that of the zone")] = None
    phone: Annotated[str | None, ColumnDetails(comment="for customers; null: none is told")] = None


def desired_location(entry: LocationDocument, stored: Location | None, *, timezone: str) -> Location:
    """The location in the document, with the id and version of the stored one; `timezone` is that of the business."""
    return Location(
        id=stored.id if stored else new_location_id(),
        key=entry.key,
        name=entry.name,
        address=entry.address,
        timezone=entry.timezone or timezone,
        country=entry.country,
        closures=desired_closures(entry.closures),
        phone=entry.phone,
        version=stored.version if stored else 1,
    )


def location_document(location: Location) -> JsonObject:
    """The location as a document."""
    return present(
        key=location.key,
        name=location.name,
        address=location.address,
        timezone=location.timezone,
        country=location.country,
        closures=closure_documents(location.closures),
        phone=location.phone,
    )


def location_row(location: Location) -> LocationRow:
    """The row of the location."""
    return LocationRow(
        id=location.id,
        key=location.key,
        name=location.name,
        address=location.address,
        timezone=location.timezone,
        closures=closure_records(location.closures),
        country=location.country,
        phone=location.phone,
    )


def stored_location(row: LocationRow) -> Location:
    """The location in the row."""
    return Location(
        id=LocationId(row.id),
        key=row.key,
        name=row.name,
        address=row.address,
        timezone=row.timezone,
        country=row.country,
        closures=stored_closures(row.closures),
        phone=row.phone,
        version=row.version,
        archived=row.archived_at is not None,
    )
