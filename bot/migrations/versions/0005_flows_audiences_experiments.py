"""flows audiences experiments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cataloguewatch",
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cataloguewatch")),
        sa.UniqueConstraint(
            "kind", "product_id", "variant_id", name=op.f("uq_cataloguewatch_kind_product_id_variant_id")
        ),
    )
    with op.batch_alter_table("cataloguewatch", schema=None) as batch_op:
        batch_op.create_index(
            "ix_cataloguewatch_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.create_table(
        "experimentlook",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("people", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("bound", sa.Float(), nullable=False),
        sa.Column("against", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("winner", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experimentlook")),
        sa.UniqueConstraint("experiment", "number", name=op.f("uq_experimentlook_experiment_number")),
    )
    op.create_table(
        "flowpause",
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_flowpause")),
    )
    op.create_table(
        "flowturn",
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_flowturn")),
    )
    op.create_table(
        "pricechange",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pricechange")),
    )
    with op.batch_alter_table("pricechange", schema=None) as batch_op:
        batch_op.create_index("ix_pricechange_variant", ["product_id", "variant_id", "at"], unique=False)

    op.create_table(
        "broadcast",
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("definition", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.Column("spacing", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("counts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["version_id"], ["flowversion.id"], name=op.f("fk_broadcast_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcast")),
        sa.UniqueConstraint("name", name=op.f("uq_broadcast_name")),
    )
    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.create_index(
            "ix_broadcast_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.create_table(
        "contacttag",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contacttag_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacttag")),
        sa.UniqueConstraint("contact_id", "tag", name=op.f("uq_contacttag_contact_id_tag")),
    )
    with op.batch_alter_table("contacttag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contacttag_tag"), ["tag"], unique=False)

    op.create_table(
        "customerstats",
        sa.Column(
            "contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("paid_orders", sa.Integer(), nullable=False),
        sa.Column("orders_365", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.Column("revenue_365", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("r", sa.Integer(), nullable=False),
        sa.Column("f", sa.Integer(), nullable=False),
        sa.Column("m", sa.Integer(), nullable=False),
        sa.Column("rfm", sa.String(), nullable=False),
        sa.Column("rfm_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("tier_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tier_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_customerstats_contact_id")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_customerstats")),
    )
    with op.batch_alter_table("customerstats", schema=None) as batch_op:
        batch_op.create_index(
            "ix_customerstats_stale",
            ["contact_id"],
            unique=False,
            sqlite_where=sa.text("stale"),
            postgresql_where=sa.text("stale"),
        )

    op.create_table(
        "optin",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("topics", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("user_agent", sa.String(), nullable=True),
        sa.Column("text_version", sa.String(), nullable=True),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_optin_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_optin")),
    )
    with op.batch_alter_table("optin", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_optin_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_optin_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_optin_ip"), ["ip"], unique=False)

    op.create_table(
        "seenprice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_seenprice_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seenprice")),
        sa.UniqueConstraint(
            "contact_id", "product_id", "variant_id", name=op.f("uq_seenprice_contact_id_product_id_variant_id")
        ),
    )
    with op.batch_alter_table("seenprice", schema=None) as batch_op:
        batch_op.create_index("ix_seenprice_variant", ["product_id", "variant_id", "contact_id"], unique=False)

    op.create_table(
        "segmentmember",
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column(
            "contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_segmentmember_contact_id")),
        sa.PrimaryKeyConstraint("segment", "contact_id", name=op.f("pk_segmentmember")),
    )
    with op.batch_alter_table("segmentmember", schema=None) as batch_op:
        batch_op.create_index("ix_segmentmember_contact", ["contact_id"], unique=False)

    op.create_table(
        "standingchange",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_standingchange_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standingchange")),
    )
    with op.batch_alter_table("standingchange", schema=None) as batch_op:
        batch_op.create_index("ix_standingchange_contact", ["contact_id", "kind", "at"], unique=False)
        batch_op.create_index("ix_standingchange_kind", ["kind", "at"], unique=False)

    op.create_table(
        "refusal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_refusal_contact_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_refusal_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
        sa.UniqueConstraint("contact_id", "flow", name=op.f("uq_refusal_contact_id_flow")),
    )
    op.create_table(
        "stockalert",
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("releases", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_stockalert_contact_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_stockalert_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stockalert")),
    )
    with op.batch_alter_table("stockalert", schema=None) as batch_op:
        batch_op.create_index("ix_stockalert_contact", ["contact_id", "status"], unique=False)
        batch_op.create_index(
            "ix_stockalert_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_stockalert_variant", ["product_id", "variant_id", "status", "requested_at"], unique=False
        )

    op.create_table(
        "exposure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_exposure_contact_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_exposure_enrolment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exposure")),
        sa.UniqueConstraint("experiment", "contact_id", name=op.f("uq_exposure_experiment_contact_id")),
    )
    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exposure_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exposure_flow"), ["flow"], unique=False)

    op.create_table(
        "couponcode",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="free", nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_couponcode_contact_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_couponcode_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_couponcode")),
        sa.UniqueConstraint("pool", "code", name=op.f("uq_couponcode_pool_code")),
    )
    with op.batch_alter_table("couponcode", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_couponcode_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_couponcode_message_id"), ["message_id"], unique=False)
        batch_op.create_index("ix_couponcode_pool", ["pool", "status", "id"], unique=False)

    op.create_table(
        "surveyanswer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("survey", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_surveyanswer_contact_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_surveyanswer_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_surveyanswer")),
        sa.UniqueConstraint(
            "survey", "contact_id", "order_id", name=op.f("uq_surveyanswer_survey_contact_id_order_id")
        ),
    )
    with op.batch_alter_table("surveyanswer", schema=None) as batch_op:
        batch_op.create_index("ix_surveyanswer_answered", ["answered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_surveyanswer_contact_id"), ["contact_id"], unique=False)

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rate", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("net", sa.BigInteger(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_orders_contact"))
        batch_op.create_index("ix_orders_contact", ["contact_id", "ordered_at", "status", "net"], unique=False)
        batch_op.create_index(
            "ix_orders_unvalued",
            ["id"],
            unique=False,
            sqlite_where=sa.text("net IS NULL"),
            postgresql_where=sa.text("net IS NULL"),
        )

    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.create_index("ix_product_variant", ["variant_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index("ix_product_variant")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_orders_unvalued", sqlite_where=sa.text("net IS NULL"), postgresql_where=sa.text("net IS NULL")
        )
        batch_op.drop_index("ix_orders_contact")
        batch_op.create_index(batch_op.f("ix_orders_contact"), ["contact_id", "ordered_at"], unique=False)
        batch_op.drop_column("net")
        batch_op.drop_column("rate")

    with op.batch_alter_table("surveyanswer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_surveyanswer_contact_id"))
        batch_op.drop_index("ix_surveyanswer_answered")

    op.drop_table("surveyanswer")
    with op.batch_alter_table("couponcode", schema=None) as batch_op:
        batch_op.drop_index("ix_couponcode_pool")
        batch_op.drop_index(batch_op.f("ix_couponcode_message_id"))
        batch_op.drop_index(batch_op.f("ix_couponcode_contact_id"))

    op.drop_table("couponcode")
    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exposure_flow"))
        batch_op.drop_index(batch_op.f("ix_exposure_contact_id"))

    op.drop_table("exposure")
    with op.batch_alter_table("stockalert", schema=None) as batch_op:
        batch_op.drop_index("ix_stockalert_variant")
        batch_op.drop_index(
            "ix_stockalert_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_stockalert_contact")

    op.drop_table("stockalert")
    op.drop_table("refusal")
    with op.batch_alter_table("standingchange", schema=None) as batch_op:
        batch_op.drop_index("ix_standingchange_kind")
        batch_op.drop_index("ix_standingchange_contact")

    op.drop_table("standingchange")
    with op.batch_alter_table("segmentmember", schema=None) as batch_op:
        batch_op.drop_index("ix_segmentmember_contact")

    op.drop_table("segmentmember")
    with op.batch_alter_table("seenprice", schema=None) as batch_op:
        batch_op.drop_index("ix_seenprice_variant")

    op.drop_table("seenprice")
    with op.batch_alter_table("optin", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_optin_ip"))
        batch_op.drop_index(batch_op.f("ix_optin_contact_id"))
        batch_op.drop_index(batch_op.f("ix_optin_address"))

    op.drop_table("optin")
    with op.batch_alter_table("customerstats", schema=None) as batch_op:
        batch_op.drop_index("ix_customerstats_stale", sqlite_where=sa.text("stale"), postgresql_where=sa.text("stale"))

    op.drop_table("customerstats")
    with op.batch_alter_table("contacttag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contacttag_tag"))

    op.drop_table("contacttag")
    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_broadcast_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("broadcast")
    with op.batch_alter_table("pricechange", schema=None) as batch_op:
        batch_op.drop_index("ix_pricechange_variant")

    op.drop_table("pricechange")
    op.drop_table("flowturn")
    op.drop_table("flowpause")
    op.drop_table("experimentlook")
    with op.batch_alter_table("cataloguewatch", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_cataloguewatch_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("cataloguewatch")
