"""`aftercart report experiments`, as somebody types it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from program import toml
from typer.testing import CliRunner, Result

from bot import migrations
from bot.__main__ import cli
from bot.base import clock
from bot.base.database import Database
from bot.tables.automations import FlowVersion
from bot.tables.experiments import Exposure
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.shop import Order

_FLOW = {
    "title": "Cart", "about": "cart", "priority": "cart", "trigger": {"events": ["Product Added"]},
    "enrol": {"key": "cart:{cart_id}"}, "steps": [{"id": "mail", "send": "abandoned_cart"}],
    "experiment": {"name": "subject", "size": 250, "variants": {
        "new": {"steps": {"mail": {"subject": "Still there"}}}, "old": {}}},
}  # fmt: skip


async def _fill(file: Path) -> None:
    """120 people in two arms, two thirds of the new one ordered; 4 in 10 of a hundred mailed, 1 in 10 of 20 held."""
    database, now = Database(f"sqlite:///{file}"), clock.now()
    await migrations.upgrade(database)
    then = now - timedelta(days=10)
    async with database.transaction() as session:
        session.add(FlowVersion(flow="cart", number=1, digest="1", definition=_FLOW, published_at=then))
        for number in range(1, 241):
            session.add(Contact(id=number, created_at=then))
        await session.flush()
        for number in range(1, 121):
            session.add(Exposure(experiment="subject", contact_id=number, variant=("old", "new")[number % 2],
                                 flow="cart", at=then + timedelta(minutes=number)))  # fmt: skip
            held = number > 100
            session.add(Message(
                key=str(number), channel="email", purpose="marketing", receiver="a", flow="birthday",
                contact_id=120 + number, status="withheld" if held else "sent", planned_at=then, created_at=then,
                settled_at=then, handed_at=None if held else then,
            ))  # fmt: skip
            if (number % 2 and number % 3) or number % 12 == 0:
                session.add(_order(number, then))
            if (number % 5 < 2 and not held) or number in (101, 102):
                session.add(_order(120 + number, then))
    await database.close()


def _order(number: int, then: Any) -> Order:
    return Order(order_id=str(number), contact_id=number, status="paid", currency="EUR", revenue=2500,
                 ordered_at=then + timedelta(days=1), paid_at=then, changed_at=then)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = {"database": {"url": f"sqlite:///{tmp_path / 'aftercart.db'}"}}
    (tmp_path / "config.toml").write_text(toml(settings), "utf-8")
    return tmp_path


def report(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["report", "experiments", *words, "--config", str(folder / "config.toml")])


def data(folder: Path, *words: str) -> Any:
    return json.loads(report(folder, *words, "--json").stdout)


def test_the_winner_is_told_with_what_speaks_for_it(folder: Path) -> None:
    asyncio.run(_fill(folder / "aftercart.db"))
    told = report(folder).stdout
    assert "subject in cart: winner: new (look 1 of 5)" in told
    assert "120 of 500 planned people came" in told
    assert "old (control)" in told and "Beyond no mails" in told
    assert max(len(line) for line in told.splitlines()) <= 160
    assert report(folder).stdout == told  # the look was taken once


def test_another_program_reads_the_same(folder: Path) -> None:
    asyncio.run(_fill(folder / "aftercart.db"))
    [one] = data(folder, "subject")["experiments"]
    assert (one["status"], one["winner"], one["plan"]["people"]) == ("winner", "new", 500)
    assert one["tallies"]["new"]["order"] == 40 and one["tallies"]["old"]["order"] == 10
    assert [row["metric"] for row in one["rows"]][:3] == ["click", "order", "revenue"]
    assert one["rows"][0]["comparison"]["span"] == {"low": None, "high": None}  # nobody clicked
    assert data(folder, "subject")["holdouts"] == []


def test_what_mails_bring_is_told_beside_those_held_back(folder: Path) -> None:
    asyncio.run(_fill(folder / "aftercart.db"))
    everything, birthday = data(folder)["holdouts"]
    assert (everything["flow"], birthday["flow"], birthday["of"]) == ("", "birthday", "shop")
    assert (birthday["treated"]["n"], birthday["held"]["n"], birthday["mails"]) == (100, 20, 100)
    assert birthday["per_thousand"]["amount"] == pytest.approx(1000 * 2500 * (0.4 - 0.1))


def test_without_an_experiment_it_says_how_to_get_one(folder: Path) -> None:
    told = report(folder)
    assert told.exit_code == 0 and "a flow gets one with [experiment] in its file" in told.stdout
    assert "Beyond no mails: nothing yet" in told.stdout
    assert data(folder) == {"currency": "EUR", "window_days": 5.0, "experiments": [], "holdouts": []}


def test_a_name_that_nobody_knows_is_refused(folder: Path) -> None:
    asyncio.run(_fill(folder / "aftercart.db"))
    told = report(folder, "colour")
    assert told.exit_code != 0
    assert "no published flow has an experiment 'colour'; there is subject" in " ".join(told.output.split())
