"""Unknown senders of mail: how many had a ticket opened, and who waits in a rush of them."""

import sqlalchemy as sa
from alembic import op

from bot.base.database import BigId, UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "newsender",
        sa.Column("id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("came_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_newsender_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsender")),
    )
    with op.batch_alter_table("newsender", schema=None) as batch_op:
        batch_op.create_index("ix_newsender_state", ["state", "changed_at"], unique=False)
        batch_op.create_index("ix_newsender_came", ["came_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_newsender_contact_id"), ["contact_id"], unique=False)


def downgrade() -> None:
    op.drop_table("newsender")
