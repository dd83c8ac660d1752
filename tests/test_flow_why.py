"""`aftercart flow why`, `list`, `show` and `test`, as a marketer reads them."""

import asyncio
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import shop_world
from program import toml
from shop_world import DAY, HOUR, ShopWorld
from typer.testing import CliRunner

from automations.reports import people, why
from bot import contacts, migrations
from bot.__main__ import cli
from bot.base.database import Database
from bot.base.texts import Texts
from bot.commands import flow_why
from bot.contacts import audit

MONDAY, UTC_ZONE = datetime(2026, 3, 2, 12, tzinfo=UTC), ZoneInfo("UTC")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'shop.db'}"
        self.config = folder / "config.toml"
        settings = {"database": {"url": self.url}, "shop": {"timezone": "Europe/Berlin"}}
        self.config.write_text(toml(settings), "utf-8")

    def __call__(self, *words: str, status: int = 0) -> str:
        return self._run("flow", *words, status=status)

    def contact(self, *words: str, status: int = 0) -> str:
        return self._run("contact", *words, status=status)

    def _run(self, *words: str, status: int) -> str:
        result = CliRunner().invoke(cli, [*words, "--config", str(self.config)])
        assert result.exit_code == status, result.output
        return result.output

    def lives(self, texts: Texts) -> None:
        asyncio.run(self._lives(texts))

    async def _lives(self, texts: Texts) -> None:
        """Ada gets a reminder, takes back her consent and looks at a lamp."""
        database = Database(self.url)
        await migrations.upgrade(database)
        shop: ShopWorld = await shop_world.opened(database, texts)
        contact_id = await shop.person()
        await shop.adds()
        await shop.passes(2 * HOUR)
        await shop.happens("Product Viewed", product_id="vase", category="Lights")
        await shop.change(contact_id, first_name="Ada")
        await shop.passes(DAY)
        await shop.orders()
        for browser, address in (("browser-one", "ada@example.org"), ("browser-two", "bob@example.org")):
            said = {"email": address}
            await shop.happens("", address, anonymous=browser, kind="identify", rank="page", traits=said)
            await shop.happens("Product Viewed", anonymous=browser, rank="page", product_id="secret", category="Lights")
        async with database.transaction() as session:
            browser_id = (await contacts.who_claims(session, "email", "ada@example.org"))[0]
            await audit.write(session, "staff:7", "order_shown", f"contact:{browser_id}", shop.now)
        await database.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, texts: Texts) -> Desk:
    made = Desk(tmp_path_factory.mktemp("why"))
    made.lives(texts)
    return made


def test_it_is_told_in_sentences_and_in_the_time_of_the_shop(desk: Desk) -> None:
    said = desk("why", "ada@example.org")
    assert (
        "abandoned_cart: entered 2026-03-04 13:00 CET, left: something happened that ends this flow (Order Completed)"
        in said
    )
    assert "first (abandoned_cart): sent 2026-03-04 14:00 CET" in said
    assert "browse_reminder: not entered, because they did not look at the same product or category twice" in said
    assert "yes to" not in said and "yes to enrolment_active" in desk("why", "ada@example.org", "--all")


def test_a_mail_that_waited_for_the_morning_says_why_it_was_not_sent_in_the_end(texts: Texts) -> None:
    def lines(status: str, reason: str, error: str | None = None) -> str:
        night = why.answers({"awake": {"reason": "quiet_hours", "zone": "Europe/Berlin", "zone_from": "shop"}})
        one = why.Explained("cart", 1, MONDAY, status, reason, "active", None, None, 1, "first", error=error,
                            answers=night)  # fmt: skip
        told = people.Told(1, [one], [], [], [], {})
        return "\n".join(flow_why._Words(told, UTC_ZONE, False, texts, "en").mails())

    waits, ended = lines("deferred", "quiet_hours"), lines("skipped", "exited")
    assert "it is night" in waits and "Europe/Berlin" in waits and "[awake]" not in waits
    assert "it is night" not in ended and "had left the flow" in ended
    assert "550 no" in lines("failed", "rejected", "550 no")


def test_browsers_that_only_claim_an_address_stand_apart(desk: Desk) -> None:
    ada, apart, browser = desk("why", "ada@example.org").partition("a browser that is said to be theirs by a page only")
    assert apart and "abandoned_cart: entered" in ada and "No flow was entered." in browser
    bob = desk("why", "bob@example.org")
    assert bob.startswith("Nobody is known by this email.") and bob.count("by a page only") == 1
    found = json.loads(desk("why", "bob@example.org", "--json"))
    assert found["mails"] == [] and found["claims"] == 1 and found["claimed"][0]["refused"]


def test_a_copy_leaves_out_browsers_that_only_claim_the_address_and_says_so(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "ada.zip"
    said = desk.contact("export", "ada@example.org", "--output", str(file))
    assert "Left out: 1 browsers" in said
    archive = zipfile.ZipFile(file)
    copy = b"".join(archive.read(name) for name in archive.namelist())
    assert b"vase" in copy and b"secret" not in copy and b"browser-one" not in copy
    assert "a copy could be of anybody" in desk.contact("export", "bob@example.org", status=1)


def test_what_is_noted_of_browsers_that_claim_an_address_is_told_apart(desk: Desk) -> None:
    said = desk.contact("audit", "ada@example.org")
    assert "such a browser:" in said and "order_shown" in said.partition("such a browser:")[2]
    assert "1 browsers are said to be theirs by a page only" in desk.contact("audit", "bob@example.org")
    assert "nobody is known" in desk.contact("audit", "eve@example.org", status=1)


def test_one_flow_only_and_as_json(desk: Desk) -> None:
    found = json.loads(desk("why", "ada@example.org", "abandoned_cart", "--json"))
    assert {mail["flow"] for mail in found["mails"]} == {"abandoned_cart"} and found["refused"] == []
    assert "did you mean abandoned_cart?" in desk("why", "ada@example.org", "abandoned_kart", status=1)
    assert "nobody is known" in desk("why", "eve@example.org", status=1)


def test_a_paused_flow_is_marked_where_flows_are_looked_at(desk: Desk) -> None:
    assert "is not taken in later" in desk("pause", "win_back")
    assert "win_back (paused)" in desk("list") and "paused since" in desk("show", "win_back")
    desk("resume", "win_back")
    assert "(paused)" not in desk("list")


def test_another_flow_is_no_version_to_compare_with(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text((Path(__file__).parents[1] / "automations/flows/birthday.toml").read_text("utf-8"), "utf-8")
    said = desk("test", "abandoned_cart", "--since", "1d", "--against", str(other), status=1)
    assert "a flow about birthday" in said


def test_looking_at_flows_makes_no_database(tmp_path: Path) -> None:
    fresh = Desk(tmp_path)
    fresh("list")
    assert not (tmp_path / "shop.db").exists()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_what_was_refused_several_times_is_said_with_their_number(texts: Texts, language: str) -> None:
    """A text may hold a count and have one form for all of them."""
    assert "3" in texts.say(language, "why.times", at="noon", count=3)
