"""Tables of the catalogue, with the columns that its rows declare."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from catalogue.model.business import BusinessRow
from catalogue.model.columns import IntegerSize, RowColumn, columns_of
from catalogue.model.locations import LocationRow
from catalogue.model.requirements import RequirementResourceRow, RequirementRow
from catalogue.model.resources import LaneRow, ResourceRow
from catalogue.model.schedules import OverrideRow, WeeklySpanRow
from catalogue.model.services import ServiceRow
from persistence.tables.metadata import created_column, id_column, metadata, tenant_column

_INTEGERS: Final[dict[IntegerSize, TypeEngine[Any]]] = {
    IntegerSize.SMALL: SmallInteger(),
    IntegerSize.NORMAL: Integer(),
    IntegerSize.BIG: BigInteger(),
}
_TYPES: Final[dict[type, TypeEngine[Any]]] = {
    bool: Boolean(),
    bytes: LargeBinary(),
    date: Date(),
    datetime: DateTime(timezone=True),
    str: Text(),
    UUID: Uuid(),
}


def _columns(row_type: type, *, key: tuple[str, ...] = ()) -> list[Column[Any]]:
    """The columns that a row declares, some of which are its primary key."""
    return [_column(declared, is_key=declared.name in key) for declared in columns_of(row_type)]


def _column(declared: RowColumn, *, is_key: bool) -> Column[Any]:
    details = declared.details
    # Values that are neither numbers nor text of one kind or another are JSON.
    column_type = _INTEGERS[details.size] if declared.type is int else _TYPES.get(declared.type, JSONB())
    return Column(
        declared.name,
        column_type,
        primary_key=is_key,
        nullable=declared.nullable,
        server_default=text(details.default) if details.default else None,
        comment=details.comment,
    )


def _objects(name: str, row_type: type, *more: SchemaItem, position: str, parent: ForeignKeyConstraint) -> Table:
    """A table of objects that have a place in the document."""
    return Table(
        name,
        metadata,
        tenant_column(),
        *_columns(row_type, key=("id",)),
        Column("position", Integer, nullable=False, comment=position),
        created_column(),
        parent,
        UniqueConstraint("tenant_id", "key"),
        # However much is archived, it costs neither the loading of what is live nor the search for what is old.
        Index(f"{name}_live_idx", "tenant_id", postgresql_where=text("archived_at IS NULL")),
        Index(f"{name}_archived_idx", "tenant_id", "archived_at", postgresql_where=text("archived_at IS NOT NULL")),
        *more,
    )


def _parts_of_resources(name: str, row_type: type, *more: SchemaItem, key: tuple[str, ...]) -> Table:
    return Table(
        name,
        metadata,
        tenant_column(),
        *_columns(row_type, key=key),
        *more,
        ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    )


businesses: Final = Table("businesses", metadata, *_columns(BusinessRow, key=("tenant_id",)), created_column())

locations: Final = _objects(
    "locations",
    LocationRow,
    position="place in the document",
    parent=ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
)

resources: Final = _objects(
    "resources",
    ResourceRow,
    Index("resources_location_idx", "tenant_id", "location_id"),
    position="place in the document: the order of a pool given by kind",
    parent=ForeignKeyConstraint(["tenant_id", "location_id"], ["locations.tenant_id", "locations.id"]),
)

lanes: Final = _parts_of_resources(
    "lanes",
    LaneRow,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="what the exclusion constraint compares"),
    UniqueConstraint("tenant_id", "resource_id", "number"),
    UniqueConstraint("id"),
    key=(),
)

hours: Final = _parts_of_resources("hours", WeeklySpanRow, key=("resource_id", "position"))
breaks: Final = _parts_of_resources("breaks", WeeklySpanRow, key=("resource_id", "position"))
overrides: Final = _parts_of_resources("overrides", OverrideRow, key=("resource_id", "on_date"))

# Its two instants are one range, so the columns are not those of TimeOffRow.
time_off: Final = Table(
    "time_off",
    metadata,
    tenant_column(),
    id_column(),
    Column("resource_id", Text, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("reason", Text),
    created_column(),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    Index("time_off_resource_end_idx", "tenant_id", "resource_id", text("upper(during)")),
)

services: Final = _objects(
    "services",
    ServiceRow,
    position="place in the document",
    parent=ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
)

requirements: Final = Table(
    "requirements",
    metadata,
    tenant_column(),
    *_columns(RequirementRow, key=("service_id", "position")),
    ForeignKeyConstraint(["tenant_id", "service_id"], ["services.tenant_id", "services.id"]),
)

requirement_resources: Final = Table(
    "requirement_resources",
    metadata,
    tenant_column(),
    *_columns(RequirementResourceRow, key=("service_id", "requirement_position", "resource_id")),
    ForeignKeyConstraint(
        ["tenant_id", "service_id", "requirement_position"],
        ["requirements.tenant_id", "requirements.service_id", "requirements.position"],
    ),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    Index("requirement_resources_resource_idx", "tenant_id", "resource_id"),
)
