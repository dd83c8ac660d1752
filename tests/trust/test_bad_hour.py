"""The marketer's bad hour: everything that can be saved wrong is, before a start and into a running program."""

import asyncio
import json
import urllib.request
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
import wrong_files
from program import Program
from shop_world import HOUR, MINUTE
from wrong_files import KINDS, ROOMS, Wrong, room, save, save_all

from automations.definition import versions
from bot import checks, own_files
from bot.base import clock
from bot.base import texts as texts_of
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.errors import Finding, FindingsError
from bot.base.texts import Texts
from bot.demo.telegram import Telegram
from bot.outbound import outbox
from bot.own_files import OwnFiles
from bot.tables.automations import FlowVersion
from bot.tables.settings import Setting


def test_every_kind_of_file_that_a_person_edits_is_here() -> None:
    assert {one.kind for one in KINDS} == set(own_files.KINDS)


def _look(files: OwnFiles) -> None:
    files.templates.look()
    for take in files.texts.look():
        take()
    found = files.segments.look()
    if found is not None:
        files.segments.segments.take(found)
    if files.flows.look() is not None:
        files.flows.taken()
    files.look_at_broadcasts()


def _told(findings: list[Finding], folder: Path, kinds: dict[int, Wrong]) -> list[str]:
    """The kinds that are not told with their file, line and words."""
    missed = []
    for number, one in kinds.items():
        mine = [found for found in findings if Path(str(found.file)).resolve() == one.file(folder, number).resolve()]
        if not any(one.words in str(found) and found.line == (one.line or found.line) for found in mine):
            missed.append(f"{one.kind}, {one.what}: {[str(found) for found in mine]}")
    return missed


def _running(files: OwnFiles, folder: Path, kinds: dict[int, Wrong]) -> list[int]:
    """The numbers of those that are used in their right words."""
    return [number for number, one in kinds.items() if _runs(files, one, folder, number)]


def _runs(files: OwnFiles, one: Wrong, folder: Path, number: int) -> bool:
    own, name, language = files.texts, f"own_{number}", one.file(folder, number).stem
    match one.kind:
        case "template":
            return (name, "en") in files.templates.stored() and bool(files.mails.find(name, "en").source.mjml)
        case "flow" | "segment":
            held = files.flows.running.by_name if one.kind == "flow" else files.segments.segments.by_name
            return name in held and held[name].title == "Right"  # type: ignore[attr-defined]
        case "text":
            return own.texts.say(language, "order.confirm", number=7) == "Right: 7?"
        case "answer":
            return name in own.answers.by_id and own.answers.by_id[name].title(language) == "Right"
        case "macro":
            return name in own.macros and own.macros[name].title("en") == "Right"
        case "drill":
            return (name, "en") in own.drills and own.drills[name, "en"].title == "Right"
        case "chat":
            with suppress(FindingsError, LookupError):
                return "Right" in own.chats.find(name, "en").parts["text"][0]
            return False
        case "holidays":
            return one.day in own.calendars[""].special
        case "page":
            return "Right" in own.pages.sources[f"{language}.html"]
        case _:
            return name in own.care.tips[language] and own.care.tips[language][name].name == "Right"


def _texts(config: Config) -> Texts:
    return texts_of.sound(texts_of.folders(config.templates.folder))[0]


@pytest.mark.parametrize("number", ROOMS)
async def test_what_is_saved_wrong_is_told_with_its_line_and_changes_nothing(
    database: Database, tmp_path: Path, number: int
) -> None:
    config = Config.model_validate(wrong_files.sections(tmp_path, number))
    kinds = room(number)
    every = [at for at, one in kinds.items() if one.kind != "broadcast"]
    running = partial(_running, folder=tmp_path, kinds={at: kinds[at] for at in every})
    for folder in ("flows", "segments", "broadcasts"):
        (tmp_path / folder).mkdir()
    save_all(tmp_path, wrong=False, wanted=number)
    files = await OwnFiles.open(config, database, _texts(config))
    assert files.wrong == [] and running(files) == every
    await files.keep(database)
    async with database.transaction() as session:
        await versions.publish(session, files.flows.running, shop_world.NOON)

    save_all(tmp_path, wrong=True, wanted=number)
    _look(files)
    assert _told(files.wrong, tmp_path, kinds) == [] and running(files) == every

    again = await OwnFiles.open(config, database, _texts(config))
    assert _told(again.wrong, tmp_path, kinds) == [] and running(again) == every
    await again.keep(database)

    async with database.transaction() as session:
        await session.execute(sa.delete(table(Setting)))
        await session.execute(sa.delete(table(FlowVersion)))
    never = await OwnFiles.open(config, database, _texts(config))
    assert _told(never.wrong, tmp_path, kinds) == [] and running(never) == []
    assert {"abandoned_cart", "welcome"} <= never.flows.running.by_name.keys(), "the others run"
    assert "order_status" in never.texts.answers.by_id and "thanks_close" in never.texts.macros

    save_all(tmp_path, wrong=False, wanted=number)
    from_now = [at for at in every if kinds[at].kind != "holidays"]  # those count from the next start
    for one, mended in ((files, every), (never, from_now)):
        _look(one)
        assert one.wrong == [] and running(one) == mended


@pytest.mark.parametrize("number", ROOMS)
def test_check_tells_all_of_it(tmp_path: Path, number: int) -> None:
    for folder in ("flows", "segments", "broadcasts"):
        (tmp_path / folder).mkdir()
    save_all(tmp_path, wrong=True, wanted=number)
    config = Config.model_validate(wrong_files.sections(tmp_path, number))
    assert _told(checks.files(config), tmp_path, room(number)) == []


async def test_another_process_with_other_files_takes_no_last_good_one_away(database: Database, tmp_path: Path) -> None:
    number, macro = next((at, one) for at, one in enumerate(KINDS) if one.kind == "macro")
    configs = []
    for name in ("one", "other"):
        for folder in ("flows", "segments", "broadcasts"):
            (tmp_path / name / folder).mkdir(parents=True)
        configs.append(Config.model_validate(wrong_files.sections(tmp_path / name)))
    save(macro.file(tmp_path / "one", number), macro.text(number))
    for config in configs:
        await (await OwnFiles.open(config, database)).keep(database)
    save(macro.file(tmp_path / "one", number), macro.wrong(number))
    again = await OwnFiles.open(configs[0], database)
    assert _runs(again, macro, tmp_path / "one", number)

    rows, long_ago = table(Setting), clock.now() - timedelta(days=31)
    async with database.transaction() as session:
        kept = sa.update(rows).where(rows.c.name.startswith("kept.")).returning(rows.c.name)
        assert len((await session.execute(kept.values(changed_at=long_ago))).all()) == 1
    await (await OwnFiles.open(configs[1], database)).keep(database)
    async with database.reading() as session:
        assert await session.scalar(sa.select(rows.c.name).where(rows.c.name.startswith("kept."))) is None


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
            **wrong_files.sections(tmp_path, 0),
        }
        program = Program(tmp_path, config)
        try:
            await asyncio.to_thread(program.start, timeout=90)
            anna = telegram.shopper(7, "Anna")
            anna.says("I want to talk to a human please")
            await telegram.wait_for(lambda: telegram.messages(anna.chat.id), 60)
            await _until(program, lambda found: found["files_to_mend"] >= len(room(0)))
            save_all(tmp_path, wrong=False)
            await _until(program, lambda found: found["files_to_mend"] == 0)
        finally:
            await asyncio.to_thread(program.kill)
