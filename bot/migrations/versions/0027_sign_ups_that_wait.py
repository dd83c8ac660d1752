"""Sign-ups that a limit of others holds back wait for their mail, in the order of how much their networks had."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("optin", sa.Column("network", sa.String(), server_default="", nullable=False))
    op.create_index("ix_optin_held", "optin", ["held_by", "asked_at"])


def downgrade() -> None:
    op.drop_index("ix_optin_held", "optin")
    op.drop_column("optin", "network")
