"""The review request with its survey: when it comes, when it does not, and what an answer does."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import shop_world
import sqlalchemy as sa
from conftest import NOON
from fastapi import FastAPI
from shop_world import DAY, HOUR, ShopWorld

from automations.definition import flow_files
from automations.definition.flow_files import Flows
from bot import contacts
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import retention
from bot.inbound.web import surveys as pages
from bot.support.desk import Desk
from bot.support.feedback import surveyed
from bot.tables.events import Event
from bot.tables.feedback import Rating, SurveyAnswer
from bot.tables.support import Ticket, TicketMessage

LAMP = {"product_id": "lamp", "name": "Lamp", "price": 20, "quantity": 1, "category": "Electronics"}
FERN = {"product_id": "fern", "name": "Fern", "price": 10, "quantity": 1, "category": "Plants"}
FLOW = "review_request"
answers = table(SurveyAnswer)


@pytest.fixture
async def shop(database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only(FLOW))
    await world.person()
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world


async def arrives(shop: ShopWorld, order: str = "o1", products: list[dict[str, Any]] | None = None) -> None:
    """An order is paid and there two days later."""
    await shop.orders(order, products=products or [LAMP])
    await shop.passes(2 * DAY)
    await shop.happens("Order Delivered", order_id=order)


async def why_ended(shop: ShopWorld, number: int = 0) -> tuple[str, str | None]:
    row = (await shop.enrolled(FLOW))[number]
    return row["status"], row["exit_reason"]


# -- when it comes -----------------------------------------------------------------------------------------------------


async def test_a_week_after_the_parcel_and_one_reminder_a_week_later(shop: ShopWorld) -> None:
    await arrives(shop)
    await shop.passes(6 * DAY)
    assert shop.templates() == []
    await shop.passes(2 * DAY)
    assert shop.templates() == ["review_request"]
    await shop.passes(5 * DAY)
    assert shop.templates() == ["review_request"]
    await shop.passes(30 * DAY)
    assert shop.templates() == ["review_request", "review_request_2"]
    assert {f"{mail.row['planned_at']:%H:%M}" for mail in shop.mails.sent} == {"10:00"}
    assert await why_ended(shop) == ("finished", None)


async def test_without_word_of_the_parcel_its_way_is_guessed(shop: ShopWorld) -> None:
    await shop.orders(products=[LAMP])
    await shop.passes(13 * DAY)
    assert shop.templates() == []
    await shop.passes(2 * DAY)
    assert shop.templates() == ["review_request"]


async def test_an_order_that_is_not_paid_is_not_asked_about(shop: ShopWorld) -> None:
    await shop.orders(financial_status="pending", status="pending")
    await shop.happens("Order Cancelled", order_id="o1")
    await shop.happens("Order Delivered", order_id="o1")
    await shop.passes(20 * DAY)
    assert shop.templates() == []


@pytest.mark.parametrize(("label", "mails"), [("human", 1), ("burst", 2), ("prefetch", 2)])
async def test_the_reminder_is_for_those_of_whom_no_person_clicked(shop: ShopWorld, label: str, mails: int) -> None:
    await arrives(shop)
    await shop.passes(8 * DAY)
    await shop.clicks(label=label)
    await shop.passes(20 * DAY)
    assert len(shop.templates()) == mails
    assert await why_ended(shop) == (("exited", "clicked") if mails == 1 else ("finished", None))


async def test_only_what_was_kept_and_not_reviewed_yet_is_asked_about(shop: ShopWorld) -> None:
    await arrives(shop, products=[LAMP, FERN])
    await shop.happens("Product Reviewed", product_id="lamp", rating=5)
    await shop.passes(8 * DAY)
    (mail,) = shop.mails.sent
    assert mail.payload["subject"].startswith("Fern") and "Lamp" not in mail.payload["text"]
    await shop.happens("Product Reviewed", product_id="fern", rating=4)
    assert await why_ended(shop) == ("exited", "all_reviewed")


async def test_what_went_back_is_not_asked_about(shop: ShopWorld) -> None:
    await arrives(shop, products=[LAMP])
    await shop.happens("Order Refunded", order_id="o1", products=[LAMP], total=20, revenue=20)
    await shop.passes(20 * DAY)
    assert shop.templates() == [] and await why_ended(shop) == ("exited", "order_gone")


async def test_two_orders_within_a_month_bring_one_survey(shop: ShopWorld) -> None:
    await arrives(shop)
    await shop.passes(8 * DAY)
    await shop.clicks()
    await arrives(shop, "o2", [FERN])
    await shop.passes(20 * DAY)
    assert shop.templates() == ["review_request"] and set(await shop.skipped()) == {"surveyed"}
    await shop.passes(20 * DAY)
    await arrives(shop, "o3", [FERN])
    await shop.passes(8 * DAY)
    assert shop.templates() == ["review_request"] * 2


async def test_a_survey_counts_when_the_words_of_its_mail_are_gone(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only(FLOW), support={"retention": {"messages": "1d"}})
    await shop.person()
    await arrives(shop)
    await shop.passes(8 * DAY)
    await shop.clicks()
    await shop.sleeps(2 * DAY)
    assert (await retention.run(shop.database, shop.ground.config, shop.now))["messages"] == 1
    assert [row["payload"] for row in await shop.written()] == [{}]
    await arrives(shop, "o2", [FERN])
    await shop.passes(20 * DAY)
    assert shop.templates() == ["review_request"] and set(await shop.skipped()) == {"surveyed"}
    async with shop.database.reading() as session:
        (figures,) = await surveyed.report(session, NOON, shop.now)
    assert (figures.survey, figures.kind, figures.asked) == (FLOW, "nps", 1)


async def test_whoever_rated_us_low_is_not_asked_how_good_we_are(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only(FLOW), support={"low_score": 1})
    person = await shop.person()
    await arrives(shop)
    async with shop.database.transaction() as session:
        ticket = Ticket(number=1001, contact_id=person, channel="telegram", status="resolved", opened_at=shop.now,
                        resolved_at=shop.now)  # fmt: skip
        session.add(ticket)
        await session.flush()
        assert ticket.id is not None
        session.add(
            Rating(ticket_id=ticket.id, contact_id=person, asked_at=shop.now, score=2, rated_at=shop.now + HOUR)
        )
    await shop.passes(20 * DAY)
    assert shop.templates() == [] and await shop.skipped() == ["low_rating", "low_rating"]


async def test_some_categories_may_take_longer(database: Database, texts: Texts, tmp_path: Path) -> None:
    """The lines that the file offers, with their # taken away."""
    words = flow_files.load(flow_files.folders(Config())).files[FLOW].read_text("utf-8")
    offered = re.sub(r"(?m)^# ((?:\[\[|id|branch|else|wait).*)$", r"\1", words).replace("Furniture", "Plants")
    assert offered.count("[[steps]]") == 7
    (tmp_path / f"{FLOW}.toml").write_text(offered.replace("\n#\n", "\n\n"), "utf-8")
    shop = await shop_world.opened(database, texts, flow_files.load([tmp_path]))
    await shop.person()
    await arrives(shop, products=[FERN])
    await shop.passes(20 * DAY)
    assert shop.templates() == []
    await shop.passes(2 * DAY)
    assert shop.templates() == ["review_request"]


# -- the survey --------------------------------------------------------------------------------------------------------


class Reader:
    """Somebody with the newest mail in front of them."""

    def __init__(self, shop: ShopWorld) -> None:
        self.shop = shop
        found = re.findall(r"[?&]u=([^\"&]+)", shop.mails.sent[-1].payload["html"])
        self.links = [one for one in map(unquote, found) if "/s/" in one]
        self.path = urlsplit(self.links[0]).path
        app = FastAPI()
        app.include_router(pages.routes(shop.database, Desk.build(shop.ground, shop.now)))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    async def says(self, score: object, comment: str = "") -> httpx.Response:
        return await self.client.post(self.path, data={"score": str(score), "comment": comment})

    async def kept(self) -> list[tuple[int, str]]:
        return [(row["score"], row["comment"]) for row in await self.shop._rows(sa.select(answers))]


@pytest.fixture
async def reader(shop: ShopWorld) -> Reader:
    await arrives(shop)
    await shop.passes(8 * DAY)
    return Reader(shop)


async def test_the_mail_links_every_score_to_a_page_that_chooses_it(reader: Reader) -> None:
    assert [urlsplit(one).query for one in reader.links[:11]] == [f"score={score}" for score in range(11)]
    answer = await reader.client.get(f"{reader.path}?score=9")
    assert answer.status_code == 200 and 'value="9" required checked' in answer.text
    assert "script" not in answer.text and "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_scanner_that_follows_every_link_votes_for_nothing(reader: Reader) -> None:
    for score in range(11):
        for ask in (reader.client.get, reader.client.head):
            assert (await ask(f"{reader.path}?score={score}")).status_code == 200
    assert await reader.kept() == []
    assert await why_ended(reader.shop) == ("active", None)


async def test_an_answer_ends_the_flow(reader: Reader) -> None:
    answer = await reader.says(9, "<b>lovely")
    assert answer.status_code == 200 and "Thank you" in answer.text
    assert await reader.kept() == [(9, "<b>lovely")]
    await reader.shop.passes(20 * DAY)
    assert reader.shop.templates() == ["review_request"]
    assert await why_ended(reader.shop) == ("exited", "goal")
    assert await reader.shop._rows(sa.select(table(Ticket).c.id)) == []
    async with reader.shop.database.reading() as session:
        (figures,) = await surveyed.report(session, NOON, reader.shop.now)
    assert (figures.asked, figures.answered, figures.good, figures.score) == (1, 1, 1, 100)
    (told,) = await reader.shop._rows(sa.select(table(Event)).where(table(Event).c.name == "Survey Answered"))
    assert told["body"]["properties"] == {"survey": FLOW, "kind": "nps", "score": 9, "order_id": "o1"}


async def test_the_last_answer_of_a_day_counts_and_then_the_page_is_closed(reader: Reader) -> None:
    await reader.says(9)
    await reader.shop.sleeps(23 * HOUR)
    assert 'value="9" required checked' in (await reader.client.get(reader.path)).text
    await reader.says(10, "better still")
    await reader.shop.sleeps(2 * HOUR)
    assert (await reader.client.get(reader.path)).status_code == 404
    assert (await reader.says(0)).status_code == 404
    assert await reader.kept() == [(10, "better still")]


async def test_a_low_score_is_a_case_for_the_staff_in_the_customers_words(reader: Reader) -> None:
    await reader.says(6, "It came scratched.")
    (ticket,) = await reader.shop._rows(sa.select(table(Ticket)))
    assert (ticket["channel"], ticket["status"]) == ("email", "new")
    said = sa.select(table(TicketMessage).c.text).where(table(TicketMessage).c.author == "customer")
    assert await reader.shop._rows(said) == [{"text": "Survey about order o1: 6 of 10\nIt came scratched."}]
    await reader.says(6, "It came scratched.")
    await reader.shop.sleeps(HOUR)
    await reader.says(2, "And nobody answers.")
    assert len(await reader.shop._rows(said)) == 2
    assert len(await reader.shop._rows(sa.select(table(Ticket).c.id))) == 1


@pytest.mark.parametrize("score", ["", "11", "-1", "٣", "nine"])
async def test_a_form_without_a_score_is_shown_again_with_its_words(reader: Reader, score: str) -> None:
    answer = await reader.says(score, "<i>hm")
    assert answer.status_code == 422 and "&lt;i&gt;hm" in answer.text
    assert await reader.kept() == []


async def test_a_forged_link_is_gone_and_the_page_speaks_the_readers_language(reader: Reader) -> None:
    assert (await reader.client.get("/s/AAAA")).status_code == 404
    assert (await reader.client.post(reader.path[:-1] + "_", data={"score": "1"})).status_code == 404
    chinese = await reader.client.get("/s/AAAA", headers={"accept-language": "zh-CN"})
    assert "链接无效" in chinese.text
    assert await reader.kept() == []


async def test_satisfaction_is_asked_on_a_scale_of_five(database: Database, texts: Texts, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    ours = flow_files.load(flow_files.folders(Config()))
    (tmp_path / f"{FLOW}.toml").write_text(
        ours.files[FLOW].read_text("utf-8").replace('survey = "nps"', 'survey = "csat"'), "utf-8"
    )
    flows: Flows = flow_files.load([tmp_path])
    shop = await shop_world.opened(database, texts, flows)
    monkeypatch.setattr(clock, "now", lambda: shop.now)
    await shop.person()
    await arrives(shop)
    await shop.passes(8 * DAY)
    reader = Reader(shop)
    assert len(reader.links) == 5
    assert (await reader.says(3)).status_code == 200
    assert await shop._rows(sa.select(table(Ticket).c.id)) == []
    await reader.says(2)
    assert len(await shop._rows(sa.select(table(Ticket).c.id))) == 1


async def test_of_two_who_are_one_the_later_answer_counts(reader: Reader) -> None:
    shop = reader.shop
    await reader.says(9, "as Ada")
    (ada,) = {row["contact_id"] for row in await shop.enrolled()}
    bob = await shop.person("bob@example.org")
    async with shop.database.transaction() as session:
        later = {"answered_at": shop.now + HOUR, "changed_at": shop.now + HOUR}
        for order in ("o1", "o2"):
            session.add(SurveyAnswer(survey=FLOW, kind="nps", contact_id=bob, order_id=order, score=3, comment="as Bob",
                                     **later))  # fmt: skip
        await session.flush()
        await contacts.merge(session, ada, bob, shop.now)
    kept = await shop._rows(
        sa.select(answers.c.contact_id, answers.c.order_id, answers.c.comment).order_by(answers.c.id)
    )
    assert kept == [{"contact_id": ada, "order_id": order, "comment": "as Bob"} for order in ("o1", "o2")]


async def test_somebody_forgotten_has_no_survey_any_more(reader: Reader) -> None:
    shop = reader.shop
    await reader.says(9, "lovely")
    (ada,) = {row["contact_id"] for row in await shop.enrolled()}
    async with shop.database.transaction() as session:
        await contacts.erase(session, shop.ground.secret, ada, shop.now)
    assert await reader.kept() == [(9, "")]
    assert (await reader.client.get(reader.path)).status_code == 404
    assert (await reader.says(1)).status_code == 404
