"""Column shapes that the tables share."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from bot.base.database import BigId, Json, UtcDateTime


def _new_dict() -> dict[str, Any]:
    return {}


def _new_list() -> list[Any]:
    return []


_FACTORIES: Mapping[Any, Callable[[], Any]] = {dict: _new_dict, list: _new_list}
"""Whether a factory takes arguments is asked of each new row, and of a builtin that takes as long as all the rest."""


def row_id() -> Any:
    return Field(default=None, primary_key=True, sa_type=BigId)


def reference(to: str, *, null: bool = False, index: bool = True, cascade: bool = False) -> Any:
    """A foreign key to `table.column`."""
    key = sa.ForeignKey(to, ondelete="CASCADE" if cascade else None)
    column: sa.Column[Any] = sa.Column(BigId, key, nullable=null, index=index)
    return Field(default=None, sa_column=column) if null else Field(sa_column=column)


def moment(*, null: bool = False) -> Any:
    if null:
        return Field(default=None, sa_type=UtcDateTime, nullable=True)
    return Field(sa_type=UtcDateTime)


def json_value(default: Any = dict, *, empty: str | None = None) -> Any:
    """A JSON column; give it only what `msgspec` can write. `empty` is what rows get that were there before it."""
    more = {"server_default": empty} if empty is not None else {}
    return Field(default_factory=_FACTORIES.get(default, default), sa_type=Json, sa_column_kwargs=more)


def of_store() -> Any:
    """Whose the id beside it is (`shopify:x.myshopify.com`, see bot/base/stores.py); empty where nobody said."""
    return Field(default="", sa_column_kwargs={"server_default": ""})


def long_text(default: str = "") -> Any:
    return Field(default=default, sa_type=sa.Text)


def source_rank() -> Any:
    """How far the source is believed, see `bot.base.ranks`; the weakest, where nobody says."""
    return Field(default="page", sa_column_kwargs={"server_default": "page"})
