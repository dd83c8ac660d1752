"""Yes and no of files: each with its own date, and the later one holds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON

from bot import contacts
from bot.base.config import Config
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import consents, csv_lines, taking

ADA = "ada@example.org"


@pytest.fixture
def ground(texts: Texts) -> Ground:
    return Ground(Config(), texts, "secret")


async def _take(database: Database, ground: Ground, folder: Path, content: str, **how: Any) -> taking.Report:
    file = folder / "people.csv"
    file.write_text(content, "utf-8")
    return await taking.take(database, ground, "customers", csv_lines.look(file), **how)


async def _says(database: Database, topic: str = "marketing") -> str | None:
    async with database.reading() as session:
        said = await contacts.allowed(session, "secret", "email", ADA, topic)
    return said.action if said else None


def _file(*words: str, at: str | None = None) -> str:
    head = "email,marketing consent" + (",consent at" if at is not None else "")
    return "\n".join([head, *(f"{ADA},{word}" + (f",{at}" if at is not None else "") for word in words), ""])


_LISTS = "email,Email Marketing Consent,$consent,Email Suppressions\n"


@pytest.mark.parametrize(
    ("cells", "holds"),
    [
        (""","['email', 'sms']",""", "granted"),
        (""","[""email""]",""", "granted"),
        (""","email, sms",""", "granted"),
        (""","['sms']",""", None),
        (",[],", None),
        ("""NEVER_SUBSCRIBED,"['email']",""", None),  # the state is newer than what a form wrote once
        ("""UNSUBSCRIBED,"['email']",""", "withdrawn"),
        (""""['email', 'sms']",,""", "granted"),
        ("""SUBSCRIBED,"['email']",['HARD_BOUNCE']""", "withdrawn"),
        ("""SUBSCRIBED,,"[{'reason': 'USER_SUPPRESSED', 'timestamp': '2024-03-05'}]\"""", "withdrawn"),
        ("""SUBSCRIBED,,['SOMETHING_NEW']""", "withdrawn"),
        ("SUBSCRIBED,,[]", "granted"),
        ("Subscribed,,", "granted"),
        ("WAHR,,", "granted"),
    ],
)
async def test_lists_of_channels_and_of_stops_are_read_as_any_program_prints_them(
    database: Database, ground: Ground, tmp_path: Path, cells: str, holds: str | None
) -> None:
    if holds == "withdrawn":
        await _take(database, ground, tmp_path, _file("yes", at="2020-01-01"))
    await _take(database, ground, tmp_path, f"{_LISTS}{ADA},{cells}\n")
    assert await _says(database) == holds


@pytest.mark.parametrize(
    ("files", "holds"),
    [
        ([_file("yes")], "granted"),
        ([_file("no")], None),
        ([_file("yes"), _file("no")], "withdrawn"),
        ([_file("yes", "no")], "withdrawn"),
        ([_file("yes"), _file("no"), _file("yes")], "withdrawn"),
        ([_file("yes"), _file("UNSUBSCRIBED", at="2020-01-01")], "withdrawn"),
        ([_file("UNSUBSCRIBED", at="2020-01-01"), _file("yes")], "withdrawn"),
        ([_file("no", at="2022-01-01"), _file("yes", at="2021-01-01")], "withdrawn"),
        ([_file("yes", at="2021-01-01"), _file("no", at="2022-01-01")], "withdrawn"),
        ([_file("yes", at="2022-01-01"), _file("no", at="2021-01-01")], "granted"),
        ([_file("no", at="2021-01-01"), _file("yes", at="2022-01-01")], "granted"),
        ([_file("yes"), _file("blocklisted")], "withdrawn"),
        ([_file("yes"), _file("cleaned")], "withdrawn"),
        ([_file("yes"), _file("bounced")], "withdrawn"),
        ([_file("yes"), _file("NEVER_SUBSCRIBED")], "granted"),
        ([_file("yes"), _file("退订")], "withdrawn"),
        ([_file("yes", at="soon")], "granted"),
    ],
)
async def test_what_was_said_later_holds(
    database: Database, ground: Ground, tmp_path: Path, files: list[str], holds: str | None
) -> None:
    for _again in range(2):
        for content in files[_again * (len(files) - 1) :]:  # and the last file once more changes nothing
            await _take(database, ground, tmp_path, content)
        assert await _says(database) == holds


@pytest.mark.parametrize(
    ("word", "at", "holds"),
    [("no", None, "granted"), ("no", "2020-01-01", "granted"), ("unsubscribed", None, "withdrawn")],
)
async def test_a_yes_of_their_own_is_taken_back_only_by_a_no_that_was_said(
    database: Database, ground: Ground, tmp_path: Path, word: str, at: str | None, holds: str
) -> None:
    async with database.transaction() as session:
        await contacts.allow(session, "secret", None, "email", ADA, "marketing", "double_opt_in", NOON)
        await contacts.allow(session, "secret", None, "email", ADA, "news", "double_opt_in", NOON)
    report = await _take(database, ground, tmp_path, _file(word, at=at))
    assert (await _says(database), await _says(database, "news")) == (holds, holds)
    assert list(report.consents) == ["no" if holds == "withdrawn" else
                                     "no, not taken over: what is known is newer or their own"]  # fmt: skip


async def test_a_yes_of_a_file_does_not_undo_a_later_no(database: Database, ground: Ground, tmp_path: Path) -> None:
    async with database.transaction() as session:
        await contacts.withdraw(session, "secret", None, "email", ADA, "marketing", "link", NOON)
    report = await _take(database, ground, tmp_path, _file("yes", at=f"{NOON - timedelta(days=1):%Y-%m-%d}"))
    assert await _says(database) == "withdrawn"
    assert [answer[:19] for answer in report.consents] == ["yes, not taken over"]


def test_words_of_other_systems_mean_yes_no_or_nothing() -> None:
    said = {word: consents.meaning(word) for word in ("SUBSCRIBED", "Double Opt-In", "已订阅", "sí", "ja", "1", "TRUE")}
    assert set(said.values()) == {"yes"}
    assert {consents.meaning(word) for word in ("UNSUBSCRIBED", "blocklisted", "Opt-Out", "退订")} == {"left"}
    assert consents.meaning("cleaned") == consents.meaning("Hard_Bounce") == "hard_bounce"
    assert consents.meaning("ABUSE") == "complaint"
    assert {consents.meaning(word) for word in ("no", "0", "nein", "否", "not_subscribed")} == {"no"}
    assert {consents.meaning(word) for word in ("", "never_subscribed", "pending", "enabled")} == {"nothing"}
    assert consents.meaning("maybe") is None


async def test_a_person_says_what_a_column_holds(database: Database, ground: Ground, tmp_path: Path) -> None:
    content = f"Kontakt,Wünscht Post,Notiz,Telefon\n{ADA},ja,x,\n"
    with pytest.raises(FindingsError, match="--map COLUMN=email"):
        await _take(database, ground, tmp_path, content.replace("Telefon", "Fax"))
    report = await _take(
        database, ground, tmp_path, content, mapped=("Kontakt=email", "wünscht post=consent", "Telefon=-")
    )
    assert await _says(database) == "granted"
    assert report.used == [("Kontakt", "email"), ("Wünscht Post", "consent")]
    assert (report.left_out, report.consents) == (["Notiz", "Telefon"], {"yes": 1})
    for wrong, words in (("Contact=email", "no column"), ("Kontakt=mail_to", "there is no field")):
        with pytest.raises(FindingsError, match=words):
            await _take(database, ground, tmp_path, content, mapped=(wrong,))
