"""Who was merged into somebody is found without reading every contact."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_MERGED = sa.text("merged_into IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_contact_merged_into", "contact", ["merged_into"], sqlite_where=_MERGED, postgresql_where=_MERGED
    )


def downgrade() -> None:
    op.drop_index("ix_contact_merged_into", "contact", sqlite_where=_MERGED, postgresql_where=_MERGED)
