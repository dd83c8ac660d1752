"""What `aftercart check` tells of mails that nobody would get, or that nobody could answer for."""

from pathlib import Path
from typing import Any

import pytest
import shop_world

from bot import checks
from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts

FLOW = """title = "Hello"
about = "{about}"
priority = "cart"
[trigger]
{trigger}
[enrol]
key = "hello:{{contact}}"
[[steps]]
id = "rest"
wait_for = {{events = ["{waits}"], timeout = "2d"}}
[[steps]]
id = "first"
send = "{send}"
"""


def _config(folder: Path, **sections: Any) -> Config:
    return Config.model_validate({**sections, "automations": {"flows_folder": str(folder)}})


def _write(folder: Path, about: str, trigger: str, send: str, waits: str = "Order Paid") -> None:
    (folder / "hello.toml").write_text(FLOW.format(about=about, trigger=trigger, send=send, waits=waits), "utf-8")


@pytest.mark.parametrize(
    ("about", "trigger", "send", "line", "words"),
    [
        ("order", 'events = ["Product Viewed"]', "review_request", 5, "names no order"),
        ("order", 'segment = "vip"', "review_request", 5, "names no order"),
        ("cart", 'sweep = "birthday"', "abandoned_cart", 5, "names no cart"),
        ("checkout", 'events = ["Checkout Started", "Subscribed"]', "abandoned_checkout", 5, "'Subscribed'"),
        ("birthday", 'sweep = "first_order"', "birthday", 5, 'sweep = "birthday"'),
        ("birthday", 'events = ["Subscribed"]', "birthday", 5, 'sweep = "birthday"'),
        ("back_in_stock", 'events = ["Back In Stock Requested"]', "back_in_stock", 5, "Product Back In Stock"),
        ("tier", 'segment = "vip"', "tier_change", 5, "Tier Changed"),
        ("order", 'events = ["Parcel Waved At"]', "review_request", 0, ""),
        ("welcome", 'segment = "vip"', "welcome", 0, ""),
        ("win_back", 'sweep = "win_back"', "win_back", 0, ""),
    ],
)
def test_a_mail_is_about_something_that_its_trigger_names(
    tmp_path: Path, about: str, trigger: str, send: str, line: int, words: str
) -> None:
    _write(tmp_path, about, trigger, send)
    found = [one for one in checks.files(_config(tmp_path)) if "hello.toml" in str(one.file)]
    assert [one.line for one in found] == ([line] if line else [])
    assert all(words in str(one) and "nothing to write about" in str(one) for one in found)


async def test_an_event_that_never_came_is_told_with_the_nearest_that_is_known(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    config = _config(tmp_path)
    _write(tmp_path, "welcome", 'events = ["Subscribed"]', "welcome", waits="Order Purchase")
    [found] = await checks.unheard(database, config)
    assert found.warning and found.line == 10 and "did you mean 'Order P" in str(found)
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.happens("Order Purchase")
    assert await checks.unheard(database, config) == []


def test_mails_that_would_say_nothing_of_the_shop_are_told(tmp_path: Path) -> None:
    relay = {"smtp_url": "smtp://relay.example:25", "from": "Shop <hello@shop.example>"}
    found = {one.key: one for one in checks.mails_of_nobody(_config(tmp_path, mail=relay))}
    assert {key for key, one in found.items() if not one.warning} == {"web.public_url", "shop.name", "shop.url"}
    assert found["templates.folder"].warning and "postal address" in str(found["templates.folder"])
    whole = {
        "mail": relay, "web": {"public_url": "https://mail.shop.example"}, "shop": {"name": "A", "url": "https://a.example"},
        "templates": {"folder": str(tmp_path)},
    }  # fmt: skip
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "_foot.en.mjml").write_text("<mj-section />", "utf-8")
    assert checks.mails_of_nobody(_config(tmp_path, **whole)) == []
    assert checks.mails_of_nobody(_config(tmp_path)) == []
    local = {**relay, "smtp_url": "smtp://127.0.0.1:1025"}
    assert all(one.warning for one in checks.mails_of_nobody(_config(tmp_path, mail=local)))
