"""What a shop counts of each variant."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventoryitem",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.String(), server_default="", nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("tracked", sa.Boolean(), nullable=True),
        sa.Column("tracked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("oversold", sa.Boolean(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("levels", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventoryitem")),
        sa.UniqueConstraint("item_id", "store", name=op.f("uq_inventoryitem_item_id_store")),
    )
    with op.batch_alter_table("inventoryitem", schema=None) as batch_op:
        batch_op.create_index("ix_inventoryitem_product", ["product_id", "store"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("inventoryitem", schema=None) as batch_op:
        batch_op.drop_index("ix_inventoryitem_product")

    op.drop_table("inventoryitem")
