"""Of each sign-up whether the shop knew its address: those wait for nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not as a batch: that would make the table anew, without SQLite's promise to give no id twice.
    op.add_column("optin", sa.Column("known", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("optin", "known")
