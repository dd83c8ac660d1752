"""Events of pages wait in a queue of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_INDEXES = (
    ("pages", ["status", "due_at"], "= 'page'"),
    ("others", ["status", "due_at"], "<> 'page'"),
    ("browser", ["browser"], "= 'page'"),
)


def upgrade() -> None:
    op.add_column("event", sa.Column("browser", sa.String(), nullable=True))
    whose = "json_extract(body, '$.anonymousId')" if op.get_bind().dialect.name == "sqlite" else "body->>'anonymousId'"
    op.execute(f"UPDATE event SET browser = {whose} WHERE due_at IS NOT NULL")  # noqa: S608 - both are written here
    for name, columns, rank in _INDEXES:
        where = sa.text(f"due_at IS NOT NULL AND rank {rank}")
        op.create_index(f"ix_event_waiting_{name}", "event", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, _, _ in _INDEXES:
        op.drop_index(f"ix_event_waiting_{name}", table_name="event")
    op.drop_column("event", "browser")
