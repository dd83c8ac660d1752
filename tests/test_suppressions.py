"""Lists of addresses that get no marketing any more, and what the ledger tells about an address."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON

from bot import contacts
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.contacts import showing, topics
from bot.inbound.files import csv_lines, taking
from bot.tables.people import Consent, Contact, Suppression

ADA = "ada@example.org"
LONG_AGO = NOON - timedelta(days=90)


@pytest.fixture
def ground(texts: Texts) -> Ground:
    return make.ground(texts)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: str | bytes) -> Path:
        file = tmp_path / "stops.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


async def _take(database: Database, ground: Ground, file: Path, *, dry: bool = False) -> taking.Report:
    return await taking.take(database, ground, "suppressions", csv_lines.look(file), dry=dry)


async def _rows(database: Database, model: type[Any], *columns: str) -> list[Sequence[Any]]:
    rows = table(model)
    async with database.reading() as session:
        found = await session.execute(sa.select(*(rows.c[name] for name in columns)).order_by(*rows.primary_key))
        return [tuple(row) for row in found]


async def _standing(database: Database, ground: Ground, address: str = ADA) -> topics.Standing:
    async with database.reading() as session:
        return await topics.standing(session, ground.secret, "email", address, datetime.now(NOON.tzinfo))


@pytest.mark.parametrize(
    "content",
    [
        "address,reason\nAda@Example.org,Unsubscribed\n",
        "Email Address;Status\nada@example.org;opted out\n",
        "E-Mail\tsuppression_type\nada@example.org\tunsubscribe\n",
        "email,created,UNSUB_REASON\nada@example.org,2020-01-01,User unsubscribed\n",
        "邮箱,原因\nada@example.org,退订\n".encode("gb18030"),
    ],
)
async def test_lists_of_any_system_are_read_and_only_hashes_kept(
    database: Database, ground: Ground, write: Any, content: str | bytes
) -> None:
    report = await _take(database, ground, write(content))
    assert (report.taken, report.refused) == (1, 0)
    assert await _rows(database, Suppression, "reason", "topic", "channel") == [("unsubscribed", "*", "email")]
    assert await _rows(database, Contact, "id") == []
    assert ADA not in str(await _rows(database, Suppression, "address_hash"))
    assert (await _standing(database, ground)).stop("care") == "unsubscribed"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("550 5.1.1 user unknown", "hard_bounce"),
        ("cleaned", "hard_bounce"),
        ("Spam complaint", "complaint"),
        ("GDPR erasure request", "erased"),
        ("", "imported"),
        ("asked us by phone", "imported"),
    ],
)
async def test_the_words_of_other_systems_mean_something(
    database: Database, ground: Ground, write: Any, words: str, reason: str
) -> None:
    await _take(database, ground, write(f"email,reason\n{ADA},{words}\n"))
    assert await _rows(database, Suppression, "reason") == [(reason,)]


async def test_a_reason_that_nobody_knows_is_kept_as_imported_and_told(
    database: Database, ground: Ground, write: Any
) -> None:
    lines = [f"{name}@example.org,{reason}\n" for name, reason in (
        ("ada", "becase"), ("bo", "becase"), ("cy", "complant"), ("dee", ""), ("eve", "imported"), ("fay", "spam"),
    )]  # fmt: skip
    report = await _take(database, ground, write("email,reason\n" + "".join(lines) + "nobody,becase\n"))
    assert (report.taken, report.refused) == (6, 1)
    known = "is not known and kept as imported; known here: complaint, erased, unsubscribed, hard_bounce"
    assert report.notes == {f"reason 'becase' {known}": 2, f"reason 'complant' {known}": 1}
    reasons = [reason for (reason,) in await _rows(database, Suppression, "reason")]
    assert sorted(reasons) == ["complaint", *["imported"] * 5]


async def test_bad_lines_are_told_with_their_numbers_and_the_rest_is_taken(
    database: Database, ground: Ground, write: Any
) -> None:
    lines = ["email,reason,topic,until", f"{ADA},unsubscribed,care,", "nobody,,,", f"{ADA},,nonsense,",
             f"{ADA},,,2001-01-01", f"bo@example.org,bounce,,{datetime.now(NOON.tzinfo).year + 5}-01-01"]  # fmt: skip
    report = await _take(database, ground, write("\n".join(lines)))
    assert (report.taken, report.refused) == (2, 3)
    assert report.refused_file is not None
    told = report.refused_file.read_text("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in told] == ["refused_line", "3", "4", "5"]
    assert "is not an e-mail address" in told[1] and "marketing, care" in told[2] and "over already" in told[3]
    found = await _rows(database, Suppression, "topic", "reason", "until")
    assert [row[:2] for row in found] == [("care", "unsubscribed"), ("*", "hard_bounce")]
    assert found[1][2] is not None


async def test_a_mended_file_of_refused_lines_keeps_their_own_reasons(
    database: Database, ground: Ground, write: Any
) -> None:
    report = await _take(database, ground, write("address,reason\nada@example,spam complaint\n"))
    assert report.refused_file is not None
    mended = report.refused_file.read_text("utf-8-sig").replace("ada@example,", f"{ADA},")
    report.refused_file.write_text(mended, "utf-8-sig")
    assert (await _take(database, ground, report.refused_file)).taken == 1
    assert await _rows(database, Suppression, "reason") == [("complaint",)]


async def test_the_same_file_again_and_a_dry_run_change_nothing(database: Database, ground: Ground, write: Any) -> None:
    file = write("email,reason\n" + "".join(f"p{number}@example.org,unsubscribed\n" for number in range(1200)))
    dry = await _take(database, ground, file, dry=True)
    assert (dry.taken, await _rows(database, Suppression, "id")) == (1200, [])
    for _ in range(2):
        assert (await _take(database, ground, file)).taken == 1200
    assert len(await _rows(database, Suppression, "id")) == 1200


async def test_a_yes_from_before_ends_and_a_later_one_counts(database: Database, ground: Ground, write: Any) -> None:
    about = (ground.secret, None, "email", ADA)
    async with database.transaction() as session:
        await contacts.allow(session, *about, "marketing", "shop", LONG_AGO)
        await contacts.allow(session, *about, "care", "shop", LONG_AGO)
    for _ in range(2):
        await _take(database, ground, write(f"email,reason\n{ADA},unsubscribed\n"))
    assert (await _rows(database, Consent, "topic", "action"))[2:] == [
        ("marketing", "withdrawn"), ("care", "withdrawn"),
    ]  # fmt: skip
    async with database.transaction() as session:
        later = datetime.now(NOON.tzinfo) + timedelta(minutes=1)
        await contacts.allow(session, *about, "care", "preference_page", later)
    standing = await _standing(database, ground)
    assert standing.gets("care") and not standing.gets("marketing")


async def test_a_file_without_addresses_is_refused_in_words(database: Database, ground: Ground, write: Any) -> None:
    with pytest.raises(FindingsError, match="address"):
        await _take(database, ground, write("name,reason\nAda,spam\n"))


async def test_the_ledger_of_an_address_can_be_read(database: Database, ground: Ground) -> None:
    about = (ground.secret, None, "email", ADA)
    async with database.transaction() as session:
        await contacts.request(session, *about, "marketing", "sign_up_form", LONG_AGO, ip="192.0.2.1")
        proof = {"ip": "192.0.2.7", "user_agent": "Firefox", "text_version": "footer 3"}
        await contacts.allow(session, *about, "marketing", "double_opt_in", LONG_AGO + timedelta(hours=1), **proof)
        await contacts.withdraw(session, *about, "care", "preference_page", LONG_AGO + timedelta(hours=2))
        await contacts.suppress(session, ground.secret, "email", ADA, "unsubscribed", NOON, topic="care")
        told = "\n".join(await showing.consent_lines(session, ground, "email", ADA, NOON))
    assert "marketing        yes" in told and "care             no (unsubscribed)" in told
    assert "requested  marketing        sign_up_form  192.0.2.1" in told
    assert "granted    marketing        double_opt_in  192.0.2.7  footer 3  Firefox" in told
    assert "withdrawn  care" in told and "Suppressed:" in told
