"""The net below every statement: whatever is bound as a number or a text is one that the database keeps.

A number beyond its column is the nearest one that fits, so that a question for row 10**30 finds nothing instead of
raising; NUL goes, half a surrogate becomes a question mark. What a stranger said is looked at and dropped long before.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.base import values

_Process = Callable[[Any], Any] | None


def _bounded(bits: int) -> Callable[[Any], Any]:
    low, high = values.whole(-(1 << 99), bits), values.whole(1 << 99, bits)

    def process(value: Any) -> Any:
        return value if not isinstance(value, int) or low <= value <= high else values.whole(value, bits)

    return process


def _words(value: Any) -> Any:
    return values.text(value) if isinstance(value, str) else value


class _SqliteInteger(sa.Integer):
    def bind_processor(self, dialect: Dialect) -> _Process:
        return _bounded(64)


class _SqliteString(sa.String):
    def bind_processor(self, dialect: Dialect) -> _Process:
        return _words


class _PostgresInteger(asyncpg.AsyncpgInteger):
    def bind_processor(self, dialect: Dialect) -> _Process:
        return _bounded(32)


class _PostgresBigInteger(asyncpg.AsyncpgBigInteger):
    def bind_processor(self, dialect: Dialect) -> _Process:
        return _bounded(64)


class _PostgresString(asyncpg.AsyncpgString):
    def bind_processor(self, dialect: Dialect) -> _Process:
        return _words


def guard(engine: AsyncEngine) -> AsyncEngine:
    """Before its first statement."""
    ours: dict[Any, Any] = {sa.Integer: _SqliteInteger, sa.String: _SqliteString}
    if engine.dialect.name == "postgresql":
        ours = {sa.Integer: _PostgresInteger, sa.BigInteger: _PostgresBigInteger, sa.String: _PostgresString}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **ours}
    return engine
