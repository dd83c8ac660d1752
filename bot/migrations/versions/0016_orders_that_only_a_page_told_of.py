"""orders that only a page told of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unconfirmedorder",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.String(), server_default="", nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_unconfirmedorder_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unconfirmedorder")),
        sa.UniqueConstraint("order_id", "store", name=op.f("uq_unconfirmedorder_order_id_store")),
    )
    with op.batch_alter_table("unconfirmedorder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unconfirmedorder_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index("ix_unconfirmedorder_number", ["number"], unique=False)
        batch_op.create_index("ix_unconfirmedorder_told", ["told_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("unconfirmedorder", schema=None) as batch_op:
        batch_op.drop_index("ix_unconfirmedorder_told")
        batch_op.drop_index("ix_unconfirmedorder_number")
        batch_op.drop_index(batch_op.f("ix_unconfirmedorder_contact_id"))

    op.drop_table("unconfirmedorder")
