"""The orders of which a draft tells: who was told of them is noted when it is sent."""

import sqlalchemy as sa
from alembic import op

from bot.base.database import Json

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.add_column(sa.Column("orders", Json, server_default="[]", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_column("orders")
