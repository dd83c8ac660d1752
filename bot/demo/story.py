"""`aftercart demo`: sets the stage, plays the day, leaves the mails and a report, and clears away what it started."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from rich.table import Table

from bot import start
from bot.base import clock, logs, private
from bot.demo import pictures, program, report, stage
from bot.demo.customers import EVERYBODY
from bot.demo.day import Day
from bot.demo.juniper.shop import ConnectedShop
from bot.demo.mail_catcher import Catcher, Caught
from bot.demo.report import Report
from bot.demo.shop_front import ShopFront
from bot.demo.stage import Stage
from bot.demo.told import Told
from bot.demo.trouble import Trouble
from bot.demo.watching import Watch

_AT_MOST = 88.0  # seconds once the program answers; then it is given up, with words
_FOR_PICTURES = 25.0


def play(*, folder: Path | None = None, serve: bool = False) -> int:
    """Plays the day. Returns the exit status: 0, or 1 after words that say what went wrong."""
    zone = clock.zone(stage.TIMEZONE)
    assert zone is not None
    told = Told(zone)
    logs.set_up(level="ERROR")  # what the shop's comparison warns of is told in the story
    made: Path | None = None
    try:
        made = stage.make_folder(folder)
        told.plain(f"A day at Juniper & Oak. Mails, report and database go to {made}")
        return asyncio.run(_until_stopped(told, _Evening(told, made, serve)))
    except Trouble as trouble:
        told.plain(f"\nThe demo stopped: {trouble}", "bold red")
        if trouble.log:
            told.plain(f"The last lines of the program's log:\n{trouble.log}")
        if made is not None:
            told.plain(f"Everything so far is in {made}")
        return 1


async def _until_stopped(told: Told, evening: "_Evening") -> int:
    """Ctrl-C and SIGTERM end it in order: what was started is ended first."""
    whole = asyncio.create_task(evening.run())
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(sign, whole.cancel)
    try:
        return await whole
    except asyncio.CancelledError:
        if evening.played:
            told.plain("\nStopped.")
            return 0
        raise Trouble("you stopped it") from None


class _Evening:
    """From the first process to the last. `played`: the day is over and the report is written."""

    def __init__(self, told: Told, folder: Path, serve: bool) -> None:
        self.told = told
        self.folder = folder
        self.serve = serve
        self.played = False
        self.began = self.answered = time.monotonic()

    async def run(self) -> int:
        try:
            async with asyncio.timeout(None) as limit, stage.set_up(self.folder) as scene:
                self.answered = time.monotonic()
                limit.reschedule(asyncio.get_running_loop().time() + _AT_MOST)
                await self._guarded(scene, limit)
        except TimeoutError:
            raise Trouble(f"it was not over after {_AT_MOST:.0f} s", self._log()) from None
        except BaseExceptionGroup as group:
            error = _first(group)
            if isinstance(error, aiohttp.ClientError | OSError):
                raise Trouble(f"a connection broke: {error}", self._log()) from None
            raise error from None
        return 0

    def _log(self) -> str:
        return program.tail(self.folder / "program.log")

    async def _guarded(self, scene: Stage, limit: asyncio.Timeout) -> None:
        """The day, while somebody looks at the doors and somebody at the program."""
        watch = Watch(self.told, scene.telegram, scene.catcher)
        photographer = _Photographer(scene.catcher)
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(watch.run()),
                group.create_task(scene.program.must_live()),
                group.create_task(photographer.run()),
            ]
            found = await self._day(scene, watch, photographer)
            self.played = True
            self._end(found, scene)
            if self.serve:
                limit.reschedule(None)
                self._look_around(scene)
                await asyncio.Event().wait()
            for task in others:
                task.cancel()

    async def _day(self, scene: Stage, watch: Watch, photographer: "_Photographer") -> Report:
        self.told.plain(f"The program answers at {scene.url} after {time.monotonic() - self.began:.1f} s.", "dim")
        self.told.plain(
            f"For this demo reminders wait {stage.FIRST_WAIT} s instead of hours, and a person must answer within "
            f"{stage.PROMISE} s.",
            "dim",
        )
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            start.ready(scene.config) as (database, ground),
        ):
            front = ShopFront(session, self.told, scene.url, scene.shop_url, stage.WRITE_KEY)
            shop = ConnectedShop(session, self.told, scene.shop, stage.SHOPIFY_SECRET, database, ground)
            await Day(scene, watch, front, shop, database, ground.texts).play()
            watch.look()
            await photographer.finished(min(_FOR_PICTURES, _AT_MOST - (time.monotonic() - self.answered) - 5))
            people = {customer.email: customer.name for customer in EVERYBODY}
            mails = report.mails_of(scene.catcher.mails)
            found = await report.read(database, ground, people, mails, self.told.lines)
        report.write(found, self.folder, self.told.zone)
        return found

    def _end(self, found: Report, scene: Stage) -> None:
        self.told.heading("The day in numbers")
        self.told.print(_numbers(found, scene))
        for table in (report.flows_table(found), report.why_table(found)):
            self.told.print()
            self.told.print(table)
        shots = [mail.picture for mail in found.mails if mail.picture and mail.picture.endswith(".png")]
        shown = f"{len(shots)} as pictures (.png)" if shots else "as pages (.html; no browser for pictures was found)"
        self.told.plain(f"\n{self.folder}", "bold")
        self.told.plain(f"  mails/        {len(found.mails)} mails as sent (.eml), {shown}")
        self.told.plain("  report.html   this story with its tables and mails; report.txt: the tables")
        self.told.plain(
            "  flows/        the automations that ran; config.toml, aftercart.db, program.log: the program's own"
        )
        self.told.plain(f"Played in {time.monotonic() - self.began:.0f} s.")

    def _look_around(self, scene: Stage) -> None:
        config = self.folder / "config.toml"
        calls = (
            '{"type": "identify", "userId": "you", '
            '"traits": {"firstName": "You", "email": "you@example.com", "marketing_consent": true}}, '
            '{"type": "track", "event": "Product Added", "userId": "you", "properties": {"cart_id": "yours", '
            '"product_id": "1004", "name": "Merino scarf", "price": 39.5}}'
        )
        body = f'{{"writeKey": "{stage.WRITE_KEY}", "batch": [{calls}]}}'
        self.told.plain(
            "\nEverything goes on running until you press Ctrl-C. Look around, from a second terminal:", "bold"
        )
        self.told.plain(f"  curl {scene.url}/healthz      curl {scene.url}/metrics")
        self.told.plain(f"  aftercart report sla --config {config}")
        self.told.plain(f"  aftercart report flows --config {config}")
        self.told.plain(f"  aftercart flow show abandoned_checkout --config {config}")
        self.told.plain(f"  curl -H 'Content-Type: application/json' {scene.url}/v1/batch -d '{body}'")
        self.told.plain("The last one leaves a cart: its mail comes soon. What comes out of a door is told here.")
        self.told.plain(f"  aftercart shop status --config {config}")
        self.told.plain(f"The shop itself, whose pages tell what you do there by /aftercart.js: {scene.shop_url}")


class _Photographer:
    """Takes a picture of each mail as it arrives; where there is no browser, the page stays."""

    def __init__(self, catcher: Catcher) -> None:
        self.catcher = catcher
        self._done = 0

    async def run(self) -> None:
        while True:
            for mail in self.catcher.mails[self._done :]:
                await self._take(mail)
                self._done += 1
            await asyncio.sleep(0.1)

    async def finished(self, within: float) -> None:
        """Until every mail has its picture, or `within` seconds: then the rest stay pages."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if self._done == len(self.catcher.mails):
                return
            await asyncio.sleep(0.1)
        for mail in self.catcher.mails[self._done :]:
            _page(mail)

    async def _take(self, mail: Caught) -> None:
        page = _page(mail)
        if await pictures.png(page, page.with_suffix(".png"), 680):
            page.unlink(missing_ok=True)


def _page(mail: Caught) -> Path:
    assert mail.file is not None
    page = mail.file.with_suffix(".html")
    private.write_text(page, mail.part("html"))
    return page


def _numbers(found: Report, scene: Stage) -> Table:
    chats = [chat for chat in scene.telegram.memory.chats.values() if chat.kind == "private"]
    said = [posted.by_bot for chat in chats for posted in chat.messages.values()]
    kept, missed = sum(one.met for one in found.sla), sum(one.breached + one.overdue for one in found.sla)
    reasons = ", ".join(f"{count} {name}" for name, count in found.skipped.items())
    rows: Sequence[tuple[str, str]] = (
        ("Chats", f"{said.count(False)} messages from customers, {said.count(True)} to them"),
        ("Promises", f"{kept} kept, {missed} missed"),
        ("Board", _board(found)),
        ("Marketing", f"{found.sent} mails sent; not sent: {reasons or 'none'}"),
        ("Revenue", f"{found.revenue} brought by mails"),
    )
    table = Table.grid(padding=(0, 2))
    for name, words in rows:
        table.add_row(f"[bold]{name}[/]", words)
    return table


def _board(found: Report) -> str:
    """How many asked for something, and how many of them heard what became of it."""
    return f"asked {sum(one.asked for one in found.board)}, told {sum(one.told for one in found.board)}"


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first, out of what ended together."""
    flat: list[BaseException] = []
    for error in group.exceptions:
        flat.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in flat if isinstance(error, Trouble)), flat[0])
