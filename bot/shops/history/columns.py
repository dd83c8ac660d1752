"""New rows for one statement that takes many, instead of one for each."""

from typing import Any

from sqlmodel import SQLModel

from bot.base.database import table


def written(row: SQLModel) -> dict[str, Any]:
    """All its columns but the id, which the database gives."""
    return {column.name: getattr(row, column.name) for column in table(type(row)).columns if not column.primary_key}
