"""Add users, their sessions and sign-in links, the keys that sign their tokens, and identity providers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_TABLES = ("users", "signing_keys", "user_sessions", "sign_in_links", "identity_providers")
# Who signs in names no business, and a token of an identity provider names none either. Each function is told what it
# compares, and tells ids. Row-level security is forced, so the owner, as whom they run, needs a policy to read past it.
_FUNCTIONS = {
    "users_of(digests bytea[]) RETURNS TABLE (tenant_id uuid, id text)": """
    SELECT tenant_id, id FROM @schema.users WHERE email_digest = ANY (digests) ORDER BY tenant_id
""",
    "identity_providers_of(named text, audiences text[]) RETURNS TABLE (tenant_id uuid)": """
    SELECT tenant_id FROM @schema.identity_providers WHERE issuer = named AND audience = ANY (audiences)
""",
}
_READ_BY_OWNER = ("users", "identity_providers")


def upgrade() -> None:
    """Add the tables; nothing of the program before knows them."""
    _create_users()
    _create_sessions()
    _create_identity_providers()
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
    for table in (*_TABLES, "sign_in_attempts"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")
    for table in _READ_BY_OWNER:
        op.execute(
            f"DO $$ BEGIN EXECUTE format('CREATE POLICY {table}_of_the_owner ON {table} FOR SELECT"
            " TO %I USING (true)', current_user); END $$"
        )
    for signature, body in _FUNCTIONS.items():
        op.execute(
            f"""
            DO $outer$
            BEGIN
                EXECUTE format(
                    'CREATE FUNCTION {signature}'
                    ' LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
                    replace($body${body}$body$, '@schema', quote_ident(current_schema()))
                );
            END
            $outer$
            """
        )
    for name in ("users_of(bytea[])", "identity_providers_of(text, text[])"):
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO holdfast_app")


def _create_users() -> None:
    op.create_table(
        "users",
        *_keys(),
        sa.Column("role", sa.Text, nullable=False, comment="owner, manager or staff"),
        sa.Column("resource_id", sa.Text, comment="whose calendar is theirs; null: none"),
        sa.Column("locale", sa.Text, comment="of what is written to them; null: that of the business"),
        sa.Column("email_digest", sa.LargeBinary, nullable=False, comment="for look-ups, by a key of the engine"),
        sa.Column("email_key_id", sa.Text, nullable=False, comment="of the master key behind email_digest"),
        sa.Column("secret_id", sa.Text, nullable=False, comment="seals the e-mail address and the name"),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        _created(),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="users_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name="users_tenant_id_resource_id_fkey",
        ),
        _secret_of("users"),
    )
    op.create_index("users_email_digest_key", "users", ["tenant_id", "email_digest"], unique=True)
    op.create_index("users_email_digest_idx", "users", ["email_digest"])
    op.create_table(
        "signing_keys",
        *_keys(),
        sa.Column("public_key", sa.LargeBinary, nullable=False, comment="Ed25519, 32 bytes"),
        sa.Column("secret_id", sa.Text, nullable=False, comment="seals the private key"),
        _created(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="signing_keys_pkey"),
        _secret_of("signing_keys"),
    )


def _create_sessions() -> None:
    op.create_table(
        "user_sessions",
        *_keys(),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("secret_id", sa.Text, nullable=False, comment="seals the key behind its refresh tokens"),
        sa.Column(
            "refreshed_at",
            postgresql.ARRAY(sa.DateTime(timezone=True)),
            nullable=False,
            server_default=sa.text("'{}'::timestamp with time zone[]"),
            comment="the latest uses of refresh tokens, the last one last",
        ),
        sa.Column("refreshes", sa.Integer, nullable=False, server_default=sa.text("0"), comment="refresh tokens used"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="unless refreshed before"),
        _created(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="user_sessions_pkey"),
        _user_of("user_sessions"),
        _secret_of("user_sessions"),
    )
    op.create_index("user_sessions_user_idx", "user_sessions", ["tenant_id", "user_id", "id"])
    op.create_table(
        "sign_in_links",
        _tenant(),
        sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the code; the code is not kept"),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "digest", name="sign_in_links_pkey"),
        _user_of("sign_in_links"),
    )
    op.create_index("sign_in_links_user_idx", "sign_in_links", ["tenant_id", "user_id"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("digest", sa.LargeBinary, nullable=False, comment="of an e-mail address, or of a client's address"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="sign_in_attempts_pkey"),
    )
    op.create_index("sign_in_attempts_since_idx", "sign_in_attempts", ["since"])


def _create_identity_providers() -> None:
    op.create_table(
        "identity_providers",
        _tenant(),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("jwks_url", sa.Text, comment="null: public_keys"),
        sa.Column("public_keys", postgresql.JSONB, comment="JSON web keys; null: those of jwks_url"),
        sa.Column("role_claim", sa.Text, comment="name of a claim, as are the next two; null: none"),
        sa.Column("resource_claim", sa.Text),
        sa.Column("customer_claim", sa.Text),
        sa.Column("fetched_keys", postgresql.JSONB, comment="as jwks_url has last told them"),
        sa.Column("fetched_at", sa.DateTime(timezone=True), comment="of fetched_keys"),
        sa.Column("fetch_tried_at", sa.DateTime(timezone=True), comment="of the last try, which may have failed"),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        _created(),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tenant_id", name="identity_providers_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name="identity_providers_tenant_id_fkey"),
    )
    op.create_index("identity_providers_issuer_key", "identity_providers", ["issuer", "audience"], unique=True)


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False)


def _keys() -> tuple[sa.Column[object], ...]:
    return _tenant(), sa.Column("id", sa.Text, nullable=False)


def _created() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _secret_of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "secret_id"], ["secrets.tenant_id", "secrets.id"], name=f"{table}_tenant_id_secret_id_fkey"
    )


def _user_of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"],
        ["users.tenant_id", "users.id"],
        name=f"{table}_tenant_id_user_id_fkey",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    """Take it all away."""
    op.execute("DROP FUNCTION users_of(bytea[])")
    op.execute("DROP FUNCTION identity_providers_of(text, text[])")
    for table in (*reversed(_TABLES), "sign_in_attempts"):
        op.drop_table(table)
