"""The first pull: everything that the shop has, as history.

What changed before the pull began is written down and triggers nothing; what changed later is news and goes the way of
webhooks. A page is taken in small pieces, each in a transaction of its own, so that nobody else waits for long; the
cursor moves with the last piece. After a crash the page that was begun is read again: taking a thing twice changes
nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError

from bot.base import clock, logs
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.inbound.files.aftermath import Aftermath
from bot.inbound.shops import news, progress
from bot.inbound.shops.shop import Page, Shop, Thing
from bot.shops import history, inbox, stores

log = logs.get(__name__)

_PIECE = 30
_NIGHT = timedelta(days=1)

Tell = Callable[[str, int, int | None], None]
"""Told of what is pulled: its kind, how many are taken, how many there are."""


@dataclass(frozen=True)
class Pull:
    database: Database
    ground: Ground
    shop: Shop
    tell: Tell = lambda _resource, _taken, _total: None

    @property
    def store(self) -> str:
        return self.ground.config.shops.of_source(self.shop.source)

    @property
    def _name(self) -> str:
        return self.ground.config.shops.pull_of(self.shop.source)

    async def run(self, *, again: bool = False) -> list[Mapping[str, Any]]:
        """Pull what is not pulled yet. Returns how far each kind is. May be killed at any moment and run again."""
        async with self.database.transaction() as session:
            await progress.begin(session, self._name, clock.now(), again=again)
            await stores.know(session, self.store, clock.now())
        after = Aftermath.of(self.ground.config)
        try:
            for row in await self._rows():
                if row["finished_at"] is None:
                    await self._resource(row, after)
        except FindingsError:  # the shop does not answer any more: nobody may seem to come in by what came so far
            await after.at_end(self.database)
            raise
        rows = await self._rows()
        # Also where nothing was left to pull, until a night has counted all: a run before may have been killed here.
        if any(clock.now() - row["finished_at"] < _NIGHT for row in rows):
            await after.at_end(self.database)
        return rows

    async def _rows(self) -> list[Mapping[str, Any]]:
        async with self.database.reading() as session:
            return await progress.of_store(session, self._name)

    async def _resource(self, row: Mapping[str, Any], after: Aftermath) -> None:
        cursor, taken, total = row["cursor"], row["taken"], row["total"]
        while cursor is not None:
            page = await self.shop.page(row["resource"], cursor)
            taken, total = taken + page.count, total if page.total is None else page.total
            await self._page(row, page, taken, total, after)
            cursor = page.next
            self.tell(row["resource"], taken, total)

    async def _page(self, row: Mapping[str, Any], page: Page, taken: int, total: int | None, after: Aftermath) -> None:
        moved: dict[str, Any] = {"taken": taken, "total": total, "cursor": page.next or {}}
        if page.next is None:
            # As good as when it began: what changed since is for the comparison of the night, webhooks or not.
            moved |= {"finished_at": clock.now(), "good_at": row["began_at"]}
        pieces = [page.things[at : at + _PIECE] for at in range(0, len(page.things), _PIECE)] or [()]
        for piece in pieces:
            await self._piece(row, piece, moved if piece is pieces[-1] else {}, after)

    async def _piece(
        self, row: Mapping[str, Any], things: Sequence[Thing], moved: Mapping[str, Any], after: Aftermath
    ) -> None:
        """All at once; if one of them cannot be taken, one by one, and that one goes where webhooks go that fail."""
        try:
            await self._take(row, things, moved, after)
        except (OperationalError, InterfaceError, OSError):
            raise  # the database is away: that is no thing's fault
        except Exception:
            log.exception("something of the shop cannot be taken", resource=row["resource"])
            for thing in things:
                try:
                    await self._take(row, [thing], {}, after)
                except (OperationalError, InterfaceError, OSError):
                    raise
                except Exception:
                    log.exception("left to the queue of webhooks", resource=row["resource"], id=thing.id[:100])
                    async with self.database.transaction() as session:
                        await news.put(session, self.shop, [thing], clock.now())
            await self._take(row, (), moved, after)

    async def _take(
        self, row: Mapping[str, Any], things: Sequence[Thing], moved: Mapping[str, Any], after: Aftermath
    ) -> None:
        now, shop = clock.now(), self.shop
        old = [one for one in things if one.changed is None or one.changed < row["began_at"]]
        new = [one for one in things if one.changed is not None and one.changed >= row["began_at"]]
        events = (inbox.events_of(shop.system, one.topic, news.body_of(one), shop.headers, now) for one in old)
        told = history.read(self.ground, self.store, events)
        async with self.database.transaction() as session:
            whose = await history.take(session, self.ground, self.store, told, now)
            await after.after_batch(session, whose, now)
            await news.put(session, shop, new, now)
            if moved:
                await progress.write(session, row, **moved)
