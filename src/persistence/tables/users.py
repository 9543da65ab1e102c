"""Tables of users: how they sign in, and who vouches for others."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from persistence.tables.metadata import created_column, id_column, metadata, tenant_column, version_column


def _updated_column() -> Column[object]:
    return Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()"))


def _of_secret() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "secret_id"], ["secrets.tenant_id", "secrets.id"])


def _of_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"], ondelete="CASCADE")


users = Table(
    "users",
    metadata,
    tenant_column(),
    id_column(),
    Column("role", Text, nullable=False, comment="owner, manager or staff"),
    Column("resource_id", Text, comment="whose calendar is theirs; null: none"),
    Column("locale", Text, comment="of what is written to them; null: that of the business"),
    Column("email_digest", LargeBinary, nullable=False, comment="for look-ups, by a key of the engine"),
    Column("email_key_id", Text, nullable=False, comment="of the master key behind email_digest"),
    Column("secret_id", Text, nullable=False, comment="seals the e-mail address and the name"),
    version_column(),
    created_column(),
    _updated_column(),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    _of_secret(),
    Index("users_email_digest_key", "tenant_id", "email_digest", unique=True),
    Index("users_email_digest_idx", "email_digest"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    tenant_column(),
    id_column(),
    Column("public_key", LargeBinary, nullable=False, comment="Ed25519, 32 bytes"),
    Column("secret_id", Text, nullable=False, comment="seals the private key"),
    created_column(),
    _of_secret(),
)

user_sessions = Table(
    "user_sessions",
    metadata,
    tenant_column(),
    id_column(),
    Column("user_id", Text, nullable=False),
    Column("secret_id", Text, nullable=False, comment="seals the key behind its refresh tokens"),
    Column(
        "refreshed_at",
        ARRAY(DateTime(timezone=True)),
        nullable=False,
        server_default=text("'{}'::timestamp with time zone[]"),
        comment="the latest uses of refresh tokens, the last one last",
    ),
    Column("refreshes", Integer, nullable=False, server_default=text("0"), comment="refresh tokens used"),
    Column("expires_at", DateTime(timezone=True), nullable=False, comment="unless refreshed before"),
    created_column(),
    _of_user(),
    _of_secret(),
    Index("user_sessions_user_idx", "tenant_id", "user_id", "id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    tenant_column(),
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the code; the code is not kept"),
    Column("user_id", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    _of_user(),
    Index("sign_in_links_user_idx", "tenant_id", "user_id"),
)

# No row-level security: who signs in names no business. A row says nothing but a digest.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="of an e-mail address, or of a client's address"),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("sign_in_attempts_since_idx", "since"),
)

identity_providers = Table(
    "identity_providers",
    metadata,
    tenant_column(),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("jwks_url", Text, comment="null: public_keys"),
    Column("public_keys", JSONB, comment="JSON web keys; null: those of jwks_url"),
    Column("role_claim", Text, comment="name of a claim, as are the next two; null: none"),
    Column("resource_claim", Text),
    Column("customer_claim", Text),
    Column("fetched_keys", JSONB, comment="as jwks_url has last told them"),
    Column("fetched_at", DateTime(timezone=True), comment="of fetched_keys"),
    Column("fetch_tried_at", DateTime(timezone=True), comment="of the last try, which may have failed"),
    version_column(),
    created_column(),
    _updated_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    Index("identity_providers_issuer_key", "issuer", "audience", unique=True),
)
