"""What was told of an order, from which its status, parcel and refunds are worked out; the net part of a refund."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gross", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("edited", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("refunded_net", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column(
                "facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="{}", nullable=False
            )
        )
    # So far the money that went back was taken from the goods without tax as it was.
    op.execute("UPDATE orders SET refunded_net = CASE WHEN refunded < revenue THEN refunded ELSE revenue END")


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("facts")
        batch_op.drop_column("refunded_net")
        batch_op.drop_column("edited")
        batch_op.drop_column("gross")
