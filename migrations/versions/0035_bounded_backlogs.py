"""Let changes of webhook endpoints be worked off a part at a time, and take objects alone for the data of events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_REVISIONS = {
    "revision": "raised when it is disabled, and when its URL changes",
    "held_revision": "deliveries that were asked for at a lower revision are held",
    "revised": "no pending delivery was asked for at a lower revision",
}


def upgrade() -> None:
    """Add columns whose defaults are right for the rows that are there, and for those that older programs write."""
    op.add_column(
        "webhook_endpoints",
        sa.Column(
            "former",
            postgresql.JSONB,
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="settings for events up to a seq each that were not considered yet",
        ),
    )
    for name, comment in _REVISIONS.items():
        op.add_column("webhook_endpoints", _count(name, comment))
    op.add_column("webhook_deliveries", _count("revision", "of the endpoint, when it was asked for"))
    # An odd row that is there already goes its way, and is read as one that says nothing; new ones are checked. The
    # relay keeps the table short, so looking at it takes no time.
    op.execute("ALTER TABLE outbox ADD CONSTRAINT outbox_data_check CHECK (jsonb_typeof(data) = 'object') NOT VALID")
    op.execute(
        "DO $$ BEGIN ALTER TABLE outbox VALIDATE CONSTRAINT outbox_data_check;"
        " EXCEPTION WHEN check_violation THEN NULL; END $$"
    )


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"), comment=comment)


def downgrade() -> None:
    """Take it all away."""
    op.drop_constraint("outbox_data_check", "outbox")
    op.drop_column("webhook_deliveries", "revision")
    for name in ("former", *_REVISIONS):
        op.drop_column("webhook_endpoints", name)
