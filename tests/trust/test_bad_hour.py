"""The marketer's bad hour: everything that can be saved wrong is, before a start and into a running program."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
import wrong_files
from program import Program
from shop_world import HOUR, MINUTE
from wrong_files import KINDS, save, save_all

from automations.definition import versions
from bot import checks
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.errors import Finding
from bot.base.texts import Texts
from bot.demo.telegram import Telegram
from bot.outbound import outbox
from bot.own_files import OwnFiles
from bot.tables.automations import FlowVersion
from bot.tables.settings import Setting

NUMBERS = {kind: [number for number, one in enumerate(KINDS) if one.kind == kind] for kind in
           ("template", "flow", "segment", "broadcast")}  # fmt: skip


def _look(files: OwnFiles) -> None:
    files.templates.look()
    found = files.segments.look()
    if found is not None:
        files.segments.segments.take(found)
    if files.flows.look() is not None:
        files.flows.taken()
    files.look_at_broadcasts()


def _told(findings: list[Finding], folder: Path) -> list[str]:
    """The kinds that are not told with their file, line and words."""
    missed = []
    for number, one in enumerate(KINDS):
        mine = [found for found in findings if Path(str(found.file)).resolve() == one.file(folder, number).resolve()]
        if not any(one.words in str(found) and found.line == (one.line or found.line) for found in mine):
            missed.append(f"{one.kind}, {one.what}: {[str(found) for found in mine]}")
    return missed


def _running(files: OwnFiles) -> dict[str, list[int]]:
    """The numbers of those that are used in their right words."""
    flows, segments = files.flows.running.by_name, files.segments.segments.by_name
    used = {name for name, _ in files.templates.stored() if files.mails.find(name, "en").source.mjml}
    return {
        "template": [number for number in NUMBERS["template"] if f"own_{number}" in used],
        "flow": [n for n in NUMBERS["flow"] if f"own_{n}" in flows and flows[f"own_{n}"].title == "Right"],
        "segment": [n for n in NUMBERS["segment"] if f"own_{n}" in segments and segments[f"own_{n}"].title == "Right"],
    }


async def test_what_is_saved_wrong_is_told_with_its_line_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    config = Config.model_validate(wrong_files.sections(tmp_path))
    every = {kind: NUMBERS[kind] for kind in ("template", "flow", "segment")}
    save_all(tmp_path, wrong=False)
    files = await OwnFiles.open(config, database)
    assert files.wrong == [] and _running(files) == every
    await files.keep(database)
    async with database.transaction() as session:
        await versions.publish(session, files.flows.running, shop_world.NOON)

    save_all(tmp_path, wrong=True)
    _look(files)
    assert _told(files.wrong, tmp_path) == [] and _running(files) == every

    again = await OwnFiles.open(config, database)
    assert _told(again.wrong, tmp_path) == [] and _running(again) == every
    await again.keep(database)

    async with database.transaction() as session:
        await session.execute(sa.delete(table(Setting)))
        await session.execute(sa.delete(table(FlowVersion)))
    never = await OwnFiles.open(config, database)
    assert _told(never.wrong, tmp_path) == [] and _running(never) == {kind: [] for kind in every}
    assert {"abandoned_cart", "welcome"} <= never.flows.running.by_name.keys(), "the others run"

    save_all(tmp_path, wrong=False)
    for one in (files, never):
        _look(one)
        assert one.wrong == [] and _running(one) == every


def test_check_tells_all_of_it(tmp_path: Path) -> None:
    save_all(tmp_path, wrong=True)
    config = Config.model_validate(wrong_files.sections(tmp_path))
    assert _told(checks.files(config), tmp_path) == []


async def test_what_a_shipped_flow_misses_in_an_own_template_names_no_place_of_this_machine(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "templates" / "email" / "welcome" / "en.mjml", KINDS[1].wrong(0))
    config = Config.model_validate({"templates": {"folder": str(tmp_path / "templates")}})
    told = [str(one) for one in (await OwnFiles.open(config, database)).wrong]
    assert any(one.startswith("shipped flows/welcome.toml:") for one in told), told
    assert not any(str(Path(__file__).parents[2]) in one for one in told), told


async def test_what_waits_for_a_template_that_never_was_right_leaves_once_after_the_mend(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    sections = wrong_files.sections(tmp_path)
    for folder in ("flows", "segments", "broadcasts"):
        (tmp_path / folder).mkdir()
    file = tmp_path / "templates" / "email" / "abandoned_cart" / "en.mjml"
    save(file, KINDS[0].wrong(0))
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart"))
    files = await OwnFiles.open(Config.model_validate(sections), database)
    shop.gate.mails = files.mails
    await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    [row] = await shop.written()
    assert (row["status"], row["skip_reason"]) == ("deferred", "render_error")
    assert "en.mjml:8" in row["verdicts"]["rendered"]["error"]
    save(file, KINDS[0].text(0))
    assert files.templates.look() == [("abandoned_cart", "en")]
    async with shop.database.transaction() as session:
        await outbox.ask_again(session, None, "render_error", shop.now)
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]
    save(file, KINDS[1].wrong(0))
    assert files.templates.look() == []
    await shop.passes(20 * HOUR)
    assert shop.templates().count("abandoned_cart") == 1


def _health(program: Program) -> dict[str, Any]:
    with urllib.request.urlopen(f"{program.url}/healthz", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def _until(program: Program, done: Any) -> None:
    async with asyncio.timeout(90):
        while not done(await asyncio.to_thread(_health, program)):
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_the_desk_works_through_all_of_it(empty_url: str, tmp_path: Path) -> None:
    save_all(tmp_path, wrong=True)
    async with Telegram() as telegram:
        config = {
            "database": {"url": empty_url},
            "telegram": {"token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id},
            **wrong_files.sections(tmp_path),
        }
        program = Program(tmp_path, config)
        try:
            await asyncio.to_thread(program.start, timeout=90)
            anna = telegram.shopper(7, "Anna")
            anna.says("I want to talk to a human please")
            await telegram.wait_for(lambda: telegram.messages(anna.chat.id), 60)
            await _until(program, lambda found: found["files_to_mend"] >= len(KINDS))
            save_all(tmp_path, wrong=False)
            await _until(program, lambda found: found["files_to_mend"] == 0)
        finally:
            await asyncio.to_thread(program.kill)
