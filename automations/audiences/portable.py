"""SQL that SQLite and PostgreSQL spell differently, as one expression each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_DAY = 86_400


class _Seconds(FunctionElement[int]):
    """Seconds since 1970 of a moment, whole."""

    type = sa.BigInteger()
    inherit_cache = True


class _Elements(FunctionElement[Any]):
    """The rows of a JSON list."""

    inherit_cache = True


class _Text(FunctionElement[str]):
    """A field of a JSON object as text."""

    type = sa.String()
    inherit_cache = True


class _Number(FunctionElement[float]):
    """A field of a JSON object, if it is a number."""

    type = sa.Float()
    inherit_cache = True


@compiles(_Seconds, "sqlite")
def _seconds_sqlite(element: _Seconds, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **kw)}) AS INTEGER)"


@compiles(_Seconds, "postgresql")
def _seconds_postgres(element: _Seconds, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **kw)})) AS BIGINT)"


@compiles(_Elements, "sqlite")
def _elements_sqlite(element: _Elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Elements, "postgresql")
def _elements_postgres(element: _Elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements({compiler.process(element.clauses, **kw)})"


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, kw: Any) -> tuple[str, str]:
    value, name = (compiler.process(clause, **kw) for clause in element.clauses)
    return value, name


@compiles(_Text, "sqlite")
def _text_sqlite(element: _Text, compiler: SQLCompiler, **kw: Any) -> str:
    value, name = _parts(element, compiler, kw)
    return f"CAST(json_extract({value}, '$.\"' || {name} || '\"') AS TEXT)"


@compiles(_Text, "postgresql")
def _text_postgres(element: _Text, compiler: SQLCompiler, **kw: Any) -> str:
    value, name = _parts(element, compiler, kw)
    return f"({value} ->> {name})"


@compiles(_Number, "sqlite")
def _number_sqlite(element: _Number, compiler: SQLCompiler, **kw: Any) -> str:
    value, name = _parts(element, compiler, kw)
    path = f"'$.\"' || {name} || '\"'"
    typed = f"json_type({value}, {path}) IN ('integer', 'real')"
    return f"CASE WHEN {typed} THEN json_extract({value}, {path}) END"


@compiles(_Number, "postgresql")
def _number_postgres(element: _Number, compiler: SQLCompiler, **kw: Any) -> str:
    value, name = _parts(element, compiler, kw)
    return f"CASE WHEN jsonb_typeof({value} -> {name}) = 'number' THEN CAST({value} ->> {name} AS DOUBLE PRECISION) END"


def days_since(moment: sa.ColumnElement[Any], now: datetime) -> sa.ColumnElement[int]:
    """Whole days of 24 hours that have passed."""
    return (int(now.timestamp()) - _Seconds(moment)) // _DAY


def elements(json: sa.ColumnElement[Any]) -> tuple[Any, sa.ColumnElement[Any]]:
    """The FROM over a JSON list, and the column with one of its elements."""
    rows = _Elements(json).table_valued(sa.column("value", json.type))
    return rows, rows.c.value


def text(json: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
    """A field of a JSON object, as text. `name` has no quotation mark in it."""
    return _Text(json, sa.cast(sa.literal(name), sa.String()))


def number(json: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[float]:
    """A field of a JSON object, or nothing where it is no number."""
    return _Number(json, sa.cast(sa.literal(name), sa.String()))


def levels(
    value: sa.ColumnElement[Any], where: Sequence[sa.ColumnElement[bool]], *, falling: bool = False
) -> sa.Select[Any]:
    """Scores 1 to 5 by `min(5, 1 + floor(5 * percent_rank))`: rows of (score, its lowest value), or with `falling`
    its highest, where less is better. Equal values have equal scores, in whatever order the rows stand.
    """
    groups = sa.select(value.label("value"), sa.func.count().label("n")).where(*where).group_by(sa.text("1")).subquery()
    order = groups.c.value.desc() if falling else groups.c.value
    below = sa.func.sum(groups.c.n).over(order_by=order, rows=(None, -1))
    ranked = sa.select(
        groups.c.value,
        sa.cast(sa.func.coalesce(below, 0), sa.BigInteger).label("below"),
        sa.cast(sa.func.sum(groups.c.n).over(), sa.BigInteger).label("all"),
    ).subquery()
    level = 1 + (5 * ranked.c.below) // (ranked.c["all"] - 1)
    best = sa.case((level > 5, 5), else_=level).label("score")  # the last rank alone would be a sixth
    bound = sa.func.max(ranked.c.value) if falling else sa.func.min(ranked.c.value)
    return sa.select(best, bound.label("bound")).group_by(best).order_by(best)
