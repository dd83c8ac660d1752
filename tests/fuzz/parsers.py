# ruff: noqa: E501 - seeds are as they come
"""Every reader of foreign input as a function of bytes: what it may raise is caught here, what it gives is looked at."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiogram.types import Update
from fastapi import Request
from pydantic import ValidationError

from automations.audiences import segment_files
from automations.broadcasts import broadcast_files
from automations.definition import flow_files
from bot.base import config as settings
from bot.base import ids, render
from bot.base.config import Config
from bot.base.errors import FindingsError
from bot.events import NewEvent, happened
from bot.inbound.files import csv_lines, values
from bot.inbound.mailbox import absence, html_text, machines, parsing, quotes, reports
from bot.inbound.telegram import content, inbox
from bot.inbound.web import forms, segment_calls
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.email import tracking
from bot.outbound.email.templates import MailTemplates
from bot.shops import shopify, woocommerce

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SHOPIFY_TOPICS = (
    "orders/create", "orders/updated", "orders/cancelled", "refunds/create", "checkouts/update", "carts/update",
    "fulfillments/update", "customers/update", "customers_email_marketing_consent/update", "products/update",
    "products/delete",
)  # fmt: skip
WOO_TOPICS = ("order.created", "order.updated", "customer.updated", "product.updated", "product.deleted")
SEGMENT_KINDS = ("track", "identify", "page", "screen", "group", "alias", "batch")
SECRET = "a secret of tests"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_folder = Path(tempfile.mkdtemp(prefix="fuzz"))


def storable(value: Any) -> None:
    """Every database takes it: no NUL, no half of a surrogate, no number that is none."""
    if isinstance(value, str):
        assert "\0" not in value, "NUL"
        value.encode()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            storable(key)
            storable(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            storable(inner)
    elif isinstance(value, float):
        assert value - value == 0, "not finite"


def event_fits(event: NewEvent) -> None:
    """The row that is made of it can be written down as it is."""
    row = happened.values(event)
    assert 0 < len(row["message_id"]) <= 255, row["message_id"]
    assert len(row["name"]) <= 200
    assert _EARLIEST <= row["ts"] <= _LATEST
    storable((row["source"], row["message_id"], row["kind"], row["name"], row["body"]))
    msgspec.json.encode(row["body"])


def _json(data: bytes) -> Any:
    """As our doors read JSON; None for what is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def segment(data: bytes) -> None:
    kind = SEGMENT_KINDS[(data[:1] or b"\0")[0] % len(SEGMENT_KINDS)]
    try:
        call = segment_calls.read(kind, data[1:])
    except segment_calls.Unreadable:
        return
    for item in call.items:
        try:
            event = segment_calls.event(call, item, "page", "page", NOW)
        except segment_calls.Refused as error:
            refused = segment_calls.rejected(item, str(error), "page", "page", NOW)
            storable((refused.reason, refused.body))
            continue
        event_fits(event)


def shopify_webhook(data: bytes) -> None:
    payload = _json(data[1:])
    if isinstance(payload, dict):
        topic = SHOPIFY_TOPICS[data[0] % len(SHOPIFY_TOPICS)]
        for event in shopify.translate(topic, payload, "x.myshopify.com", NOW):
            event_fits(event)


def woocommerce_webhook(data: bytes) -> None:
    payload = _json(data[1:])
    if isinstance(payload, dict):
        woocommerce.resource(payload)
        for event in woocommerce.translate(WOO_TOPICS[data[0] % len(WOO_TOPICS)], payload, "https://x.example", NOW):
            event_fits(event)


def csv_file(data: bytes) -> None:
    file = _written("list.csv", data)
    try:
        sheet = csv_lines.look(file)
    except FindingsError:
        return
    for line, _ in sheet.lines():
        if not line.error:
            assert len(line.values) >= len(sheet.header)
            storable(line.values)
            for cell in line.values:
                _cell(cell)


def _cell(cell: str) -> None:
    readers: tuple[Callable[[], Any], ...] = (
        lambda: values.amount(cell, "EUR"), lambda: values.moment(cell, ZoneInfo("Asia/Shanghai")),
        lambda: values.number(cell), lambda: values.yes(cell), lambda: values.key(cell),
    )  # fmt: skip
    for read in readers:
        try:
            read()
        except ValueError:
            continue


def mail(data: bytes) -> None:
    try:
        read = parsing.read(data)
    except parsing.Unreadable:
        return
    said = quotes.split(read.text)
    storable(
        (read.sender, read.sender_name, read.header("Reply-To"), read.to, read.subject, read.message_id, read.thread)
    )
    storable((read.text, said.own, said.quoted, [(one.name, one.kind) for one in read.attachments]))
    assert len(read.text) <= 200_000
    assert len(said.own) + len(said.quoted) <= len(read.text) + 2
    bounce = reports.bounce(read)
    storable((bounce and vars(bounce), reports.complaint(read), reports.about(read, data, SECRET)))
    for asked in (machines.wants_no_answer, machines.was_passed_on, machines.is_daemon, machines.is_mailer):
        asked(read)
    absence.is_note(read.subject, answers=machines.is_reply(read))


def mail_text(data: bytes) -> None:
    text = data.decode("utf-8", "replace").replace("\0", "")
    said = quotes.split(text)
    storable((said.own, said.quoted))
    assert said.own or said.quoted or not text.strip()


def html(data: bytes) -> None:
    html_text.plain(data.decode("utf-8", "replace"))


def configuration(data: bytes) -> None:
    try:
        settings.load(_written("config.toml", data), {})
    except FindingsError as error:
        _told(error)


def flow(data: bytes) -> None:
    try:
        flow_files.load_one(_written("some_flow.toml", data), "some_flow")
    except FindingsError as error:
        _told(error)


def audience(data: bytes) -> None:
    try:
        segment_files.load_file(_written("some_people.toml", data), Config(), segment_files.Segments({}, {}, {}))
    except FindingsError as error:
        _told(error)


def broadcast(data: bytes) -> None:
    try:
        broadcast_files.of_tree("some_news", _json(data), broadcast_files.around(Config(), ["newsletter"]))
    except FindingsError as error:
        _told(error)


def mail_template(data: bytes) -> None:
    _written("own/email/own/en.mjml", data)
    for finding in MailTemplates([_folder / "own"]).lint("own"):
        assert str(finding)


def chat_template(data: bytes) -> None:
    _written("own/chat/own/en.txt", data)
    for finding in ChatTemplates([_folder / "own"]).lint():
        assert str(finding)


def jinja(data: bytes) -> None:
    given = {"name": "Mia", "items": [{"name": "Mug", "price": 990}], "total": 1, "at": NOW, "none": None}
    for as_html in (True, False):
        try:
            shown = render.environment(html=as_html).from_string(data.decode("utf-8", "replace")).render(given)
        except render.TemplateError as error:
            assert str(error)
            continue
        assert len(shown) <= render.LONGEST


def telegram(data: bytes) -> None:
    given = _json(data)
    if not isinstance(given, dict):
        return
    inbox.chat_of(given)
    try:
        update = Update.model_validate(given)
    except ValidationError:
        return
    message = update.message or update.edited_message
    if message is not None:
        msgspec.json.encode([content.attachment(message), content.of_any_kind(message), content.source(message)])
        assert isinstance(content.text(message) + content.quote(message) + content.key(message), str)
        content.says_anything(message)


def token(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    head, _, url = text.partition("?")
    assert tracking.resolve(head, None, SECRET) is None
    assert tracking.resolve(head, url, SECRET) is None
    for purpose in ("unsubscribe", "preferences", "survey"):
        assert ids.unsign(purpose, head, SECRET) is None


def form(data: bytes) -> None:
    kind = (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text/plain")[len(data) % 3]
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"",
        "headers": [(b"content-type", kind), (b"content-length", str(len(data)).encode())],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    found = asyncio.run(forms.read(Request(scope, receive)))
    assert len(found.many) <= 60


def _written(name: str, data: bytes) -> Path:
    file = _folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def _told(error: FindingsError) -> None:
    assert error.findings
    for finding in error.findings:
        assert str(finding)


def seeds(name: str) -> Iterator[bytes]:
    """Something for the search to begin with."""
    yield from _SEEDS.get(name, ())


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "segment": segment, "shopify": shopify_webhook, "woocommerce": woocommerce_webhook, "csv": csv_file, "mail": mail,
    "mail_text": mail_text, "html": html, "config": configuration, "flow": flow, "audience": audience,
    "broadcast": broadcast, "mail_template": mail_template, "chat_template": chat_template, "jinja": jinja,
    "telegram": telegram, "token": token, "form": form,
}  # fmt: skip
_ORDER = {
    "id": 1, "email": "mia@example.com", "created_at": "2026-07-01T10:00:00Z", "updated_at": "2026-07-01T10:00:00Z",
    "financial_status": "paid", "currency": "EUR", "total_price": "19.90", "customer": {"id": 2, "first_name": "Mia"},
    "line_items": [{"product_id": 3, "variant_id": 4, "title": "Mug", "quantity": 1, "price": "9.90"}],
    "refunds": [{"id": 5, "transactions": [{"amount": "1.00"}]}], "fulfillments": [{"id": 6, "tracking_url": "x"}],
}  # fmt: skip
_MESSAGE = {
    "update_id": 1, "message": {"message_id": 2, "date": 1751364000, "chat": {"id": 3, "type": "private"},
    "from": {"id": 3, "is_bot": False, "first_name": "Mia"}, "text": "Hi"},
}  # fmt: skip
_SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "segment": (b'\0{"event":"Order Completed","userId":"1","messageId":"m","timestamp":"2026-07-01T10:00:00Z",'
                b'"properties":{"total":NaN,"products":[{"price":1}]}}', b'\6{"batch":[{"type":"track"}],"sentAt":"x"}'),
    "shopify": (b"\0" + json.dumps(_ORDER).encode(), b'\x09{"id":1,"variants":[{"id":2,"price":"1"}],"image":{}}'),
    "woocommerce": (b"\0" + json.dumps({**_ORDER, "status": "processing", "billing": {"email": "a@b.example"}}).encode(),),
    "csv": (b"Email,Name,Total\nmia@example.com,Mia,\"1,299.00\"\n", "sep=;\nE-Mail;Umsatz\na@b.example;1.299,00 €".encode()),
    "mail": (b"From: Mia <mia@example.com>\nSubject: =?utf-8?q?Hi?=\nContent-Type: multipart/alternative; boundary=b\n\n"
             b"--b\nContent-Type: text/html; charset=gbk\n\n<p>Hi<br>> you\n--b--\n",
             b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
             b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n"),
    "mail_text": (b"Yes please\n\nOn Mon, 1 Jul 2026 at 10:00, Shop <a@b.example> wrote:\n> Hi\n> there\n-- \nMia",),
    "html": (b"<div>Hi<br><blockquote type=cite>x</blockquote><table><tr><td>a</td></tr></table><style>x</style>",),
    "config": (b'[shop]\nname = "x"\nurl = "https://x.example"\n[[events.keys]]\nkey = "12345678"\nname = "a"\nkind = "page"\n',),
    "flow": (b'name = "some_flow"\non = "Cart Updated"\nabout = "cart"\n[[step]]\nid = "a"\nwait = "1h"\n[[step]]\nsend = "x"\n',),
    "audience": (b'title = "x"\n[where]\nall = [{ field = "orders.count", over = 3 }]\n',),
    "broadcast": (b'{"segment":"everybody","send":"newsletter","when":"2026-12-01 10:00","channels":["email"]}',),
    "mail_template": (b'+++\nsubject = "Hi {{ customer.first_name }}"\nshows = ["cart"]\n+++\n<mjml><mj-body><mj-section>'
                      b"<mj-column>{% for i in cart.items %}<mj-text>{{ i.name }}</mj-text>{% endfor %}</mj-column>"
                      b"</mj-section></mj-body></mjml>\n",),
    "chat_template": (b'+++\nbutton = "x"\nurl = "{{ cart.url }}"\nshows = ["cart"]\n+++\nHi {{ customer.first_name }}\n',),
    "jinja": (b"{% for i in items if i.price > 3 %}{{ loop.index ~ i.name | upper }}{% endfor %}{{ at | date }}"
              b"{% macro m(a) %}{{ a }}{% endmacro %}{{ m(total) }}{{ items | map(attribute='price') | sum }}",),
    "telegram": (json.dumps(_MESSAGE).encode(),),
    "token": (ids.sign("click", 1, "another secret").encode() + b".1?https://x.example",),
    "form": (b"action=leave&topic=a%00b&x=1", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
}  # fmt: skip
