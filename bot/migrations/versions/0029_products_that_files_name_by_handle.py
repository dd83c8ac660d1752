"""Products that files name by handle: the handle of each, and what a file named it by before."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("handle", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("named_before", sa.String(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_product_handle"), ["handle"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_handle"))
        batch_op.drop_column("named_before")
        batch_op.drop_column("handle")
