"""What a stranger says as a number, a text or a time is one that the database keeps, or is dropped and named."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON

from bot.base import values
from bot.base.database import Database, table
from bot.tables.events import Event
from bot.tables.people import Contact
from bot.tables.shop import Order, Product

HUGE = 10**30
ENDLESS = 10**5000


def _product(**said: Any) -> Product:
    return Product(**{"product_id": "p1", "updated_at": NOON, **said})


@pytest.mark.parametrize(
    "number", [HUGE, ENDLESS, -ENDLESS, 2**63, 2**31], ids=["huge", "endless", "endless below", "63", "31"]
)
async def test_no_number_is_too_large_for_its_column(database: Database, number: int) -> None:
    async with database.transaction() as session:
        session.add(_product(price=number, stock=number))
    async with database.reading() as session:
        price = await session.scalar(sa.select(table(Product).c.price))
        stock = await session.scalar(sa.select(table(Product).c.stock))
    assert (abs(price or 0), abs(stock or 0)) >= (min(abs(number), 2**63 - 1), 2**31 - 1)


@pytest.mark.parametrize("number", [HUGE, ENDLESS, -ENDLESS], ids=["huge", "endless", "endless below"])
async def test_a_question_for_a_row_that_no_table_can_have_finds_nothing(database: Database, number: int) -> None:
    async with database.transaction() as session:
        session.add(Contact(first_name="Ada", created_at=NOON))
    async with database.reading() as session:
        assert await session.get(Contact, number) is None
        assert await session.scalar(sa.select(table(Order).c.id).where(table(Order).c.id == number)) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [("a\x00b", "ab"), ("a\ud800b", "a?b"), ("ä\udfff\x00", "ä?"), ("😀 plain 好", "😀 plain 好")],
)
async def test_every_text_can_be_kept_and_asked_for(database: Database, said: str, kept: str) -> None:
    async with database.transaction() as session:
        session.add(_product(name=said))
        await session.flush()
        body = {"text": said, said: 1}
        told = {"source": said, "message_id": "1", "kind": "track", "name": said, "ts": NOON, "received_at": NOON}
        await session.execute(sa.insert(table(Event)).values(**told, rank="page", body=body, status="new", attempts=0))
    async with database.reading() as session:
        assert await session.scalar(sa.select(table(Product).c.name).where(table(Product).c.name == said)) == kept
        assert await session.scalar(sa.select(table(Event).c.body)) == {"text": kept, kept: 1}


@pytest.mark.parametrize(
    "time",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
        datetime(1900, 1, 1, tzinfo=UTC),
    ],
)
async def test_no_time_is_outside_of_what_both_databases_and_we_reckon_with(database: Database, time: datetime) -> None:
    async with database.transaction() as session:
        session.add(_product(updated_at=time))
    async with database.reading() as session:
        found = await session.scalar(sa.select(table(Product).c.updated_at))
    assert found is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) <= found <= datetime(2200, 1, 1, tzinfo=UTC)


async def test_json_beyond_all_bounds_is_kept_without_what_cannot_be(database: Database) -> None:
    body = {"a": HUGE, "b": ENDLESS, "c": float("inf"), "d": ["\ud800", {"e\x00": float("nan")}], "f": 2**53}
    told = {"source": "x", "message_id": "1", "kind": "track", "ts": NOON, "received_at": NOON, "rank": "page"}
    async with database.transaction() as session:
        await session.execute(sa.insert(table(Event)).values(**told, name="x", body=body, status="new", attempts=0))
    async with database.reading() as session:
        kept = await session.scalar(sa.select(table(Event).c.body))
    assert kept is not None
    assert (kept["d"][0], kept["f"]) == ("?", 2**53)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b'{"a": ' + b"9" * 5000 + b', "b": 1}', {"a": None, "b": 1}),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        (b'{"a": "x\\ud800y"}', {"a": "x?y"}),
        (b'{"a": "x\\ud83d\\ude00y"}', {"a": "x😀y"}),
    ],
)
def test_one_bad_value_does_not_spoil_the_json_around_it(raw: bytes, read: object) -> None:
    assert values.read_json(raw) == read


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"])
def test_what_is_no_json_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        values.read_json(raw)


_BAD_IN_GOOD = b'{"data": {"nodes": [' + b", ".join([b'{"a": "' + b"x" * 1000 + b'", "b": 1e999}'] * 1000) + b"]}}"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[" * 600_000, b"[" * 600_000 + b"]" * 600_000, b"[1, 2" + b" " * 600_000, b'"' + b"x" * 600_000,
        b"1", b" " * 600_000 + b"[1]", b'"' + b"x" * 600_000 + b'"', b'{"a": "' + b"x" * 600_000 + b'", "a": NaN}',
        b'{"a": ' * 5 + b"[" + b"1, " * 300_000 + b"1]" + b"}" * 5, _BAD_IN_GOOD,
    ],
    ids=range(12),
)  # fmt: skip
def test_a_large_json_is_read_as_a_small_one(raw: bytes) -> None:
    try:
        whole = values.read_json(raw)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            values.read_large_json(raw)
    else:
        assert values.read_large_json(raw) == whole


async def test_others_get_their_turn_while_a_large_json_is_read() -> None:
    line = {"name": "Lamp", "meta_data": [{"key": "a", "value": "x"}] * 20}
    raw = values.write_json({"data": {"orders": [{"id": one, "lines": [line] * 300} for one in range(100)]}}).encode()
    turns, reading = 0, asyncio.create_task(asyncio.to_thread(values.read_large_json, raw))
    while not reading.done():
        await asyncio.sleep(0.0005)
        turns += 1
    assert len((await reading)["data"]["orders"]) == 100
    assert turns > 20


@pytest.mark.parametrize("words", ["9" * 5000, "-1", "1.0", "", "²", "١", "9223372036854775808", "1 "])
def test_digits_that_are_no_row(words: str) -> None:
    assert values.number(words) is None


def test_digits_that_are_a_row() -> None:
    assert (values.number("0"), values.number("007"), values.number("9223372036854775807")) == (0, 7, 2**63 - 1)
