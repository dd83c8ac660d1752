"""What the lines of `schedule.TABLE` do, a method for each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from automations.audiences import rfm
from automations.audiences.standings import Standings
from automations.consent import held_sign_ups, opt_in
from automations.experiments import looks
from automations.experiments.outcomes import Window
from automations.running import publishing
from automations.running.sweeps.runner import Sweeps
from bot.base import clock, logs
from bot.base.errors import FindingsError
from bot.contacts import retention
from bot.house import House
from bot.inbound.files.aftermath import Aftermath
from bot.inbound.shops import alarm, comparing, hooks, progress
from bot.inbound.shops.opening import connected, make_sure, opened, source_of
from bot.inbound.telegram import inbox
from bot.outbound import outbox
from bot.shops import adoption, prices, troubles, unconfirmed
from bot.support.escalation import burn_alarm, file_alarm, queue_alarm, template_alarm
from bot.support.feedback import complaints
from bot.support.newcomers import waiting
from bot.support.self_service import codes

log = logs.get(__name__)


@dataclass(frozen=True)
class Jobs:
    house: House

    def table(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """By the names of their lines."""
        return {
            "queue delay": self.look_at_queue,
            "goals": self.look_at_goals,
            "flow files": self.look_at_flows,
            "segment files": self.look_at_segment_files,
            "mail templates": self.look_at_mail_templates,
            "other files": self.look_at_other_files,
            "files to mend": self.tell_of_files,
            "sweeps": self.sweep,
            "segments": self.look_at_segments,
            "goods of files": self.name_goods,
            "standings": self.count_all,
            "held sign-ups": self.mail_held_sign_ups,
            "merged customers": self.count_merged,
            "complaints": self.end_complaints,
            "new senders": self.let_in_senders,
            "staff groups": self.look_at_groups,
            "costly templates": self.look_at_templates,
            "experiments": self.look_at_experiments,
            "shop": self.compare_shops,
            "retention": self.keep_no_longer,
            "old updates": self.forget_old,
        }

    async def look_at_queue(self) -> None:
        async with self.house.database.transaction() as session:
            await queue_alarm.look(session, self.house.desk, clock.now())

    async def look_at_goals(self) -> None:
        now, desk = clock.now(), self.house.desk
        async with self.house.database.reading() as session:
            found = await burn_alarm.look(session, desk, now)
        for one in found:
            async with self.house.database.transaction() as session:
                await burn_alarm.alarm(session, desk, one, now)

    async def look_at_flows(self) -> None:
        house, watch = self.house, self.house.files.flows
        found = await asyncio.to_thread(watch.look)
        if found is not None:
            await house.look_first(found)
            async with house.database.transaction() as session:
                await publishing.publish(session, house.ground, found, clock.now())
            watch.taken()
            house.files.templates.look_again()
            log.info("changed flows are in use", flows=sorted(found.by_name))

    async def look_at_segment_files(self) -> None:
        await self.house.files.segments.take_changes()
        await self.house.members.confirm(self.house.database)
        await self.house.files.keep(self.house.database)

    async def look_at_mail_templates(self) -> None:
        """What waited for the mend of a template leaves."""
        files = self.house.files
        if await asyncio.to_thread(files.templates.look):
            await files.keep(self.house.database)
            async with self.house.database.transaction() as session:
                await outbox.ask_again(session, None, outbox.UNWRITTEN, clock.now())

    async def look_at_other_files(self) -> None:
        """What waited for the mend of a message for chats leaves."""
        if await self.house.files.take_texts():
            await self.house.files.keep(self.house.database)
            async with self.house.database.transaction() as session:
                await outbox.ask_again(session, None, outbox.UNWRITTEN, clock.now())

    async def tell_of_files(self) -> None:
        house = self.house
        await asyncio.to_thread(house.files.look_at_broadcasts)
        async with house.database.reading() as session:  # no writer waits for what is nearly always the same
            if not await file_alarm.is_news(session, house.files.wrong):
                return
        async with house.database.transaction() as session:
            await file_alarm.found(session, house.desk, house.files.wrong, clock.now())

    async def sweep(self) -> None:
        await Sweeps(self.house.database, self.house.starter, self.house.flows).run()

    async def look_at_segments(self) -> None:
        await self.house.files.segments.take_changes()
        await self.house.members.refresh(self.house.database)

    async def count_all(self) -> None:
        await self._aftermath.night(self.house.database)

    async def count_merged(self) -> None:
        async with self.house.database.reading() as session:
            first = await rfm.kept(session) is None
        if first:
            await self._aftermath.night(self.house.database)
        await Standings(self.house.config).catch_up(self.house.database)

    @property
    def _aftermath(self) -> Aftermath:
        return Aftermath(self.house.config, Standings(self.house.config), self.house.members)

    async def mail_held_sign_ups(self) -> None:
        await held_sign_ups.run(self.house.database, self.house.ground, self.house.mails, clock.now())

    async def end_complaints(self) -> None:
        whole = True
        while whole:
            async with self.house.database.transaction() as session:
                whole = await complaints.end_unconfirmed(session, self.house.desk, clock.now())

    async def let_in_senders(self) -> None:
        database, desk, now = self.house.database, self.house.desk, clock.now()
        async with database.reading() as session:
            due = await waiting.due(session, desk, now)
        for row_id in due:
            async with database.transaction() as session:
                await waiting.let_in(session, desk, row_id, waiting.CLOCK, now, spam=False)

    async def look_at_groups(self) -> None:
        if self.house.telegram is not None:
            from bot.inbound.telegram.group_health import GroupHealth  # noqa: PLC0415 - imports aiogram

            await GroupHealth(self.house.database, self.house.telegram, self.house.desk).look()

    async def look_at_templates(self) -> None:
        async with self.house.database.transaction() as session:
            await template_alarm.look(session, self.house.desk, clock.now())

    async def look_at_experiments(self) -> None:
        config = self.house.config
        window = Window(config.automations.attribution_window, config.shop.currency)
        async with self.house.database.transaction() as session:
            await looks.take(session, window, clock.now())

    async def compare_shops(self) -> None:
        """One that does not answer, or refuses us, keeps no other from being compared, and is told."""
        database, config = self.house.database, self.house.config
        for system in connected(config):
            store = config.shops.of_source(source_of(config, system))
            try:
                await self._compare_shop(system, store)
            except FindingsError as error:
                log.error("a shop could not be compared", system=system, reason=str(error))
                await alarm.remember(database, system, store, error, clock.now())
        async with database.transaction() as session:
            await alarm.look(session, self.house.desk, clock.now())

    async def _compare_shop(self, system: str, store: str) -> None:
        house = self.house
        async with house.database.reading() as session:
            rows = await progress.of_store(session, house.config.shops.pull_of(source_of(house.config, system)))
            known = await troubles.of_store(session, store)
        in_trouble = any(one.kind in alarm.ENDED_BY_AN_ANSWER for one in known)
        due = comparing.is_due(rows, clock.now(), house.desk.timezone)
        if not due and not in_trouble:
            return
        async with opened(house.config, system) as shop:
            if due:
                await comparing.compare(house.database, house.ground, shop)
            else:
                await make_sure(house.config, shop)
            await hooks.warn_of_missing(shop, house.config.web.url)
        async with house.database.transaction() as session:
            await alarm.answered(session, house.desk, store, clock.now())

    async def keep_no_longer(self) -> None:
        await retention.run(self.house.database, self.house.config, clock.now())

    async def name_goods(self) -> None:
        await adoption.name_lines(self.house.database)

    async def forget_old(self) -> None:
        async with self.house.database.transaction() as session:
            await inbox.forget(session, clock.now())
            await codes.forget(session, clock.now())
            await opt_in.forget(session, clock.now())
            await prices.forget(session, clock.now())
            await unconfirmed.forget(session, clock.now())
