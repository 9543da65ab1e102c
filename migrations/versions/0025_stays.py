"""Stays: services that last some nights, and claims that are as long."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("duration_nights", "of a stay; null: it lasts duration_minutes"),
    ("duration_check_in", "minutes since midnight; null: it is no stay"),
    ("duration_check_out", "minutes since midnight; null: it is no stay"),
)
_MINUTES = (
    "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) "
    "AND NOT lower_inf(during) AND NOT upper_inf(during) "
    "AND extract(epoch FROM lower(during)) % 60 = 0 AND extract(epoch FROM upper(during)) % 60 = 0 "
    "AND lower(during) >= timestamptz '2000-01-01 00:00+00' AND upper(during) < timestamptz '2201-01-01 00:00+00'"
)
_LONG = "(upper(during) - lower(during)) > interval '7 days'"


def upgrade() -> None:
    """Add the columns, widen the check of claims, and give long claims an index of their own.

    For an older version a stay is a visit of as many minutes, whose start is its check-in. It looks for claims of up to
    a week only, so nights must not be set up before every process has the new version.
    """
    for name, comment in _COLUMNS:
        op.add_column("services", sa.Column(name, sa.SmallInteger(), comment=comment))
    op.create_check_constraint(
        op.f("services_stay_check"),
        "services",
        "duration_nights BETWEEN 1 AND 60 AND duration_check_in BETWEEN 0 AND 1439"
        " AND duration_check_out BETWEEN 0 AND 1439"
        " OR num_nonnulls(duration_nights, duration_check_in, duration_check_out) = 0",
    )
    _limit_claims(62)
    op.create_index(
        "claims_long_end_idx",
        "claims",
        ["lane_id", sa.literal_column("upper(during)")],
        postgresql_where=sa.text(_LONG),
    )


def downgrade() -> None:
    """Take it back. It fails while there are longer claims."""
    op.drop_index("claims_long_end_idx", "claims")
    _limit_claims(7)
    for name, _ in _COLUMNS:
        op.drop_column("services", name)


def _limit_claims(days: int) -> None:
    check = f"{_MINUTES} AND upper(during) - lower(during) <= interval '{days} days'"
    op.drop_constraint(op.f("claims_during_check"), "claims")
    op.create_check_constraint(op.f("claims_during_check"), "claims", check)
