"""Goods that only pages told of.

A product whose price and stock the shop never told came from what a page put into a cart: its words are no word of the
catalogue, until the shop tells of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BY_PAGES = """
    UPDATE product SET rank = 'page' WHERE stock IS NULL AND published AND NOT EXISTS
    (SELECT 1 FROM pricechange WHERE pricechange.product_id = product.product_id)
"""


def upgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rank", sa.String(), server_default="shop", nullable=False))
    op.execute(_BY_PAGES)


def downgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_column("rank")
