"""An index of the events that somebody should look at."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ASIDE = sa.text("status IN ('failed', 'refused')")


def upgrade() -> None:
    op.create_index("ix_event_aside", "event", ["id"], sqlite_where=_ASIDE, postgresql_where=_ASIDE)


def downgrade() -> None:
    op.drop_index("ix_event_aside", table_name="event")
