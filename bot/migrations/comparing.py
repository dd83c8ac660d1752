"""How the tables in code are compared with a database, and how columns are written down in a revision."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from bot import tables
from bot.base.database import UtcDateTime

assert tables  # imported so that every table is known


def options(connection: sa.Connection) -> dict[str, Any]:
    """Arguments of `context.configure` and of a MigrationContext that compares."""
    return {
        "target_metadata": SQLModel.metadata,
        "compare_type": True,
        # SQLite changes a column by copying the table; the first revision has nothing to copy.
        "render_as_batch": sa.inspect(connection).has_table("contact"),
        "render_item": _render,
        "include_name": _ours,
    }


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    """pgqueuer looks after its own tables (`work_postgres.install`)."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """A revision names plain column types: it must still mean the same when our own types have changed."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, sa.JSON):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False
