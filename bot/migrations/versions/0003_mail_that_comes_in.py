"""mail that comes in; no two tickets in one topic."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receivedmail",
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("put_away", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("thread", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("about_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("said_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["about_id"], ["message.id"], name=op.f("fk_receivedmail_about_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_receivedmail_contact_id")),
        sa.ForeignKeyConstraint(["said_id"], ["ticketmessage.id"], name=op.f("fk_receivedmail_said_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receivedmail")),
        sa.UniqueConstraint("folder", "uid_validity", "uid", name=op.f("uq_receivedmail_folder_uid_validity_uid")),
        sa.UniqueConstraint("message_id", "digest", name=op.f("uq_receivedmail_message_id_digest")),
    )
    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receivedmail_about_id"), ["about_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_receivedmail_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(
            "ix_receivedmail_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_receivedmail_said_id"), ["said_id"], unique=False)
        batch_op.create_index(
            "ix_receivedmail_waiting",
            ["folder", "uid"],
            unique=False,
            sqlite_where=sa.text("NOT put_away"),
            postgresql_where=sa.text("NOT put_away"),
        )

    _part_tickets()
    with op.batch_alter_table("topic", schema=None) as batch_op:
        batch_op.drop_index("ix_topic_thread")
        batch_op.create_index("ix_topic_thread", ["chat_id", "thread_id"], unique=True)


def _part_tickets() -> None:
    """Tickets that share a topic leave it: nobody knows for which of them words in there are meant.

    A row of no topic that is there only kept an old number. Of several that write into one, each gets a new topic with
    its card and its words; who writes in the old one is told so, by the newest of the tickets.
    """
    names = ("ticket_id", "chat_id", "thread_id", "card_message_id", "state", "made_by", "changed_at")
    topic = sa.table("topic", *(sa.column(name) for name in names))
    former = sa.table("formertopic", *(sa.column(name) for name in ("ticket_id", "chat_id", "thread_id", "left_at")))
    place, live = sa.tuple_(topic.c.chat_id, topic.c.thread_id), topic.c.state.in_(["ready", "bare"])
    shared = sa.select(topic.c.chat_id, topic.c.thread_id).where(topic.c.thread_id.is_not(None))
    shared = shared.group_by(topic.c.chat_id, topic.c.thread_id).having(sa.func.count() > 1)
    told = sa.select(former.c.chat_id, former.c.thread_id)
    newest = (
        sa.select(sa.func.max(topic.c.ticket_id), topic.c.chat_id, topic.c.thread_id, sa.func.max(topic.c.changed_at))
        .where(live, place.in_(shared.where(live)), place.not_in(told))
        .group_by(topic.c.chat_id, topic.c.thread_id)
    )
    op.execute(former.insert().from_select(["ticket_id", "chat_id", "thread_id", "left_at"], newest))
    nowhere = {"state": "gone", "thread_id": None, "card_message_id": None, "made_by": None}
    op.execute(topic.update().where(~live, place.in_(shared)).values(nowhere))
    op.execute(topic.update().where(live, place.in_(shared.where(live))).values(nowhere))


def downgrade() -> None:
    with op.batch_alter_table("topic", schema=None) as batch_op:
        batch_op.drop_index("ix_topic_thread")
        batch_op.create_index("ix_topic_thread", ["chat_id", "thread_id"], unique=False)

    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_receivedmail_waiting", sqlite_where=sa.text("NOT put_away"), postgresql_where=sa.text("NOT put_away")
        )
        batch_op.drop_index(batch_op.f("ix_receivedmail_said_id"))
        batch_op.drop_index(
            "ix_receivedmail_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_receivedmail_contact_id"))
        batch_op.drop_index(batch_op.f("ix_receivedmail_about_id"))

    op.drop_table("receivedmail")
