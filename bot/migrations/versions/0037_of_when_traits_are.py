"""Of when each trait of a contact is, by the clock of whoever said it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("contact", sa.Column("traits_told", kind, server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("contact", "traits_told")
