"""Of a mail that came in: what in it may be the customer's own words, or may be repeated."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folded", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.drop_column("folded")
