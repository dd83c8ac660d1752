"""Where a mail may lead: to the shop, to what its template says itself, and nowhere that data say."""

from pathlib import Path
from typing import Any

import httpx
import make
import pytest
from conftest import NOON
from fastapi import FastAPI

from bot.base import hosts, ids
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import links
from bot.outbound import outbox
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.email.templates import MailTemplates
from bot.outbound.email.tracking import LinkTokens

SHOP = hosts.of_shop("https://shop.example", (), (), named=True)
LINKS = LinkTokens("https://bot.example", 7, "secret", SHOP, "https://shop.example")
EVIL = "https://evil.example/login"


def _mail(folder: Path, body: str, **values: Any) -> str:
    (folder / "email/own").mkdir(parents=True)
    column = f"<mj-section><mj-column>{body}</mj-column></mj-section>"
    text = f"+++\nsubject = 'Hello'\n+++\n<mjml><mj-body>{column}</mj-body></mjml>"
    (folder / "email/own/en.mjml").write_text(text, "utf-8")
    mail = MailTemplates([folder]).find("own", "en").render({"shop": {}, **values}, LINKS)
    return mail.html + mail.text


@pytest.mark.parametrize("url", [EVIL, "https://shop.example@evil.example", "https://evil.example\\.shop.example"])
def test_what_data_say_of_another_host_leads_to_the_shop(tmp_path: Path, url: str) -> None:
    mail = _mail(tmp_path, '<mj-button href="{{ url }}">Pay</mj-button>', url=url)
    assert "evil" not in mail and "?u=" not in mail
    assert 'href="https://shop.example"' in mail


def test_the_shops_own_host_is_signed(tmp_path: Path) -> None:
    mail = _mail(tmp_path, '<mj-button href="{{ url }}">Pay</mj-button>', url="https://shop.example/pay")
    assert "u=https%3A%2F%2Fshop.example%2Fpay" in mail


@pytest.mark.parametrize(
    "body",
    [
        '<mj-button href="https://partner.example/{{ slug }}">Go</mj-button>',
        "<mj-button href=\"{{ 'https://partner.example/' ~ slug }}\">Go</mj-button>",
        '{% set there = "https://partner.example/x" %}<mj-button href="{{ there }}">Go</mj-button>',
    ],
)
def test_a_host_that_the_template_names_itself_is_signed(tmp_path: Path, body: str) -> None:
    assert "u=https%3A%2F%2Fpartner.example%2F" in _mail(tmp_path, body, slug="x")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('<mj-button href="https://partner.example{{ x }}">Go</mj-button>', ".evil.example/"),
        ('<mj-button href="https://partner.example{{ x }}">Go</mj-button>', "@evil.example/"),
        ('<mj-button href="https://{{ x }}">Go</mj-button>', "evil.example/"),
        ("<mj-button href=\"{{ 'https://partner.example' ~ x }}\">Go</mj-button>", ".evil.example"),
    ],
)
def test_data_cannot_turn_the_templates_host_into_another(tmp_path: Path, body: str, value: str) -> None:
    assert "evil" not in _mail(tmp_path, body, x=value)


def test_the_button_of_a_chat_leads_to_the_shop_as_well(tmp_path: Path) -> None:
    (tmp_path / "chat/own").mkdir(parents=True)
    (tmp_path / "chat/own/en.txt").write_text('+++\nbutton = "Go"\nurl = "{{ url }}"\n+++\nHello', "utf-8")
    chat = ChatTemplates([tmp_path]).find("own", "en").render({"url": EVIL}, LINKS)
    assert chat.url == "https://shop.example"


async def test_an_old_link_to_another_host_leads_to_the_shop(database: Database, texts: Texts) -> None:
    """Signed when every host was: the mails of before are still in mailboxes."""
    ground = make.ground(texts, shop={"url": "https://shop.example"}, web={"public_url": "https://bot.example"})
    async with database.transaction() as session:
        message_id = await outbox.queue(
            session, channel="email", purpose="marketing", receiver="a@example.org", key="k", now=NOON, payload={}
        )
    assert message_id is not None
    application = FastAPI()
    application.include_router(links.routes(database, ground))
    web = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="https://bot.example")
    async with web:
        for url, leads in ((EVIL, "https://shop.example"), ("https://shop.example/cart", "https://shop.example/cart")):
            token = ids.sign("click to", message_id, ground.secret, f"1 {url}".encode())
            answer = await web.get(f"/c/{token}.1", params={"u": url})
            assert answer.status_code == 302 and answer.headers["location"].partition("?")[0] == leads
        forged = LinkTokens.of(ground, message_id).carrying(1, "https://shop.example/cart")
        assert (await web.get(forged.replace("shop.example", "evil.example"))).status_code == 404
