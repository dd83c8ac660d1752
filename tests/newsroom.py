"""A shop that writes to whole segments: its broadcasts go forward with the same clock as everything else."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import shop_world
import sqlalchemy as sa
from shop_world import ShopWorld

from automations.audiences import segment_files
from automations.audiences.segment_files import Segments
from automations.broadcasts import broadcast_files, control, progress
from automations.broadcasts.broadcast_files import Around
from automations.broadcasts.control import Standing
from automations.broadcasts.going import Broadcasts
from automations.broadcasts.progress import Progress
from bot import contacts
from bot.base import due
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables import broadcasts as tables
from bot.tables.people import Contact, Identity

ROWS = table(tables.Broadcast)
PLAIN: dict[str, Any] = {"title": "News", "segment": "subscribers", "send": "newsletter", "quiet_hours": "off"}


@cache
def segments() -> Segments:
    return segment_files.load(Config())


class Newsroom:
    def __init__(self, shop: ShopWorld) -> None:
        self.shop = shop
        self.going = Broadcasts(shop.database, shop.ground, segments(), shop.worker, now=lambda: shop.now)

    async def readers(self, count: int, prefix: str = "reader", **fields: Any) -> list[int]:
        """So many people who want news, written at once."""
        now, secret = self.shop.now, self.shop.ground.secret
        async with self.shop.database.transaction() as session:
            people = [Contact(first_name=f"R{number}", language="en", created_at=now, last_seen_at=now, **fields)
                      for number in range(count)]  # fmt: skip
            session.add_all(people)
            await session.flush()
            for number, person in enumerate(people):
                address = f"{prefix}{number}@example.org"
                session.add(Identity(contact_id=person.id, kind="email", value=address, proven=True, created_at=now))
                await contacts.allow(
                    session, secret, person.id or 0, "email", address, "marketing", "checkout", now
                )  # fmt: skip
            return [person.id or 0 for person in people]

    async def starts(self, name: str = "news", at: Any = None, **tree: Any) -> Standing:
        """A broadcast with these words, sound or not started."""
        found = broadcast_files.of_tree(name, {**PLAIN, **tree}, Around())
        async with self.shop.database.transaction() as session:
            await control.put(session, found, self.shop.now)
            standing = await control.find(session, self.shop.ground.config, name, Around())
            await control.start(session, self.shop.ground.config, standing, self.shop.now, at)
            return await control.find(session, self.shop.ground.config, name, Around())

    async def settle(self) -> None:
        for _ in range(500):
            took = await self.going.run()
            await self.shop.settle()
            if not took:
                return

    async def passes(self, span: timedelta) -> None:
        """Time goes by, stopping whenever something falls due."""
        until = self.shop.now + span
        while True:
            await self.settle()
            soonest = [at for at in (await self.going.next_due(), await self.shop._soonest()) if at is not None]
            at = min(soonest, default=until)
            if at >= until:
                break
            self.shop.now = max(at, self.shop.now + timedelta(milliseconds=1))
        self.shop.now = until
        await self.settle()

    async def row(self, name: str = "news") -> dict[str, Any]:
        async with self.shop.database.reading() as session:
            found = await session.execute(sa.select(ROWS).where(ROWS.c.name == name))
            return dict(found.mappings().one())

    async def progress(self, name: str = "news") -> Progress:
        async with self.shop.database.reading() as session:
            standing = await control.find(session, self.shop.ground.config, name, Around())
            assert standing.row is not None
            return await progress.count(session, standing.broadcast, standing.row["version_id"], self.shop.now)

    def addresses(self) -> list[str]:
        return [str(message.payload["to"]) for message in self.shop.mails.sent]

    def subjects(self) -> list[str]:
        return [str(message.payload["subject"]) for message in self.shop.mails.sent]


async def opened(database: Database, texts: Texts, **sections: Any) -> Newsroom:
    return Newsroom(await shop_world.opened(database, texts, **sections))


async def another_worker(room: Newsroom) -> Newsroom:
    """A second process beside the first, on the same database."""
    async with room.shop.database.transaction() as session:
        worker = await due.register(session, room.shop.now)
    made = Newsroom(room.shop)
    made.going = Broadcasts(room.shop.database, room.shop.ground, segments(), worker, now=lambda: room.shop.now)
    return made


def spread(times: Sequence[Any]) -> list[float]:
    """Seconds between one and the next."""
    ordered = sorted(times)
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(ordered)]
