"""A shop whose pages are of one origin, while our doors are at another, for real browsers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from aiohttp import web
from pydantic import SecretStr
from starlette.routing import BaseRoute

from bot.base.config.events import EventKey
from bot.base.config.web_limits import WebLimits
from bot.base.database import Database
from bot.base.hosts import Hosts
from bot.events import Ingest
from bot.inbound.web import each_request, events_api, page_scripts, server
from bot.inbound.web.connections import Limits
from bot.tables.events import Event

KEY = "wk_in_every_page"
IDENTITY_SECRET = "a secret that no page of the shop has"


@dataclass
class Shop:
    """`pages` are what the shop serves, by path; `{door}` and `{key}` in them are filled in."""

    database: Database
    url: str = ""
    door: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)

    async def answers(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.pages:
            text = self.pages[request.path].replace("{door}", self.door).replace("{key}", KEY)
            return web.Response(text=text, content_type="text/html", headers=self.headers)
        for path, folder in self.folders.items():
            file = folder / request.path.removeprefix(path).lstrip("/")
            if request.path.startswith(path) and file.is_file():
                kind = "text/javascript" if file.suffix in (".js", ".mjs") else "text/plain"
                return web.Response(body=file.read_bytes(), content_type=kind)
        return web.Response(status=204 if request.path == "/favicon.ico" else 404)

    async def events(self) -> list[Event]:
        async with self.database.reading() as session:
            return list((await session.scalars(sa.select(Event).order_by(Event.ts, Event.id))).all())

    async def hears(self, enough: Callable[[list[Event]], object]) -> list[Event]:
        """The events, once there are enough of them."""
        async with asyncio.timeout(20):
            while not enough(events := await self.events()):
                await asyncio.sleep(0.05)
        return events

    async def hears_of(self, *names: str) -> Mapping[str, Event]:
        """The first event of each name, once all of them are here. A call that has no name goes by its kind."""
        events = await self.hears(lambda found: {*names} <= {_name(event) for event in found})
        return {_name(event): event for event in reversed(events)}


def _name(event: Event) -> str:
    return event.name if event.kind == "track" else event.kind


@asynccontextmanager
async def opened(database: Database, analytics_js: Path | None = None) -> AsyncIterator[Shop]:
    """Until it closes, pages and doors are served on this machine. `analytics_js`: where Segment's client lies."""
    made = Shop(database)
    application = web.Application()
    application.router.add_get("/{path:.*}", made.answers)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://shop.localhost:{runner.addresses[0][1]}"
    ingest = Ingest(database)
    ingest.start()
    listening = server.listen("127.0.0.1", 0)
    made.door = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = asyncio.Event()
    application = each_request.build([page_scripts.routes(analytics_js), _events(ingest)])
    serving = asyncio.create_task(server.serve(application, listening, stop, Limits.of(WebLimits())))
    try:
        yield made
    finally:
        stop.set()
        await serving
        await ingest.close()
        await runner.cleanup()


def _events(ingest: Ingest) -> Sequence[BaseRoute]:
    keys = [EventKey(key=SecretStr(KEY), name="page", kind="page")]
    return events_api.routes(ingest, keys, Hosts(("shop.localhost", "127.0.0.1"), (), True), IDENTITY_SECRET)
