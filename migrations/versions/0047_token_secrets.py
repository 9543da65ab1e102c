"""Let a business sign the tokens of appointments by another secret."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("token_secret_id", sa.Text(), "of the secret that signs tokens; null: token_secret"),
    ("previous_token_secret_id", sa.Text(), "of the secret that signed before; null: token_secret"),
    (
        "previous_tokens_until",
        sa.DateTime(timezone=True),
        "tokens of the secret before work until then; null: none was rotated",
    ),
)


def upgrade() -> None:
    """Add the columns; the program before goes on to sign and to test by the secret that came with the business."""
    for name, kind, comment in _COLUMNS:
        op.add_column("businesses", sa.Column(name, kind, comment=comment))


def downgrade() -> None:
    """Take them away."""
    for name, _, _ in reversed(_COLUMNS):
        op.drop_column("businesses", name)
