"""The id of a sign-up stands in the link of its mail: SQLite never gives it to another, gone or not."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_GIVEN = 1_000_000  # beyond every id that links of before may name


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    with op.batch_alter_table("optin", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
        pass
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'optin'")
    highest = sa.text("SELECT COALESCE(MAX(id), 0) + :more FROM optin")
    number = op.get_bind().scalar(highest, {"more": _GIVEN})
    op.get_bind().execute(sa.text("INSERT INTO sqlite_sequence VALUES ('optin', :number)"), {"number": number})


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("optin", recreate="always", table_kwargs={"sqlite_autoincrement": False}):
            pass
