"""Macros: picked by a few letters, looked at, sent as the colleague's answer; what belongs to them follows."""

from pathlib import Path

import make
import pytest
import sqlalchemy as sa
from deskwork import Stage, seconds
from sqlmodel import select

from bot.base import paths
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.support import macros
from bot.support.staff_room import picking
from bot.tables.staff_room import AuditEntry, MacroUse


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """A ticket of Ada that Anna has."""
    stage = await Stage.set(database, texts)
    await stage.customer_says("My lamp is broken, I want to talk to a person")
    await stage.staff_takes()
    return stage


async def _order(stage: Stage, **fields: object) -> None:
    async with stage.database.transaction() as session:
        await make.order(session, contact_id=stage.contact.id, **fields)


def _button(row: dict[str, object], words: str) -> str:
    buttons = [one for line in row["payload"]["buttons"] for one in line]  # type: ignore[index]
    return str(next(one["data"] for one in buttons if words in one["text"]))


async def _answers(stage: Stage) -> list[str]:
    return await stage.texts("answer")


async def test_a_macro_is_looked_at_before_it_goes_out_and_counts_as_the_colleagues_answer(stage: Stage) -> None:
    await _order(stage, parcel="shipped", carrier="DHL", tracking_url="https://dhl.example/77")
    assert await stage.staff_writes("/m parcel", seconds(10)) is None
    preview = (await stage.queued("notice"))[-1]
    assert "#1001" in preview["payload"]["text"] and "https://dhl.example/77" in preview["payload"]["text"]
    assert await _answers(stage) == []

    await stage.staff_presses(_button(preview, "Send"), seconds(12))
    (sent,) = await _answers(stage)
    assert sent.startswith("Hello Ada, your order #1001 is on its way with DHL.")
    await stage.arrive(seconds(18))
    assert (await stage.ticket()).answered_at == seconds(18)
    async with stage.database.reading() as session:
        assert await session.scalar(sa.select(table(MacroUse).c.used)) == 1


async def _shown(stage: Stage) -> list[AuditEntry]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(AuditEntry).where(AuditEntry.action == "order_shown"))).all())


async def test_an_order_that_a_macro_tells_of_is_noted_once_when_it_is_sent(stage: Stage) -> None:
    await _order(stage, parcel="shipped", carrier="DHL", tracking_url="https://dhl.example/77")
    await stage.staff_writes("/m parcel", seconds(10))
    assert await _shown(stage) == []
    data = _button((await stage.queued("notice"))[-1], "Send")
    await stage.staff_presses(data, seconds(12))
    await stage.staff_presses(data, seconds(13))
    await stage.arrive(seconds(18))
    (noted,) = await _shown(stage)
    assert (noted.actor, noted.subject) == (f"staff:{stage.anna.id}", f"contact:{stage.contact.id}")
    assert (noted.data["by"], noted.data["channel"], noted.data["seen_by"]) == ("staff", "telegram", stage.contact.id)


async def test_a_macro_that_tells_of_no_order_is_not_noted(stage: Stage) -> None:
    await _order(stage)
    await stage.staff_writes("/m photo")
    await stage.staff_presses(_button((await stage.queued("notice"))[-1], "Send"))
    assert await _shown(stage) == []


async def test_the_same_preview_is_sent_once_however_often_it_is_pressed(stage: Stage) -> None:
    await stage.staff_writes("/m photo")
    data = _button((await stage.queued("notice"))[-1], "Send")
    assert await stage.staff_presses(data) is None
    assert await stage.staff_presses(data, who=stage.ben) == "This button is not in use any more."
    assert len(await _answers(stage)) == 1


async def test_a_macro_without_its_values_says_what_is_missing_and_sends_nothing(stage: Stage) -> None:
    assert await stage.staff_writes("/m where is parcel") == (
        "⚠️ “Where is the parcel” needs order.number, which this case does not have. Nothing was sent."
    )
    await _order(stage)
    assert "parcel.url" in str(await stage.staff_writes("/m where_is_parcel"))
    assert await _answers(stage) == []


async def test_the_order_that_the_customer_named_is_meant_not_the_newest(stage: Stage) -> None:
    await _order(stage, number="#1001", refunded=1990, total=1990, ordered_at=seconds(-5000))
    await _order(stage, number="#1002")
    await stage.customer_says("It is about order 1001", seconds(5))
    await stage.staff_writes("/m refund", seconds(6))
    assert "€19.90 for your order #1001" in (await stage.texts("notice"))[-1]


async def test_a_macro_speaks_the_language_of_the_customer(stage: Stage) -> None:
    assert await stage.staff_writes("/lang zh") == "The bot and the macros speak zh_CN here from now on."
    await stage.staff_writes("/m photo")
    assert "照片" in (await stage.texts("notice"))[-1]


async def test_what_belongs_to_a_macro_is_done_only_when_the_customer_has_its_words(stage: Stage) -> None:
    await stage.staff_writes("/m close", seconds(1))
    await stage.staff_presses(_button((await stage.queued("notice"))[-1], "Send"), seconds(2))
    assert (await stage.ticket()).status != "resolved"
    await stage.arrive(seconds(8))
    assert (await stage.ticket()).status == "resolved"


async def test_a_macro_that_was_called_back_closes_nothing(stage: Stage) -> None:
    await stage.staff_writes("/m close", seconds(1))
    await stage.staff_presses(_button((await stage.queued("notice"))[-1], "Send"), seconds(2))
    assert await stage.staff_writes("/undo", seconds(4)) == "Called back; it stays here as a note."
    await stage.arrive(seconds(9))
    assert (await stage.ticket()).status != "resolved"


async def test_a_cancelled_preview_is_gone(stage: Stage) -> None:
    await stage.staff_writes("/m photo")
    preview = (await stage.queued("notice"))[-1]
    await stage.staff_presses(_button(preview, "Cancel"))
    assert await stage.staff_presses(_button(preview, "Send")) == "This button is not in use any more."
    assert await _answers(stage) == []


async def test_a_second_colleague_is_warned_before_a_macro_goes_out(stage: Stage) -> None:
    await stage.staff_writes("/m photo", who=stage.ben)
    data = _button((await stage.queued("notice"))[-1], "Send")
    await stage.staff_says("One moment, I look into it.", seconds(3))
    assert "Anna is answering" in str(await stage.staff_presses(data, seconds(5), who=stage.ben))
    assert len(await _answers(stage)) == 1
    await stage.staff_presses(data, seconds(6), who=stage.ben)
    assert len(await _answers(stage)) == 2


async def test_the_picker_shows_what_fits_the_most_used_first(stage: Stage) -> None:
    for _ in range(2):
        await stage.staff_writes("/m photo")
        await stage.staff_presses(_button((await stage.queued("notice"))[-1], "Send"))
    await stage.staff_writes("/m")
    titles = [row[0]["text"] for row in (await stage.queued("notice"))[-1]["payload"]["buttons"]]
    assert titles[0] == "Ask for a photo" and "Refund confirmed" not in titles, "there is no refund to confirm"


async def test_words_that_may_mean_several_are_asked_about(stage: Stage) -> None:
    await stage.staff_writes("/m retrun")
    titles = [row[0]["text"] for row in (await stage.queued("notice"))[-1]["payload"]["buttons"]]
    assert titles[0] == "How to return it" and len(titles) > 1
    assert "No macro is like" in str(await stage.staff_writes("/m xyzzy"))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("parcel", "where_is_parcel"),
        ("parsel", "where_is_parcel"),
        ("where", "where_is_parcel"),
        ("refund", "refund_confirmed"),
        ("退货", "return_label"),
        ("照片", "ask_photo"),
        ("thanks_close", "thanks_close"),
    ],
)
def test_a_few_letters_are_enough(asked: str, name: str) -> None:
    found = picking.search(macros.shipped(), asked, {})
    assert found.clear and found.macros[0].name == name


def test_every_shipped_macro_is_right_and_speaks_both_languages() -> None:
    assert macros.lint([paths.templates()]) == []
    assert len(macros.shipped()) == 8


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ('[en]\ntitle = "A"\ntext = "Hi {{ name }}"\n', 3, "name is not known here"),
        ('[en]\ntitle = "A"\ntext = "Hi {{ shopper.nme }}"\n', 3, "shopper has no nme"),
        ('[en]\ntitle = "A"\ntext = """\nHi\n{% if %}\n"""\n', 5, "the template is not right"),
        ('# x\nactions = ["explode"]\n[en]\ntitle = "A"\ntext = "Hi"\n', 2, "unknown action 'explode'"),
        ('actions = ["tag"]\n[en]\ntitle = "A"\ntext = "Hi"\n', 1, "tag needs a word"),
        ('[en]\ntitle = "A"\n', 1, "needs a text"),
        ('[en\ntitle = "A"\n', 1, "not valid TOML"),
        ('acton = []\n[en]\ntitle = "A"\ntext = "Hi"\n', 1, "unknown here"),
    ],
)
def test_a_broken_macro_stops_the_start_with_its_file_and_line(
    tmp_path: Path, body: str, line: int, words: str
) -> None:
    (tmp_path / "macros").mkdir()
    (tmp_path / "macros" / "mine.toml").write_text(body, "utf-8")
    with pytest.raises(FindingsError) as error:
        macros.load([paths.templates(), tmp_path])
    finding = next(one for one in error.value.findings if not one.warning)
    assert str(finding.file).endswith("macros/mine.toml") and finding.line == line and words in finding.message


def test_the_shops_own_macro_replaces_ours_and_may_take_one_away(tmp_path: Path) -> None:
    (tmp_path / "macros").mkdir()
    (tmp_path / "macros" / "ask_photo.toml").write_text(
        '[en]\ntitle = "Picture?"\ntext = "A picture, please."\n', "utf-8"
    )
    (tmp_path / "macros" / "sorry_delay.toml").write_text("off = true\n", "utf-8")
    found = macros.load([paths.templates(), tmp_path])
    assert found["ask_photo"].title("zh_CN") == "Picture?" and "sorry_delay" not in found
