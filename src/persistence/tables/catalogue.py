"""What a business has set up."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, UUID

from persistence.tables.metadata import (
    archived_column,
    created_column,
    id_column,
    metadata,
    tenant_column,
    version_column,
)

_no_rules = text("'{}'::jsonb")

businesses = Table(
    "businesses",
    metadata,
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, comment="IANA name"),
    Column("currency", Text, nullable=False, comment="ISO 4217"),
    Column("mode", Text, nullable=False, comment="live or sandbox"),
    Column("rules", JSONB, nullable=False, server_default=_no_rules),
    Column("token_secret", LargeBinary, nullable=False, comment="signs the tokens of appointments"),
    version_column(),
    created_column(),
    Column("sandbox_now", DateTime(timezone=True), comment="where a sandbox's own clock stands; null: the real time"),
)

locations = Table(
    "locations",
    metadata,
    tenant_column(),
    id_column(),
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="place in the document"),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, comment="IANA name"),
    version_column(),
    created_column(),
    archived_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    UniqueConstraint("tenant_id", "key"),
)

resources = Table(
    "resources",
    metadata,
    tenant_column(),
    id_column(),
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="place in the document: the order of a pool given by kind"),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("rules", JSONB, nullable=False, server_default=_no_rules),
    version_column(),
    created_column(),
    archived_column(),
    ForeignKeyConstraint(["tenant_id", "location_id"], ["locations.tenant_id", "locations.id"]),
    UniqueConstraint("tenant_id", "key"),
)

lanes = Table(
    "lanes",
    metadata,
    tenant_column(),
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="what the exclusion constraint compares"),
    Column("resource_id", Text, nullable=False),
    Column("number", Integer, nullable=False, comment="1 to the largest capacity the resource ever had"),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    UniqueConstraint("tenant_id", "resource_id", "number"),
    UniqueConstraint("id"),
)


def _weekly(name: str) -> Table:
    """A table of wall-clock spans on days of the week."""
    return Table(
        name,
        metadata,
        tenant_column(),
        Column("resource_id", Text, primary_key=True),
        Column("position", Integer, primary_key=True, comment="place in the document"),
        Column("days", Text, nullable=False, comment="such as mon,tue"),
        Column("start_minute", SmallInteger, nullable=False, comment="wall-clock minutes since local midnight"),
        Column("end_minute", SmallInteger, nullable=False, comment="past 1440: on the next date"),
        Column("valid_from", Date),
        Column("valid_until", Date, comment="inclusive"),
        ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    )


hours = _weekly("hours")
breaks = _weekly("breaks")

overrides = Table(
    "overrides",
    metadata,
    tenant_column(),
    Column("resource_id", Text, primary_key=True),
    Column("on_date", Date, primary_key=True),
    Column("spans", JSONB, nullable=False, comment="[[start minute, end minute], …]; empty: closed"),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
)

time_off = Table(
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

services = Table(
    "services",
    metadata,
    tenant_column(),
    id_column(),
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="place in the document"),
    Column("name", Text, nullable=False),
    Column("duration_minutes", Integer, nullable=False),
    Column("buffer_before_minutes", Integer, nullable=False),
    Column("buffer_after_minutes", Integer, nullable=False),
    Column("buffers_inside_hours", Boolean, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("price_currency", Text, nullable=False),
    Column("grid_align", Text, nullable=False),
    Column("grid_step_minutes", Integer, comment="null: the duration"),
    Column("grid_offset_minutes", Integer, nullable=False),
    Column("assign", Text, nullable=False),
    Column("rules", JSONB, nullable=False, server_default=_no_rules),
    version_column(),
    created_column(),
    archived_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    UniqueConstraint("tenant_id", "key"),
)

requirements = Table(
    "requirements",
    metadata,
    tenant_column(),
    Column("service_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, comment="place in the service"),
    Column("role", Text, nullable=False),
    Column("kind", Text, comment="null: the pool is in requirement_resources"),
    Column("count", Integer, nullable=False),
    Column("offset_minutes", Integer, nullable=False),
    Column("duration_minutes", Integer, comment="null: to the end of the visit"),
    ForeignKeyConstraint(["tenant_id", "service_id"], ["services.tenant_id", "services.id"]),
)

requirement_resources = Table(
    "requirement_resources",
    metadata,
    tenant_column(),
    Column("service_id", Text, primary_key=True),
    Column("requirement_position", Integer, primary_key=True),
    Column("resource_id", Text, primary_key=True),
    Column("position", Integer, comment="order in the pool; null: not in the pool, only terms (pool by kind)"),
    Column("duration_minutes", Integer, comment="null: the service's"),
    Column("price_minor", BigInteger, comment="null: the service's"),
    Column("price_currency", Text),
    ForeignKeyConstraint(
        ["tenant_id", "service_id", "requirement_position"],
        ["requirements.tenant_id", "requirements.service_id", "requirements.position"],
    ),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
)
