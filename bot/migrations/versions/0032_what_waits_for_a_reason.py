"""What was put off is found by its reason, however much else waits to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("skip_reason IS NOT NULL AND due_at IS NOT NULL")
    op.create_index("ix_message_put_off", "message", ["skip_reason"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_message_put_off", table_name="message")
