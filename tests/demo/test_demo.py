"""The demo as somebody types it: it ends by itself, leaves what it promises, and nothing runs behind it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from email import message_from_bytes
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import make
import psutil
import pytest
import sqlalchemy as sa
from program import ROOT

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.demo import pictures, stage
from bot.demo.juniper import goods
from bot.demo.juniper.shop import ConnectedShop
from bot.demo.shopify_api import ShopifyShop
from bot.demo.told import Told
from bot.demo.trouble import Trouble
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.shop import Order, Product

pytestmark = pytest.mark.timeout(300)
_COMMAND = [sys.executable, "-m", "bot", "demo"]
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
_ENVIRON = {**_KEPT, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def _begin(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [*_COMMAND, *words]
    return subprocess.Popen(
        command, cwd=folder, env=_ENVIRON, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _read_until(demo: subprocess.Popen[str], words: str, within: float = 120) -> str:
    assert demo.stdout is not None
    read, end = "", time.monotonic() + within
    while words not in read and time.monotonic() < end:
        line = demo.stdout.readline()
        assert line, f"it ended before {words!r}:\n{read}"
        read += line
    return read


def _child(demo: subprocess.Popen[str]) -> psutil.Process:
    """The real program that the demo started."""
    return next(one for one in psutil.Process(demo.pid).children() if "run" in one.cmdline())


def _rest(demo: subprocess.Popen[str]) -> str:
    return demo.communicate(timeout=30)[0]


@pytest.mark.slow
def test_the_day_is_played_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "aftercart-demo").mkdir()
    (tmp_path / "aftercart-demo" / "mine.txt").touch()
    done = subprocess.run(_COMMAND, cwd=tmp_path, env=_ENVIRON, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = " ".join(done.stdout.split())
    for words in (
        "How long does delivery take?",
        "多久能发货？",
        "passes on what Ben wrote, with the photo",
        "✅ kept",
        "🔴 missed",
        "it stays inside: in no chat of a customer",
        "changes its copy of what Ben wrote",
        "Sorry for the delay – the customer would read",
        "presses [5 ⭐]",
        "Li Wei gave 1 of 5",
        "302 → 200",
        "credited with €107.00",
        "that was the right code. · Order #1001",
        "you once wrote to us: “Could you wrap it as a gift, too?” · We do now",
        "shipped: asked 1, told 1",
        "no_consent",
        "unsubscribed",
        "frequency_cap",
        "the flow ended: goal (Order Completed)",
        "still 1 mail",
        "makes 28 webhooks by the shop's API",
        "5 products, 11 customers, 9 orders",
        "Parcel: DHL JJD000390007",
        "credited with €89.00, no more €107.00",
        "3 orders, webhooks had lost 1",
        "order #1003: paid, known without any webhook",
    ):
        assert words in told, done.stdout
    assert "\x1b[" not in done.stdout
    _check_folder(tmp_path / "aftercart-demo-2")


def _check_folder(folder: Path) -> None:
    made = {one.name for one in folder.iterdir()}
    assert made >= {"config.toml", "flows", "aftercart.db", "program.log", "mails", "report.txt", "report.html"}
    mails = [message_from_bytes(file.read_bytes()) for file in sorted((folder / "mails").glob("*.eml"))]
    assert sorted(str(mail["To"]).rpartition("<")[2].rstrip(">").partition("@")[0] for mail in mails) == [
        "anna",
        "clara",
        "clara",
        "emma",
        "mei",
    ]
    shown = sorted((folder / "mails").glob("*.png" if pictures.browser() else "*.html"))
    assert len(shown) == len(mails)
    report = (folder / "report.txt").read_text("utf-8")
    assert re.search(r"telegram +first response +50% +1 +1", report)
    assert re.search(r"chat: first response in 15 s +90% +50% +2", report)
    assert re.search(r"Could you wrap it as a gift, too\? +shipped +1 +1", report)
    assert "abandoned_checkout" in (folder / "report.html").read_text("utf-8")
    assert "Traceback" not in (folder / "program.log").read_text("utf-8")


@pytest.mark.slow
def test_ctrl_c_ends_it_with_words_and_leaves_nothing_running(tmp_path: Path) -> None:
    demo = _begin(tmp_path)
    _read_until(demo, "Anna → bot")
    program = _child(demo)
    demo.send_signal(signal.SIGINT)
    told = _rest(demo)
    assert demo.returncode == 1
    assert "you stopped it" in told and "Traceback" not in told
    assert not program.is_running()


@pytest.mark.slow
def test_a_program_that_ends_in_the_middle_is_told_with_its_log(tmp_path: Path) -> None:
    demo = _begin(tmp_path)
    _read_until(demo, "Anna → bot")
    _child(demo).kill()
    told = _rest(demo)
    assert demo.returncode == 1
    assert "the program ended" in told and '"event": "running"' in told and "Traceback" not in told


async def test_a_port_that_is_taken_is_told_in_words(tmp_path: Path) -> None:
    """Somebody may take the port between our look and the program's start."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Trouble, match="did not start") as trouble:
            async with stage.set_up(tmp_path, taken.getsockname()[1]):
                pass
    assert "cannot listen" in trouble.value.log


async def test_a_comparison_that_finds_nothing_lost_stops_the_demo_in_words(database: Database, texts: Texts) -> None:
    """The order is told of by its webhook after all: then the last chapter would tell what is not so."""
    async with ShopifyShop() as api, aiohttp.ClientSession() as session:
        goods.fill(api, "http://127.0.0.1:1")
        section = {
            "domain": api.domain, "token": api.token, "secrets": ["s"], "api_base": api.url, "allow_private": True,
        }  # fmt: skip
        ground = make.ground(texts, shops={"shopify": section})
        shop = ConnectedShop(session, Told(ZoneInfo("UTC")), api, "s", database, ground)
        await shop.connect()
        assert {hook["topic"] for hook in api.hooks} >= {"ORDERS_CREATE", "ORDERS_UPDATED", "REFUNDS_CREATE"}
        async with database.reading() as reading:
            counts = [await reading.scalar(sa.select(sa.func.count()).select_from(table(one)))
                      for one in (Product, Order, Event, Message)]  # fmt: skip
        assert counts == [10, 9, 0, 0]  # history: nothing is told of it, and nobody is written to
        with pytest.raises(Trouble, match="did not find the order"):
            await shop.compare()


def test_the_first_wait_of_a_flow_is_cut_and_later_ones_stay() -> None:
    flow = '[[steps]]\nid = "idle"\nwait = "1h"\n\n[[steps]]\nid = "next"\nwait = "23h"\n'
    told = stage.hurried(flow)
    assert f'wait = "{stage.FIRST_WAIT}s"' in told and 'wait = "23h"' in told
    birthday = 'wait = { days = -7, since = "occurrence", at = "09:00" }\n'
    assert stage.hurried(birthday) == birthday


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="cannot make the folder"):
        stage.make_folder(tmp_path / "file" / "inside")
