"""A claim costs what is due, not what the table holds: the plans of every claim that the program makes."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from conftest import NOON
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

import automations
import bot
from bot.base import due
from bot.base.database import Database, UtcDateTime, table
from bot.outbound import lanes, outbox
from bot.outbound.practice import PracticeSender
from bot.support.escalation import file_alarm
from bot.tables.events import Event
from bot.tables.outbox import Message

PAST = {"sqlite": 1_000, "postgresql": 20_000}
"""Rows of each table. SQLite plans by the indexes alone; PostgreSQL scans what is small."""
WAITING = 20


class _Lined:
    """A sender that keeps the order of each receiver."""

    claim = 20

    def __init__(self, ordered: bool | str) -> None:
        self.ordered = ordered


BUILT = {
    "bot.outbound.lanes.claim": {
        f"messages, ordered={sender.ordered}": lanes.claim("email", sender, timedelta(minutes=2))  # type: ignore[arg-type]
        for sender in (PracticeSender(), _Lined(True), _Lined("lanes"))
    }
}
"""Claims that a function makes, by the function: what `_inside_functions` finds must stand here."""


def _modules() -> list[str]:
    return [
        found.name
        for package in (bot, automations)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith("__main__") and ".migrations." not in found.name
    ]


def _within(value: object) -> Iterator[due.Claim]:
    if isinstance(value, due.Claim):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _within(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _within(one)


def _claims() -> dict[str, due.Claim]:
    found = {
        f"{module}.{name}[{number}]": claim
        for module in _modules()
        for name, value in vars(importlib.import_module(module)).items()
        for number, claim in enumerate(_within(value))
    }
    return found | {name: claim for built in BUILT.values() for name, claim in built.items()}


def _inside_functions(module: str) -> Iterator[str]:
    file = importlib.import_module(module).__file__
    assert file
    for function in ast.walk(ast.parse(Path(file).read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in ("due.Claim", "Claim"):
                    yield f"{module}.{function.name}"


def test_no_claim_is_made_in_a_function_that_the_plans_do_not_know() -> None:
    assert {name for module in _modules() for name in _inside_functions(module)} == set(BUILT)


def _value(column: sa.Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return "false"
    if isinstance(kind, sa.Integer | sa.Numeric):
        return "n"
    if isinstance(kind, sa.JSON):
        return "'{}'"
    if isinstance(kind, UtcDateTime):
        return "'2026-03-04 11:00:00.000000'"
    return "'x' || n"


def _filling(rows: sa.Table, dialect: sa.Dialect) -> str:
    """A past of done rows, and a few that are due."""
    past = PAST[dialect.name]
    given = {
        "due_at": f"CASE WHEN n % {past // WAITING} = 0 THEN '2026-03-04 11:00:00.000000' END",
        "channel": "'email'",
    }
    columns = [c for c in rows.c if c.name in given or not (c.nullable or c.server_default)]
    names = ", ".join(f'"{column.name}"' for column in columns)
    values = [given.get(column.name) or _value(column) for column in columns]
    if dialect.name == "postgresql":
        kinds = [column.type.compile(dialect) for column in columns]
        values = [f"CAST({value} AS {kind})" for value, kind in zip(values, kinds, strict=True)]
    numbers = f"WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {past})"
    return f"{numbers} INSERT INTO {rows.name} ({names}) SELECT {', '.join(values)} FROM count"


async def _fill(connection: AsyncConnection, tables: list[sa.Table]) -> None:
    """In a transaction that nobody commits: the rows are about nothing, only how many there are matters."""
    sqlite = connection.dialect.name == "sqlite"
    ask_nothing = "PRAGMA defer_foreign_keys=ON" if sqlite else "SET LOCAL session_replication_role = replica"
    await connection.exec_driver_sql(ask_nothing)
    for rows in tables:
        await connection.exec_driver_sql(_filling(rows, connection.dialect))
        if not sqlite:  # as autovacuum does; SQLite has no figures in a live database
            await connection.exec_driver_sql(f"ANALYZE {rows.name}")


async def _plan(connection: AsyncConnection, claim: due.Claim) -> list[str]:
    sqlite = connection.dialect.name == "sqlite"
    words = claim.statement.compile(
        dialect=SQLiteDialect(paramstyle="named") if sqlite else PGDialect(paramstyle="named")
    )
    given = words.params | {"now": NOON, "until": NOON + claim.lease, "worker": 1}
    types = [sa.bindparam(name, type_=UtcDateTime()) for name in ("now", "until")]
    explain = sa.text(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {words}").bindparams(*types)
    return [str(line[-1]).strip() for line in await connection.execute(explain, given)]


async def test_a_claim_reads_what_is_due_and_not_the_whole_table(database: Database) -> None:
    claims = _claims()
    assert len(claims) >= 12
    async with database.engine.connect() as connection:
        await _fill(connection, sorted({claim.table for claim in claims.values()}, key=lambda rows: rows.name))
        for name, claim in claims.items():
            plan = await _plan(connection, claim)
            assert plan, name
            assert not [line for line in plan if line.startswith("SCAN ") or "Seq Scan on " in line], (name, plan)
            of_waiting = (f"ix_{claim.table.name}_due", f"ix_{claim.table.name}_waiting")
            assert any(index in line for line in plan for index in of_waiting), (name, plan)
        await connection.rollback()


async def test_events_of_the_shop_are_found_without_reading_those_of_pages(database: Database) -> None:
    claims = {name.rpartition(".")[2]: claim for name, claim in _claims().items() if ".events.apply." in name}
    async with database.engine.connect() as connection:
        await _fill(connection, [table(Event)])
        for name, index in (("_OTHERS[0]", "others"), ("_PAGES[0]", "pages"), ("_PAGES[1]", "pages")):
            plan = await _plan(connection, claims.pop(name))
            assert any(f"ix_event_waiting_{index}" in line for line in plan), plan
        assert not claims
        await connection.rollback()


async def test_what_was_put_off_is_found_by_its_reason_however_much_waits(database: Database) -> None:
    sqlite, asked = database.is_sqlite, list[tuple[str, Any]]()
    async with database.engine.connect() as connection:
        await _fill(connection, [table(Message)])
        put_off = f"CASE WHEN id % {PAST[connection.dialect.name] // WAITING} = 0 THEN '{outbox.UNWRITTEN}' END"
        waits = f"UPDATE message SET due_at = '2026-03-04 13:00:00.000000', skip_reason = {put_off}"
        await connection.exec_driver_sql(waits)
        if not sqlite:
            await connection.exec_driver_sql("ANALYZE message")

        @sa.event.listens_for(connection.sync_connection, "before_cursor_execute")
        def _asked(_connection: Any, _cursor: Any, words: str, given: Any, *_more: Any) -> None:
            asked.append((words, given))

        async with AsyncSession(connection) as session:
            await outbox.ask_again(session, None, outbox.UNWRITTEN, NOON)
            await file_alarm.waiting(session)
        questions = [one for one in asked if "skip_reason = " in one[0]]
        assert len(questions) == 2
        for words, given in questions:
            plan = await connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {words}", given)
            lines = [str(line[-1]) for line in plan]
            assert any("ix_message_put_off" in line for line in lines), lines
        await connection.rollback()
