"""Each event once: credit the order, stop flows, start flows. Runs behind the shop's record of carts and orders."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations import attribution
from automations.asking import conditions, facts, matter
from automations.care import Care
from automations.consent import leaving, signing_up
from automations.definition.flow import Flow
from automations.definition.flow_files import Flows
from automations.definition.versions import Version, Versions
from automations.running import exits, heard, starts, waits
from automations.running.heard import HISTORY
from automations.running.pace import Pace
from automations.running.starts import Cause, Starter
from automations.running.sweeps import runner as sweeps
from bot import contacts
from bot.base import logs, work
from bot.base.database import table
from bot.base.ground import Ground
from bot.contacts import zones
from bot.events import Happened
from bot.tables.automations import Enrolment
from bot.tables.events import Event

log = logs.get(__name__)

_LOOK_AT_VERSIONS = timedelta(minutes=1)
_CLAIMANTS = 100
"""Browsers of one person that are looked at: strangers make any number, and the shop must not wait."""
_rows = table(Enrolment)
_events = table(Event)
_LEAVES = {"Unsubscribed": "unsubscribed", "Email Marked As Spam": "complaint"}


class OnEvent:
    """The handler. It comes after the shop's own, which brings carts and orders up to date."""

    def __init__(self, ground: Ground, flows: Flows, care: Care, versions: Versions | None = None) -> None:
        self.ground = ground
        self._all = flows
        self.care = care
        self.versions = versions or Versions()
        self.starter = Starter(ground, care, self.versions, flows.definitions)
        self.pace = Pace()
        self._ending: frozenset[str] = frozenset()
        self._waking: frozenset[str] = frozenset()
        self._looked_at: datetime | None = None

    @property
    def flows(self) -> list[Flow]:
        """Those that are switched on, as the files stand now."""
        return [flow for flow in self._all if flow.enabled]

    async def __call__(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.contact_id is None:
            return
        if happened.kind in ("identify", "alias"):
            await self._identified(session, happened, now)
            return
        if happened.name.startswith("Order "):
            await attribution.follow(session, self.ground, happened, now)
        if happened.name in _LEAVES:
            await self._unsubscribed(session, happened, now)
        elif happened.name == "Order Delivered":
            await self._delivered(session, happened, now)
        await self._look_at_versions(session, now)
        if happened.name in self._ending:
            await self._stop(session, happened, now)
            if happened.rank == "shop":
                await self._stop_claimants(session, happened, now)
        if happened.name in self._waking:
            event = {"id": happened.id, "name": happened.name, "ts": happened.ts,
                     "properties": matter.named(happened.properties, happened.store),
                     "late": happened.received_at - happened.ts}  # fmt: skip
            await self._wake(session, happened.contact_id, [event], now)
        await self._start(session, happened, now)

    async def hinted(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """What only ends something, and only for the browser that says so: nothing begins, nothing is counted."""
        if happened.contact_id is None:
            return
        await self._look_at_versions(session, now)
        if happened.name == "Unsubscribed":
            if not await contacts.is_proven(session, happened.contact_id):
                await self._unsubscribed(session, happened, now)
        elif happened.name in self._ending:
            await self._stop(session, happened, now)

    async def _look_at_versions(self, session: AsyncSession, now: datetime) -> None:
        """Names of events that end a flow or are waited for in one, older versions with people inside included."""
        if self._looked_at is None or now > self._looked_at + _LOOK_AT_VERSIONS:
            running = await self.versions.running(session)
            known = [*self.flows, *(version.flow for version in running.values() if version.flow)]
            self._ending = frozenset(name for flow in known for name in (*flow.exit.events, *flow.exit.look))
            self._waking = frozenset(
                name for flow in known for step in flow.steps if step.wait_for for name in step.wait_for.events
            )
            self._looked_at = now

    async def _open(
        self, session: AsyncSession, contact_id: int, *, lock: bool = False
    ) -> tuple[Sequence[Mapping[str, Any]], dict[int, Version]]:
        """Who is in what. With `lock` nobody moves them before this transaction ends, and whoever is moving them now
        is waited for.
        """
        mine = sa.select(_rows).where(_rows.c.contact_id == contact_id, _rows.c.status == "active").order_by(_rows.c.id)
        mine = mine.with_for_update(key_share=True) if lock else mine
        rows = [dict(row) for row in (await session.execute(mine)).mappings()]
        return rows, await self.versions.find(session, {row["version_id"] for row in rows})

    async def _stop_claimants(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """The shop tells it of a person: reminders of browsers that say they are theirs end too."""
        assert happened.contact_id is not None
        inside = sa.exists().where(_rows.c.contact_id == contacts.claimant, _rows.c.status == "active")
        for browser in await contacts.claimants(session, happened.contact_id, inside, most=_CLAIMANTS):
            await self._stop(session, dataclasses.replace(happened, contact_id=browser), now)

    async def _stop(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """The goal came: close what it closes at once, without waiting for the next mail."""
        assert happened.contact_id is not None
        rows, known = await self._open(session, happened.contact_id)
        said = matter.named(happened.properties, happened.store)
        ended, asking = [], []
        for row in rows:
            flow = _flow(known, row)
            if flow and exits.ends(flow, row, happened.name, happened.ts, said):
                ended.append(row["id"])
            elif flow and happened.name in flow.exit.look:
                asking.append((row, flow))
        await exits.leave(session, ended, "goal", now, happened.id)
        if asking:
            await self._ask(session, asking, happened, now)

    async def _wake(
        self, session: AsyncSession, contact_id: int, events: Sequence[Mapping[str, Any]], now: datetime
    ) -> None:
        """What somebody waits for has come. If the engine is just bringing them to where they wait, they are looked at
        there; and if we are first, the engine finds the event.
        """
        rows, known = await self._open(session, contact_id, lock=True)
        for row in rows:
            flow = _flow(known, row)
            step = flow.step(row["step_id"]) if flow else None
            if step is None or step.wait_for is None or step.id in (row["context"].get("heard") or {}):
                continue
            event_id = heard.first(step.wait_for, row, row["step_entered_at"], events)
            if event_id is not None:
                woken = {"context": heard.taken(row["context"], step.id, event_id), "due_at": now}
                await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(woken))
                work.kick(session, "enrolments")

    async def _ask(
        self, session: AsyncSession, asking: Sequence[tuple[Mapping[str, Any], Flow]], happened: Happened, now: datetime
    ) -> None:
        """Events that may or may not end a flow: a refund does if nothing of the order is left."""
        assert happened.contact_id is not None
        needed = {need for _, flow in asking for need in conditions.needs(flow.exit.when)}
        person = (await facts.load(session, [happened.contact_id], needed, now))[happened.contact_id]
        for row, flow in asking:
            case = matter.Case(flow.name, row["anchor_ts"], row["context"], now, care=self.care)
            for text in flow.exit.when:
                question = conditions.parse(text)
                if question.holds(person, case):
                    await exits.leave(session, [row["id"]], question.condition.name, now, happened.id)
                    break

    async def _unsubscribed(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """Flows of that topic end, others go on; coming back later does not revive them. A complaint ends all."""
        assert happened.contact_id is not None
        rows, known = await self._open(session, happened.contact_id)
        inside = [(row, flow) for row in rows if (flow := _flow(known, row))]
        mine = await leaving.ended(session, self.ground.secret, happened, inside)
        await exits.leave(session, mine, _LEAVES[happened.name], now, happened.id)

    async def _delivered(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """The parcel arrived: waits that were counted from a guess are counted from it."""
        assert happened.contact_id is not None
        said = matter.named(happened.properties, happened.store)
        rows, known = await self._open(session, happened.contact_id, lock=True)
        for row in rows:
            flow = _flow(known, row)
            step = flow.for_variant(row["variant"]).step(row["step_id"]) if flow else None
            if flow is None or not matter.same(said, row["context"], "order_id"):
                continue
            context = {**row["context"], "delivered_at": happened.ts.isoformat()}
            changed: dict[str, Any] = {"context": context}
            if step is not None and step.wait is not None and step.wait.since in waits.FROM_DELIVERY:
                person = (await facts.load(session, [happened.contact_id], set(), now))[happened.contact_id]
                zone = zones.local(self.ground.config, person.contact).zone
                due = waits.end(step.wait, row["step_entered_at"], zone, context)
                changed |= {"due_at": due, "planned_at": due}
                work.kick(session, "enrolments")
            await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(changed))

    async def _start(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        assert happened.contact_id is not None
        wanting = [flow for flow in self.flows if happened.name in flow.trigger.events]
        if not wanting or happened.received_at - happened.ts > HISTORY:
            return
        if happened.source != "aftercart" and self.pace.is_machine(happened, now):
            return
        context = starts.context_of(happened.properties, happened.store)
        if signing_up.welcomes(happened, double_opt_in=self.ground.config.automations.double_opt_in):
            context["welcome"] = True
        cause = Cause(happened.contact_id, happened.ts, happened.id, context)
        await self._consider(session, wanting, cause, now)

    async def _consider(self, session: AsyncSession, wanting: Sequence[Flow], cause: Cause, now: datetime) -> None:
        # What each flow asks is loaded when it asks: most look at something and want nobody.
        person = (await facts.load(session, [cause.contact_id], (), now)).get(cause.contact_id)
        if person is None or person.contact["status"] != "active":
            return
        for flow in sorted(wanting, key=lambda flow: flow.rank):
            await self.starter.consider(session, flow, person, cause, now)

    async def _identified(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """Somebody got a name: what they did without one in the last 24 hours counts now.

        And a birthday may have been learned on the day itself.
        """
        assert happened.contact_id is not None
        await self._look_at_versions(session, now)
        since = now - HISTORY
        awaited = (await heard.find(session, [happened.contact_id], self._waking, since)).get(happened.contact_id)
        if awaited:
            await self._wake(session, happened.contact_id, awaited, now)
        names = {name for flow in self.flows for name in flow.trigger.events}
        recent = (
            sa.select(_events.c.id, _events.c.name, _events.c.ts, _events.c.store, _events.c.body)
            .where(_events.c.contact_id == happened.contact_id, _events.c.name.in_(sorted(names)))
            .where(_events.c.ts > now - HISTORY, _events.c.ts <= now + matter.SKEW, _events.c.status != "hint")
            .order_by(_events.c.ts.desc(), _events.c.id.desc())
            .limit(50)
        )
        found = (await session.execute(recent)).all()
        for flow in sorted(self.flows, key=lambda flow: flow.rank):
            newest = next((row for row in found if row.name in flow.trigger.events), None)
            if newest is not None:
                context = starts.context_of(newest.body.get("properties") or {}, newest.store)
                cause = Cause(happened.contact_id, newest.ts, newest.id, context)
                await self._consider(session, [flow], cause, now)
            elif flow.trigger.sweep:
                await sweeps.learned(session, self.starter, flow, happened.contact_id, now)


def _flow(known: Mapping[int, Version], row: Mapping[str, Any]) -> Flow | None:
    version = known.get(row["version_id"])
    return version.flow if version else None
