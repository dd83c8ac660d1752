"""limits of sign ups."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signuptally",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_signuptally")),
    )
    with op.batch_alter_table("optin", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("held_by", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("optin", schema=None) as batch_op:
        batch_op.drop_column("held_by")
        batch_op.drop_column("key")

    op.drop_table("signuptally")
