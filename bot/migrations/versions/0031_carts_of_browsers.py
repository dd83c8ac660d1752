"""Of one id of a cart, each browser has a row of its own, beside the shop's.

What only a page told of becomes its browser's; rows of pages that name nobody say nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_carts = sa.table("cart", *(sa.column(name) for name in ("rank", "cart_id", "contact_id", "page_of")))


def upgrade() -> None:
    with op.batch_alter_table("cart", schema=None) as batch_op:
        batch_op.add_column(sa.Column("page_of", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_cart_kind_cart_id_store"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_cart_kind_cart_id_store_page_of"), ["kind", "cart_id", "store", "page_of"]
        )
    of_a_browser = sa.and_(_carts.c.rank != "shop", ~_carts.c.cart_id.startswith("contact-"))
    op.execute(sa.delete(_carts).where(of_a_browser, _carts.c.contact_id.is_(None)))
    op.execute(sa.update(_carts).where(of_a_browser).values(page_of=_carts.c.contact_id))


def downgrade() -> None:
    op.execute(sa.delete(_carts).where(_carts.c.page_of != 0))
    with op.batch_alter_table("cart", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_cart_kind_cart_id_store_page_of"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_cart_kind_cart_id_store"), ["kind", "cart_id", "store"])
        batch_op.drop_column("page_of")
