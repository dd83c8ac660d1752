"""How far the senders of rejected events are believed; of earlier ones it is known for the systems of shops alone."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rejectedevent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rank", sa.String(), server_default="page", nullable=False))
    op.execute("UPDATE rejectedevent SET rank = 'shop' WHERE source IN ('shopify', 'woocommerce')")


def downgrade() -> None:
    with op.batch_alter_table("rejectedevent", schema=None) as batch_op:
        batch_op.drop_column("rank")
