"""The replay: events, waits, the gate and the outbox as they run every day, only that the clock is ours."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import tiers
from automations.audiences.standings import Standings
from automations.backtest.past import Given, Past
from automations.care import Care
from automations.definition import versions
from automations.definition.flow_files import Flows
from automations.definition.versions import Versions
from automations.gate.marketing import Marketing
from automations.running.engine import Engine
from automations.running.on_event import OnEvent
from automations.running.starts import Starter
from automations.running.sweeps.runner import Sweeps
from bot.base import due
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.events import Applier, Happened
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import Outgoing, Receipt, Sender
from bot.shops import record, stores, worth
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message

_DUE = (table(Event), table(Enrolment), table(Message))
_ROUNDS = 10_000  # of one moment; more would be a circle
_HOUR = timedelta(hours=1)
_MANY = 200
_CHANNELS = ("email", "telegram", "webhook")

Progress = Callable[[datetime], None]


@dataclass
class Taker:
    """A channel that takes everything and sends nothing. `subjects` has what would have stood on top, by message."""

    now: Callable[[], datetime]
    subjects: dict[int, str] = field(default_factory=dict)
    ordered: bool = False
    exclusive: bool = False
    batch: int = 50
    claim: int = 200

    async def send(self, message: Outgoing) -> Receipt:
        self.subjects[message.id] = str(message.payload.get("subject") or message.payload.get("text") or "")
        return Receipt(self.now(), f"backtest-{message.id}")

    async def close(self) -> None:
        pass


@dataclass
class Replay:
    """One run over a copied past. `flows` start people from `since` on; events before it only fill carts and orders."""

    past: Past
    ground: Ground
    flows: Flows
    care: Care
    mails: MailTemplates
    since: datetime
    until: datetime
    progress: Progress = lambda _: None
    clock: datetime = field(init=False)
    taker: Taker = field(init=False)

    def now(self) -> datetime:
        return self.clock

    @property
    def database(self) -> Database:
        return self.past.database

    async def run(self) -> None:
        self.taker = Taker(self.now)
        self.clock = self.past.events.since
        async with self.database.transaction() as session:
            worker = await due.register(session, self.clock)
            await versions.publish(session, self.flows, self.clock)
            await tiers.publish(session, self.ground.config, self.clock)
        standings = Standings(self.ground.config)
        await standings.recount(self.database, self.clock)  # what is known now counts orders that are still to come
        known = Versions()
        on_event = OnEvent(self.ground, self.flows, self.care, known)
        gate = Marketing(self.ground, self.mails, self.care, known)
        self._engine = Engine(self.database, self.ground, worker, known, self.care)
        senders: dict[str, Sender] = dict.fromkeys(_CHANNELS, self.taker)
        self._outbox = Outbox(self.database, senders, {"marketing": gate}, worker, now=self.now)
        self._applier = Applier(
            self.database, [standings.behind(self._shop), partial(self._from_since, on_event)], worker,
            secret=self.ground.secret, settle=stores.settle, now=self.now,
        )  # fmt: skip
        starter = Starter(self.ground, self.care, known, self.flows.definitions)
        self._sweeps = Sweeps(self.database, starter, self.flows)
        await self._move()

    async def _shop(self, session: AsyncSession, happened: Happened, now: datetime) -> object:
        own = self.ground.config.shop
        return await record.apply(session, happened, now, currency=own.currency, rates=worth.rates(own))

    async def _from_since(self, on_event: OnEvent, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.received_at >= self.since:
            await on_event(session, happened, now)

    async def _move(self) -> None:
        given = deque(self.past.given)
        coming = aiter(self.past.events)
        event = await anext(coming, None)
        sweep = self.since.replace(minute=2, second=0, microsecond=0) + _HOUR
        while True:
            moments = [sweep, await self._soonest(), given[0].at if given else None, event.at if event else None]
            after = min(at for at in moments if at is not None)
            if after >= self.until:
                return
            self.clock = max(self.clock, after)
            self.progress(self.clock)
            known = []
            while given and given[0].at <= self.clock:
                known.append(given.popleft())
            # Before the window nothing but carts and orders can happen: events may come many at a time.
            while event and (event.at <= self.clock or (self.clock < self.since > event.at and len(known) < _MANY)):
                known.append(event)
                self.clock = max(self.clock, event.at)
                event = await anext(coming, None)
            await self._give(known)
            if sweep <= self.clock:
                await self._sweeps.run(self.clock)
                sweep += _HOUR
            await self._settle()

    async def _settle(self) -> None:
        """Do what is due at this moment until nothing is, events first: an order ends what was about to leave."""
        for _ in range(_ROUNDS):
            if await self._applier.apply_due():
                continue
            if await self._engine.move_due(self.clock):
                continue
            if not sum([await self._outbox.deliver_due(channel) for channel in _CHANNELS]):
                return
        raise RuntimeError(f"the replay does not come to rest at {self.clock}")

    async def _give(self, known: Sequence[Given]) -> None:
        async with self.database.transaction() as session:
            for one in known:
                await session.execute(sa.insert(one.rows).prefix_with("OR IGNORE"), [dict(one.values)])

    async def _soonest(self) -> datetime | None:
        async with self.database.reading() as session:
            found: list[Any] = [await due.next_due(session, rows) for rows in _DUE]
        return min((at for at in found if at is not None), default=None)
