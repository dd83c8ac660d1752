"""the desk in chat."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auditentry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auditentry")),
    )
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.create_index("ix_auditentry_at", ["at"], unique=False)

    op.create_table(
        "calendarversion",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_calendarversion")),
    )
    op.create_table(
        "improvement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("outcome", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_improvement")),
        sa.UniqueConstraint("number", name=op.f("uq_improvement_number")),
    )
    with op.batch_alter_table("improvement", schema=None) as batch_op:
        batch_op.create_index("ix_improvement_status", ["status", "department"], unique=False)

    op.create_table(
        "macrouse",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_macrouse")),
    )
    op.create_table(
        "improvementevent",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("improvement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["improvement_id"], ["improvement.id"], name=op.f("fk_improvementevent_improvement_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_improvementevent")),
    )
    with op.batch_alter_table("improvementevent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_improvementevent_improvement_id"), ["improvement_id"], unique=False)

    op.create_table(
        "voice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("improvement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("said_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("why", sa.String(), server_default="", nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_voice_contact_id")),
        sa.ForeignKeyConstraint(["improvement_id"], ["improvement.id"], name=op.f("fk_voice_improvement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice")),
        sa.UniqueConstraint("improvement_id", "contact_id", name=op.f("uq_voice_improvement_id_contact_id")),
    )
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_voice_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_voice_improvement_id"), ["improvement_id"], unique=False)

    op.create_table(
        "confirmation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(), server_default="", nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_confirmation_contact_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["staffmember.id"], name=op.f("fk_confirmation_owner_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_confirmation_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmation")),
        sa.UniqueConstraint("ticket_id", "cycle", name=op.f("uq_confirmation_ticket_id_cycle")),
    )
    with op.batch_alter_table("confirmation", schema=None) as batch_op:
        batch_op.create_index("ix_confirmation_answer", ["answer", "asked_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_confirmation_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "draft",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staffmember.id"], name=op.f("fk_draft_staff_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_draft_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_draft_said_id"), ["said_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "drill",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scenario", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("points", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staffmember.id"], name=op.f("fk_drill_staff_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_drill_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill")),
    )
    with op.batch_alter_table("drill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_drill_staff_id"), ["staff_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_drill_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "formertopic",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_formertopic_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_formertopic")),
        sa.UniqueConstraint("chat_id", "thread_id", name=op.f("uq_formertopic_chat_id_thread_id")),
    )
    with op.batch_alter_table("formertopic", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_formertopic_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "ticketlink",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("other_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("moved", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["other_id"], ["ticket.id"], name=op.f("fk_ticketlink_other_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticketlink_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticketlink")),
        sa.UniqueConstraint("ticket_id", "other_id", "kind", name=op.f("uq_ticketlink_ticket_id_other_id_kind")),
    )
    with op.batch_alter_table("ticketlink", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticketlink_other_id"), ["other_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ticketlink_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "messagerevision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("said_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "attachment", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="{}", nullable=False
        ),
        sa.Column("update_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["said_id"], ["ticketmessage.id"], name=op.f("fk_messagerevision_said_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messagerevision")),
        sa.UniqueConstraint("said_id", "number", name=op.f("uq_messagerevision_said_id_number")),
    )
    with op.batch_alter_table("messagerevision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messagerevision_said_id"), ["said_id"], unique=False)

    op.create_table(
        "mirror",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("said_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("form", sa.String(), server_default="text", nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["said_id"], ["ticketmessage.id"], name=op.f("fk_mirror_said_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mirror")),
        sa.UniqueConstraint("chat_id", "message_id", "said_id", name=op.f("uq_mirror_chat_id_message_id_said_id")),
    )
    with op.batch_alter_table("mirror", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mirror_said_id"), ["said_id"], unique=False)

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.add_column(sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.add_column(sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("department", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index("ix_rating_asked", ["asked_at"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_rating_staff_id"), "staffmember", ["staff_id"], ["id"])

    with op.batch_alter_table("slatimer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("calendar", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("calendar_version", sa.String(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column(
                "pauses", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="[]", nullable=False
            )
        )
        batch_op.add_column(
            sa.Column(
                "climbed", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="[]", nullable=False
            )
        )
        batch_op.add_column(sa.Column("auto_answered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("staffmember", schema=None) as batch_op:
        batch_op.add_column(sa.Column("username", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("presence", sa.String(), server_default="here", nullable=False))
        batch_op.add_column(sa.Column("presence_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("away_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column(
                "groups", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="[]", nullable=False
            )
        )
        batch_op.add_column(sa.Column("last_given_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lease_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("kind", sa.String(), server_default="question", nullable=False))
        batch_op.add_column(sa.Column("department", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("tier", sa.String(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column(
                "tags", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="[]", nullable=False
            )
        )
        batch_op.add_column(sa.Column("spam", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("merged_into", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("snooze_keeps", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index(
            "ix_ticket_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_ticket_status", ["status", "department"], unique=False)

    with op.batch_alter_table("ticketmessage", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reply_to_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("quote", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("topic", schema=None) as batch_op:
        batch_op.add_column(sa.Column("card_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("icon", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("icon_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("topic", schema=None) as batch_op:
        batch_op.drop_column("icon_at")
        batch_op.drop_column("icon")
        batch_op.drop_column("card_at")

    with op.batch_alter_table("ticketmessage", schema=None) as batch_op:
        batch_op.drop_column("asked_at")
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("edited_at")
        batch_op.drop_column("held")
        batch_op.drop_column("quote")
        batch_op.drop_column("reply_to_id")

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_status")
        batch_op.drop_index(
            "ix_ticket_due", sqlite_where=sa.text("due_at IS NOT NULL"), postgresql_where=sa.text("due_at IS NOT NULL")
        )
        batch_op.drop_column("snooze_keeps")
        batch_op.drop_column("snoozed_until")
        batch_op.drop_column("waiting_since")
        batch_op.drop_column("merged_into")
        batch_op.drop_column("spam")
        batch_op.drop_column("tags")
        batch_op.drop_column("tier")
        batch_op.drop_column("department")
        batch_op.drop_column("kind")
        batch_op.drop_column("attempts")
        batch_op.drop_column("lease_by")
        batch_op.drop_column("lease_until")
        batch_op.drop_column("due_at")

    with op.batch_alter_table("staffmember", schema=None) as batch_op:
        batch_op.drop_column("last_seen_at")
        batch_op.drop_column("last_given_at")
        batch_op.drop_column("groups")
        batch_op.drop_column("away_until")
        batch_op.drop_column("presence_at")
        batch_op.drop_column("presence")
        batch_op.drop_column("username")

    with op.batch_alter_table("slatimer", schema=None) as batch_op:
        batch_op.drop_column("breached_at")
        batch_op.drop_column("auto_answered_at")
        batch_op.drop_column("climbed")
        batch_op.drop_column("pauses")
        batch_op.drop_column("calendar_version")
        batch_op.drop_column("calendar")

    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_rating_staff_id"), type_="foreignkey")
        batch_op.drop_index("ix_rating_asked")
        batch_op.drop_column("withdrawn")
        batch_op.drop_column("department")
        batch_op.drop_column("staff_id")

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_column("blocked_at")

    with op.batch_alter_table("mirror", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mirror_said_id"))

    op.drop_table("mirror")
    with op.batch_alter_table("messagerevision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_messagerevision_said_id"))

    op.drop_table("messagerevision")
    with op.batch_alter_table("ticketlink", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticketlink_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_ticketlink_other_id"))

    op.drop_table("ticketlink")
    with op.batch_alter_table("formertopic", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_formertopic_ticket_id"))

    op.drop_table("formertopic")
    with op.batch_alter_table("drill", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_drill_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_drill_staff_id"))

    op.drop_table("drill")
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_draft_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_draft_said_id"))

    op.drop_table("draft")
    with op.batch_alter_table("confirmation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_confirmation_contact_id"))
        batch_op.drop_index("ix_confirmation_answer")

    op.drop_table("confirmation")
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_voice_improvement_id"))
        batch_op.drop_index(batch_op.f("ix_voice_contact_id"))

    op.drop_table("voice")
    with op.batch_alter_table("improvementevent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_improvementevent_improvement_id"))

    op.drop_table("improvementevent")
    op.drop_table("macrouse")
    with op.batch_alter_table("improvement", schema=None) as batch_op:
        batch_op.drop_index("ix_improvement_status")

    op.drop_table("improvement")
    op.drop_table("calendarversion")
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.drop_index("ix_auditentry_at")

    op.drop_table("auditentry")
