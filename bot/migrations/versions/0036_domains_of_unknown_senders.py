"""From which domain an unknown sender of mail wrote: of one domain only a part opens in danger."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("newsender", schema=None) as batch_op:
        batch_op.add_column(sa.Column("domain", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("newsender", schema=None) as batch_op:
        batch_op.drop_column("domain")
