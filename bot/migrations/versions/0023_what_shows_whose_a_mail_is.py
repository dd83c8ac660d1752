"""What shows whose a mail is: an answer to one of ours, or the word of the shop's own mail server."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proven_by", sa.String(), server_default="", nullable=False))
    op.execute("UPDATE receivedmail SET proven_by = 'thread' WHERE rank = 'person' AND kind IN ('person', 'no_reply')")


def downgrade() -> None:
    with op.batch_alter_table("receivedmail", schema=None) as batch_op:
        batch_op.drop_column("proven_by")
