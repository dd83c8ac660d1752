"""ids of stores."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_store")),
    )
    with op.batch_alter_table("cart", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_cart_kind_cart_id"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_cart_kind_cart_id_store"), ["kind", "cart_id", "store"])

    with op.batch_alter_table("cataloguewatch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_cataloguewatch_kind_product_id_variant_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_cataloguewatch_kind_product_id_variant_id_store"),
            ["kind", "product_id", "variant_id", "store"],
        )

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_orders_order_id"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_orders_order_id_store"), ["order_id", "store"])

    with op.batch_alter_table("pricechange", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_product_product_id_variant_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_product_product_id_variant_id_store"), ["product_id", "variant_id", "store"]
        )

    with op.batch_alter_table("seenprice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_seenprice_contact_id_product_id_variant_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_seenprice_contact_id_product_id_variant_id_store"),
            ["contact_id", "product_id", "variant_id", "store"],
        )

    with op.batch_alter_table("stockalert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("stockalert", schema=None) as batch_op:
        batch_op.drop_column("store")

    with op.batch_alter_table("seenprice", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_seenprice_contact_id_product_id_variant_id_store"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_seenprice_contact_id_product_id_variant_id"), ["contact_id", "product_id", "variant_id"]
        )
        batch_op.drop_column("store")

    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_product_product_id_variant_id_store"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_product_product_id_variant_id"), ["product_id", "variant_id"])
        batch_op.drop_column("store")

    with op.batch_alter_table("pricechange", schema=None) as batch_op:
        batch_op.drop_column("store")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_orders_order_id_store"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_orders_order_id"), ["order_id"])
        batch_op.drop_column("store")

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_column("store")

    with op.batch_alter_table("cataloguewatch", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_cataloguewatch_kind_product_id_variant_id_store"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_cataloguewatch_kind_product_id_variant_id"), ["kind", "product_id", "variant_id"]
        )
        batch_op.drop_column("store")

    with op.batch_alter_table("cart", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_cart_kind_cart_id_store"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_cart_kind_cart_id"), ["kind", "cart_id"])
        batch_op.drop_column("store")

    op.drop_table("store")
