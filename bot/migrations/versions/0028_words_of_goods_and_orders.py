"""What sets variants apart, prices crossed out, tags, notes, discount codes, the page of an order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def _json(name: str) -> sa.Column[object]:
    kind = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    return sa.Column(name, kind, server_default="[]", nullable=False)


def upgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("variant", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("compare_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(_json("tags"))
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("page_url", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("note", sa.String(), server_default="", nullable=False))
        batch_op.add_column(_json("tags"))
        batch_op.add_column(_json("codes"))


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        for name in ("codes", "tags", "note", "page_url"):
            batch_op.drop_column(name)
    with op.batch_alter_table("product", schema=None) as batch_op:
        for name in ("tags", "compare_at", "variant"):
            batch_op.drop_column(name)
