"""`aftercart report sla`, as somebody types it."""

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import make
import pytest
from program import toml
from typer.testing import CliRunner, Result

from bot import migrations
from bot.__main__ import cli
from bot.base.database import Database
from bot.commands import sla_report
from bot.tables.support import SlaTimer

MONDAY = datetime(2026, 3, 2, 11, tzinfo=UTC)
_WIDEST = 100


async def _fill(file: Path) -> None:
    """22 met on Monday, 3 missed (one delivered late), one overdue, two left out; one drill; one met on Tuesday."""
    database = Database(f"sqlite:///{file}")
    await migrations.upgrade(database)
    async with database.transaction() as session:
        anna, number = await make.staff(session), 0

        async def add(
            count: int, state: str, waited: float | None = None, at: datetime = MONDAY, **fields: Any
        ) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                kind = fields.get("kind", "question")
                ticket = await make.ticket(session, number, department="returns", kind=kind)
                done = at + timedelta(seconds=waited) if waited else None
                more = {name: value for name, value in fields.items() if name != "kind"}
                session.add(SlaTimer(
                    ticket_id=ticket.id, metric="first_response", policy="chat", channel="telegram", target_seconds=30,
                    always_open=True, start_at=at, target_at=at + timedelta(seconds=30), state=state, answered_at=done,
                    settled_at=done, staff_id=anna.id if done else None, **more,
                ))  # fmt: skip

        await add(22, "met", 20)
        await add(2, "breached", 50)
        await add(1, "breached", 33, cause="delivery_delay")
        await add(1, "running")
        await add(1, "cancelled", reason="spam")
        await add(1, "cancelled", reason="bot_resolved")
        await add(5, "breached", 90, kind="drill")
        await add(1, "met", 10, at=MONDAY + timedelta(days=1))
    await database.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "filled.db"
    asyncio.run(_fill(file))
    return file


class Report:
    def __init__(self, folder: Path, filled: Path) -> None:
        shutil.copy(filled, folder / "aftercart.db")
        self.config = folder / "config.toml"
        shop = {"shop": {"timezone": "Europe/Berlin"}, "database": {"url": f"sqlite:///{folder / 'aftercart.db'}"}}
        self.config.write_text(toml(shop), "utf-8")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(cli, ["report", "sla", "--config", str(self.config), *words])

    def data(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def report(tmp_path: Path, filled: Path) -> Report:
    return Report(tmp_path, filled)


_WHOLE_MONDAY = ("--since", "2026-03-02", "--until", "2026-03-02")


def _lines(shown: str) -> list[str]:
    return [" ".join(line.split()) for line in shown.splitlines()]


def test_one_day_is_told_by_channel_with_all_that_was_left_out_and_why_it_was_missed(report: Report) -> None:
    shown = report(*_WHOLE_MONDAY).stdout
    lines = _lines(shown)
    assert "Clocks that started from 2026-03-02 00:00 to 2026-03-03 00:00 (Europe/Berlin)" in lines
    assert "telegram first response 84.6 % 22 3 1 0 2" in lines
    assert any(line.startswith("telegram first response 20s 33s 50s 20s 33s 50s 20s") for line in lines)
    assert "first response bot resolved 1" in lines and "first response spam 1" in lines
    assert "first response abandoned 0" in lines
    assert "first response written in time, delivered late 1" in lines and "first response answered too late 3" in lines
    assert "first response our own queue showed it late 0" in lines
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= _WIDEST


def test_several_slices_come_one_after_the_other(report: Report) -> None:
    shown = report(*_WHOLE_MONDAY, "--by", "agent", "--by", "hour,department").stdout
    lines = _lines(shown)
    assert "Anna first response 88.0 % 22 3 0 0 0" in lines
    assert "nobody first response 0.0 %* 0 0 1 0 2" in lines
    assert "* fewer than 20 clocks: the share says little" in lines
    assert "12:00 first response 84.6 % 22 3 1 0 2" in lines
    assert "returns first response 84.6 % 22 3 1 0 2" in lines
    assert "Kept by channel" not in shown


@pytest.mark.parametrize("cut", ["channel", "department", "agent", "priority", "hour", "policy", "calendar"])
def test_every_slice_has_all_clocks(cut: str, report: Report) -> None:
    found = report.data(*_WHOLE_MONDAY, "--by", cut)["slices"][cut]
    assert sum(one["counted"] + one["running"] + one["left_out"] for one in found) == 28


def test_the_data_has_what_the_tables_have(report: Report) -> None:
    found = report.data(*_WHOLE_MONDAY)
    (channel,) = found["slices"]["channel"]
    assert (channel["of"], channel["met"], channel["breached"], channel["overdue"]) == ("telegram", 22, 3, 1)
    assert channel["attainment"] == pytest.approx(22 / 26) and channel["waited"]["p95"] == 50
    assert found["left_out"]["first_response"]["spam"] == 1
    assert found["causes"]["first_response"] == {"": 3, "delivery_delay": 1, "queue_delay": 0, "retarget": 0}
    assert [goal["channel"] for goal in found["goals"]] == ["chat", "email"]


def test_dates_are_those_of_the_shop_and_the_last_one_is_among_them(report: Report) -> None:
    days = report.data("--since", "2026-03-02", "--until", "2026-03-03")["slices"]["channel"][0]
    assert days["met"] == 23
    assert report.data("--days", "1", "--until", "2026-03-03")["slices"]["channel"][0]["met"] == 1


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (4.4, "4s"), (65, "1m05s"), (14400, "4h00m"), (266_400, "3d02h"), (59.6, "1m00s")]
)
def test_waits_are_short_words(value: float | None, shown: str) -> None:
    assert sla_report.seconds(value) == shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "weather"), "'weather' is nothing to cut by"),
        (("--since", "yesterday"), "'yesterday' is no date"),
        (("--since", "2026-03-03", "--until", "2026-03-01"), "the span ends before it begins"),
    ],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], told: str, report: Report) -> None:
    done = report(*words)
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())
