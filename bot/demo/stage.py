"""Sets the stage: a folder with everything that the demo makes, the stand-ins for the world, the real program."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from automations.definition import flow_files
from bot.base import private
from bot.base.config import Config
from bot.base.config import load as load_config
from bot.demo import mail_catcher, sample_shop
from bot.demo.juniper import goods
from bot.demo.mail_catcher import Catcher
from bot.demo.program import Program
from bot.demo.sample_shop import Tells
from bot.demo.shopify_api import ShopifyShop
from bot.demo.telegram import Telegram
from bot.demo.trouble import Trouble

FIRST_WAIT = 8  # seconds instead of hours or days
PROMISE = 15  # seconds in which a person must answer; shops promise 30 s or more
TIMEZONE = "Europe/Berlin"
WRITE_KEY = "demo-write-key"
PAGE_KEY = "demo-page-key"
DOMAIN = "juniper-and-oak.myshopify.com"
SHOPIFY_SECRET = "demo-shopify-secret"  # noqa: S105 - of a shop that is not there

_CONFIG = """\
# The configuration of `aftercart demo`: what a shop would write, except for times made short enough to watch.

[shop]
name = "Juniper & Oak"
url = "{shop}"
timezone = "{timezone}"
language = "en"
currency = "EUR"
country = "DE"

[database]
url = "sqlite:///{database}"

[web]
port = {port}
# A real shop sets a secret of its own; here one is made and kept in the database.
secret = ""

[telegram]
# The stand-in for Telegram: it speaks the Bot API on this machine and ends with the demo.
token = "{token}"
api_base = "{telegram}"
staff_chat_id = {staff}
# Telegram allows 20 a minute; here a whole day passes in one.
group_messages_per_minute = 120

[mail]
# The catcher: it keeps every mail as a file in mails/.
smtp_url = "{smtp}"
from = "Juniper & Oak <help@juniper-and-oak.example>"
from_marketing = "Juniper & Oak <hello@news.juniper-and-oak.example>"

# The backend of the sample shop sends them, so they are believed like the shop.
[[events.keys]]
name = "shop"
key = "{write_key}"
kind = "server"

# Its pages have this one: anybody can read it there, so it may tell what a browser does and nothing else.
[[events.keys]]
name = "shop-pages"
key = "{page_key}"
kind = "page"

# The shop's system: a stand-in for Shopify's Admin API on this machine, asked as a real shop is.
[shops.shopify]
domain = "{domain}"
token = "{api_token}"
secrets = ["{shopify}"]
api_base = "{api}"
allow_private = true

[support]
# How long an answer waits so that it can be taken back: 5 s in a real shop.
undo = "1s"

[[support.sla]]
name = "chat"
# Much shorter than a shop would promise, so that you can watch it be kept and missed.
first_response = "{promise}s"
always_open = true

[[support.goals]]
metric = "first_response"
channel = "chat"
within = "{promise}s"
share = 0.9

[automations]
# Our flows with their first wait cut to {wait} s; everything else in them is as shipped.
flows_folder = "flows"
# Off, because you may look at this at night; a real shop leaves 21:00-08:00 on.
quiet_hours = "off"
"""


@dataclass
class Stage:
    """`folder` has everything that the demo makes. `url` is the program's."""

    folder: Path
    config: Config
    url: str
    shop_url: str
    shop: ShopifyShop
    telegram: Telegram
    catcher: Catcher
    program: Program


def make_folder(wish: Path | None) -> Path:
    """The folder, empty: `aftercart-demo` here unless another is wished for, with -2, -3, … if it is there already."""
    first = wish or Path("aftercart-demo")
    number = 1
    while True:
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            private.make_folder(folder, exist_ok=False)
            return folder.resolve()
        except FileExistsError:
            if folder.is_dir() and not any(folder.iterdir()):
                return folder.resolve()
            number += 1
        except OSError as error:
            raise Trouble(f"cannot make the folder {folder}: {error.strerror}; name another with --folder") from None


@asynccontextmanager
async def set_up(folder: Path, port: int | None = None) -> AsyncIterator[Stage]:
    """Everything runs inside the block and has ended behind it. Raises Trouble if something does not start."""
    write_flows(folder / "flows")
    port = free_port() if port is None else port
    url = f"http://127.0.0.1:{port}"
    site = sample_shop.web_site(Tells(url, PAGE_KEY))
    api = ShopifyShop()
    api.domain = DOMAIN
    async with site as shop, api, mail_catcher.catch(folder / "mails") as catcher, Telegram() as telegram:
        goods.fill(api, shop)
        file = folder / "config.toml"
        private.write_text(file, _filled(folder, port, shop, api, catcher, telegram))
        async with Program(file, folder / "program.log", url) as program:
            yield Stage(folder, load_config(file, {}), url, shop, api, telegram, catcher, program)


def _filled(folder: Path, port: int, shop: str, api: ShopifyShop, catcher: Catcher, telegram: Telegram) -> str:
    return _CONFIG.format(
        shop=shop,
        timezone=TIMEZONE,
        database=(folder / "aftercart.db").as_posix(),
        port=port,
        token=telegram.token,
        telegram=telegram.url,
        staff=telegram.group.id,
        smtp=catcher.url,
        write_key=WRITE_KEY,
        page_key=PAGE_KEY,
        shopify=SHOPIFY_SECRET,
        domain=api.domain,
        api_token=api.token,
        api=api.url,
        promise=PROMISE,
        wait=FIRST_WAIT,
    )


def write_flows(folder: Path) -> None:
    """Our flow files with the first wait cut short. Later waits and waits for a date stay: they are for other days."""
    private.make_folder(folder)
    for file in sorted((Path(flow_files.__file__).parents[1] / "flows").glob("*.toml")):
        (folder / file.name).write_text(hurried(file.read_text("utf-8")), "utf-8")


def hurried(text: str) -> str:
    """A flow file whose first wait takes seconds, with what it was in a comment."""

    def cut(found: "re.Match[str]") -> str:
        if "occurrence" in found[1]:
            return found[0]
        return f'wait = "{FIRST_WAIT}s"   # shipped: {found[1]}'

    return re.sub(r'^wait = ("[^"]*"|\{[^}]*\})', cut, text, count=1, flags=re.MULTILINE)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
