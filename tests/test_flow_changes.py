"""`aftercart flow pause`, `resume` and `publish`, as somebody types them."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from program import toml
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from bot.base import clock
from bot.base.database import Database, table
from bot.tables.audiences import SegmentMember
from bot.tables.automations import Enrolment, FlowPause, FlowVersion
from bot.tables.events import Event
from bot.tables.people import Contact, Identity

_FLOW = """
title = "Little"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
[[steps]]
id = "idle"
wait = "24h"
[[steps]]
id = "first"
send = "abandoned_cart"
"""


class Desk:
    """A folder with a configuration and one flow of the shop's own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "shop.db"
        self.flow = folder / "flows" / "little.toml"
        self.config = folder / "config.toml"
        self.flow.parent.mkdir()
        self.flow.write_text(_FLOW, "utf-8")
        settings = {
            "database": {"url": f"sqlite:///{self.file}"},
            "automations": {"flows_folder": str(self.flow.parent), "segments_folder": str(folder / "segments")},
        }
        (folder / "segments").mkdir()
        (folder / "segments" / "everybody.toml").write_text('[not]\ntag = "nobody_has_this"\n', "utf-8")
        self.config.write_text(toml(settings), "utf-8")

    def __call__(self, *words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["flow", *words, "--config", str(self.config)])
        assert result.exit_code == status, result.output
        return result

    def publishes(self, *how: str) -> list[str]:
        """What is said, without the log."""
        said = self("publish", "little", "--yes", *(("--how", *how) if how else ())).output.splitlines()
        return [line for line in said if "[info" not in line and "would enter" not in line]

    def ask(self, query: Any) -> list[Any]:
        async def read() -> list[Any]:
            database = Database(f"sqlite:///{self.file}")
            async with database.reading() as session:
                found = (await session.execute(query)).all()
            await database.close()
            return list(found)

        return asyncio.run(read())

    def somebody_enters(self) -> None:
        async def write() -> None:
            database, now = Database(f"sqlite:///{self.file}"), clock.now()
            async with database.transaction() as session:
                versions = table(FlowVersion)
                version = await session.scalar(sa.select(versions.c.id).where(versions.c.flow == "little"))
                session.add(Contact(id=1, created_at=now))
                await session.flush()
                session.add(Enrolment(
                    flow="little", version_id=version, contact_id=1, dedupe_key="cart:1", step_id="idle",
                    anchor_ts=now, entered_at=now, step_entered_at=now, planned_at=now, due_at=now,
                ))  # fmt: skip
            await database.close()

        asyncio.run(write())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_flow_is_paused_and_resumed_by_name(desk: Desk) -> None:
    assert "little rests" in desk("pause", "little").output
    assert "rested already" in desk("pause", "little").output
    assert [row.flow for row in desk.ask(sa.select(table(FlowPause)))] == ["little"]
    assert "little goes on" in desk("resume", "little", "--late", "skip").output
    assert desk.ask(sa.select(table(FlowPause))) == []
    assert "was not paused" in desk("resume", "little").output


def test_resuming_says_so_if_the_file_still_switches_the_flow_off(desk: Desk) -> None:
    desk("pause", "little")
    desk.flow.write_text("enabled = false\n" + _FLOW, "utf-8")
    shown = desk("resume", "little").output
    assert "enabled = false" in shown and "little.toml" in shown.replace("\n", "")


def test_publishing_says_what_becomes_of_people_inside(desk: Desk) -> None:
    assert desk.publishes() == ["little is published"]
    desk.somebody_enters()
    desk.flow.write_text(_FLOW.replace('"24h"', '"1h"'), "utf-8")
    assert desk.publishes("move") == ["little is published", "  1 go on in the new version"]
    desk.flow.write_text(_FLOW.replace('id = "idle"', 'id = "pause"'), "utf-8")
    assert desk.publishes("drain") == ["little is published"]
    assert desk.publishes("move") == ["little is published", "  1 left: their step is gone"]
    (row,) = desk.ask(sa.select(table(Enrolment).c.status, table(Enrolment).c.exit_reason))
    assert tuple(row) == ("exited", "step_removed")
    statuses = desk.ask(sa.select(table(FlowVersion).c.status).order_by(table(FlowVersion).c.number))
    assert [row.status for row in statuses] == ["draining", "draining", "active"]


def test_publishing_asks_and_where_nobody_can_be_asked_it_refuses(desk: Desk) -> None:
    refused = desk("publish", "little", status=1)
    assert "nobody would enter at once" in refused.output and "--yes" in refused.output + refused.stderr
    assert desk.ask(sa.select(table(FlowVersion).c.id)) == []


def test_publishing_what_starts_on_events_says_how_many_people_did_it_lately(desk: Desk) -> None:
    desk.publishes()
    _birthdays(desk, 3)

    async def write() -> None:
        database, now = Database(f"sqlite:///{desk.file}"), clock.now()
        async with database.transaction() as session:
            for number, (who, days) in enumerate(((1, 1), (1, 2), (2, 29), (3, 40))):
                ts = now - timedelta(days=days)
                session.add(Event(source="web", message_id=str(number), name="Product Added", ts=ts, received_at=ts,
                                  contact_id=who, status="done", body={}))  # fmt: skip
            await session.flush()
            version = await session.scalar(sa.select(table(FlowVersion).c.id))
            session.add(Enrolment(flow="little", version_id=version, contact_id=1, dedupe_key="cart:1", anchor_ts=now,
                                  entered_at=now, step_entered_at=now, step_id="idle", status="active"))  # fmt: skip
        await database.close()

    asyncio.run(write())
    said = " ".join(desk("publish", "little", "--yes").output.split())
    assert "in the last 30 days: 2; who entered little in them: 1" in said


def _birthdays(desk: Desk, count: int) -> None:
    async def write() -> None:
        database, now = Database(f"sqlite:///{desk.file}"), clock.now()
        async with database.transaction() as session:
            for number in range(1, count + 1):
                day = (now + timedelta(days=2)).date()
                session.add(Contact(id=number, created_at=now, birthday=f"1990-{day:%m-%d}"))
                address = f"r{number}@example.org"
                await session.flush()
                session.add(Identity(contact_id=number, kind="email", value=address, proven=True, created_at=now))
        await database.close()

    asyncio.run(write())


def test_publishing_says_how_many_the_next_sweep_would_take_and_takes_none_itself(desk: Desk) -> None:
    shipped = Path(__file__).parents[1] / "automations" / "flows" / "birthday.toml"
    desk.flow.write_text(shipped.read_text("utf-8"), "utf-8")
    desk("pause", "little")
    desk("resume", "little")
    _birthdays(desk, 3)
    assert "3 people would enter" in desk("publish", "little", status=1).output
    assert "3 people would enter" in desk("publish", "little", "--yes").output
    assert desk.ask(sa.select(table(Enrolment).c.id)) == []


def test_publishing_tells_who_is_in_the_segment_already_and_lets_them_be(desk: Desk) -> None:
    desk.flow.write_text(_FLOW.replace('about = "cart"', 'about = "win_back"').replace("abandoned_cart", "win_back")
                         .replace('events = ["Product Added"]', 'segment = "everybody"'), "utf-8")  # fmt: skip
    desk("pause", "little")
    _birthdays(desk, 2)
    said = desk("publish", "little", "--yes").output
    assert "0 people would enter" in said and "2 are in the segment already" in said
    assert desk.ask(sa.select(sa.func.count()).select_from(table(SegmentMember)))[0][0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pause", "litle"), "did you mean little?"),
        (("resume", "little", "--late", "sent"), "did you mean send?"),
        (("publish", "little", "--how", "halt"), "drain"),
    ],
)
def test_a_wrong_word_is_told_with_the_right_one(desk: Desk, words: tuple[str, ...], says: str) -> None:
    result = desk(*words, status=1)
    assert says in result.output + (result.stderr if result.stderr_bytes else "")
