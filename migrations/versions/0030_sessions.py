"""Resources that have one session at a time."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INET

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# Two claims of one resource that overlap are of the same session. The resource is named by its first lane, in the way
# of claims_lane_overlap (migration 0002). Of the types that GiST knows without an extension, only addresses can be told
# to differ: a session's token has their form (availability.rules.sessions).
_EXCLUSION: Final = """
ALTER TABLE claims ADD CONSTRAINT claims_session_overlap
    EXCLUDE USING gist (
        int8range(session_lane_id, session_lane_id, '[]') WITH &&, during WITH &&, session inet_ops WITH <>
    )
    WHERE (session IS NOT NULL)
"""


def upgrade() -> None:
    """Add the columns, which are null in all rows, and the constraint on those where they are not.

    For an older version an exclusive resource is like any other, and its claims are in no session: none must be set up
    before every process has the new version.
    """
    op.add_column("resources", sa.Column("exclusive", sa.Text, comment="null: places are booked apart from each other"))
    op.add_column("claims", sa.Column("session_lane_id", sa.BigInteger, comment="first lane of an exclusive resource"))
    op.add_column("claims", sa.Column("session", INET, comment="digest of the service and start of its session"))
    op.execute(
        "ALTER TABLE claims ADD CONSTRAINT claims_session_check CHECK ((session IS NULL) = (session_lane_id IS NULL))"
    )
    op.execute(_EXCLUSION)


def downgrade() -> None:
    """Take them away."""
    for constraint in ("claims_session_overlap", "claims_session_check"):
        op.execute(f"ALTER TABLE claims DROP CONSTRAINT {constraint}")
    op.drop_column("claims", "session")
    op.drop_column("claims", "session_lane_id")
    op.drop_column("resources", "exclusive")
