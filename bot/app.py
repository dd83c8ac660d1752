"""Builds every part once and joins them: the only file that knows them all."""

import asyncio
import gc
import itertools
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute

from automations.audiences import tiers
from automations.audiences.standings import Standings
from automations.broadcasts.going import Broadcasts
from automations.consent import opt_in
from automations.consent.new_sign_ups import NewSignUps
from automations.consent.signing_up import OnSubscribed
from automations.definition.versions import Versions
from automations.gate.marketing import Marketing
from automations.running import publishing
from automations.running.engine import Engine as Enrolments
from automations.running.on_catalogue import OnCatalogue
from automations.running.on_event import OnEvent
from automations.running.shelves import Shelves
from bot import schedule, start
from bot.base import clock, logs, work, worker
from bot.base.config import Config
from bot.base.database import Database
from bot.base.errors import Finding, FindingsError
from bot.base.ground import Ground
from bot.events import Applier, Ingest
from bot.events.apply import Handler
from bot.house import House
from bot.inbound.mailbox import setup as mailbox
from bot.inbound.mailbox.reading import Reading
from bot.inbound.mailbox.taking import Taking
from bot.inbound.telegram import inbox, webhook
from bot.inbound.web import (
    api,
    aside_api,
    broadcasts_api,
    each_request,
    events_api,
    health,
    links,
    metrics,
    page_scripts,
    preferences,
    privacy_api,
    ratings,
    segments_api,
    server,
    shop_webhooks,
    sign_up,
    surveys,
)
from bot.inbound.web.connections import Limits
from bot.inbound.web.pages import Pages
from bot.jobs import Jobs
from bot.outbound import held, practice, staff_group
from bot.outbound.email.sender import EmailSender
from bot.outbound.outbox import Outbox
from bot.outbound.sender import Sender
from bot.own_files import OwnFiles
from bot.shops import inbox as webhooks
from bot.shops import record, stores, worth
from bot.support import stages
from bot.support.desk import Desk
from bot.support.escalation.timers import Timers
from bot.support.privacy.requested import Requests
from bot.support.routing.rounds import Rounds
from bot.support.tickets.tasks import Tasks
from bot.support.tickets.waking import Waking

if TYPE_CHECKING:
    from aiogram import Bot

log = logs.get(__name__)

PARTS = frozenset({"web", "telegram", "mailbox", "work"})
"""What runs when nothing is named, as far as it is configured."""

_LANDING = 10.0  # seconds that messages on their way have when the program stops

_Part = Callable[[], Coroutine[Any, Any, Any]]
"""Runs until the program stops."""


class App:
    def __init__(self, config: Config) -> None:
        self.config = config

    async def run(self, only: set[str], stop: asyncio.Event) -> None:
        """Run these parts (none named: all) until `stop` is set or one of them fails. Raises FindingsError."""
        needed = {"telegram": ("telegram.token", self.config.telegram.token),
                  "mailbox": ("mailbox.imap_url", self.config.mailbox.imap_url)}  # fmt: skip
        for part, (key, value) in needed.items():
            if part in only and not value:
                raise FindingsError(Finding(f"not set, and --only {part} asks for it", key=key))
        if wrong := mailbox.missing(self.config):
            raise FindingsError(*wrong)
        parts = only or PARTS - {part for part, (_, value) in needed.items() if not value}
        for key in self.config.off():
            log.warning(f"off until it is set: {key}")
        async with AsyncExitStack() as stack:
            database, ground = await stack.enter_async_context(start.ready(self.config))
            await _say_what_is_held(database)
            engine = _engine(database)
            house = await self._build(stack, database, ground, parts)
            running = await self._start(stack, house, engine, parts, stop)
            gc.collect()
            gc.freeze()  # what stays for ever is not looked through again: all loops would stand still meanwhile
            log.info("running", parts=sorted(parts), url=self.config.web.url if "web" in parts else None)
            await _until_stopped(running, stop)
        log.info("stopped")

    async def _build(
        self, stack: AsyncExitStack, database: Database, ground: Ground, parts: set[str] | frozenset[str]
    ) -> House:
        files = await OwnFiles.open(self.config, database, ground.texts)
        return House(
            database=database,
            ground=ground,
            worker=await stack.enter_async_context(worker.working(database)),
            desk=Desk(
                ground,
                files.texts.answers,
                files.texts.calendars[""],
                mails=files.mails,
                macros=files.texts.macros,
                drills=files.texts.drills,
                calendars=files.texts.calendars,
            ),
            files=files,
            care=files.texts.care,
            versions=Versions(),
            telegram=await _telegram(stack, self.config) if parts & {"telegram", "work"} else None,
        )

    async def _start(
        self,
        stack: AsyncExitStack,
        house: House,
        engine: work.Engine,
        parts: set[str] | frozenset[str],
        stop: asyncio.Event,
    ) -> list[_Part]:
        running: list[_Part] = []
        if "web" in parts:
            listening = stack.enter_context(server.listen(self.config.web.host, self.config.web.port))
            limits = Limits.of(self.config.web.limits, self.config.web.trusted_proxies)
            running.append(partial(server.serve, await _web(stack, house), listening, stop, limits))
            if "work" not in parts:
                running.append(partial(house.files.follow, stop))
        if "work" in parts:
            await house.files.keep(house.database)
            house.files.segments.before = house.look_before
            await house.look_first(house.flows)
            async with house.database.transaction() as session:
                await publishing.publish(session, house.ground, house.flows, clock.now())
                await tiers.publish(session, self.config, clock.now())
            jobs = Jobs(house).table()
            here = [] if house.database.is_sqlite else [line for line in schedule.TABLE if line.in_each]
            for line in schedule.TABLE:
                if line not in here:
                    engine.every(line.cron, line.name, jobs[line.name])
            if here:
                running.append(partial(schedule.repeat_here, here, jobs, stop))
            running.append(partial(engine.serve, await _kinds(stack, house), stop))
        if "mailbox" in parts:
            running.append(partial(Reading(house.database, self.config.mailbox, house.worker).read, stop))
        if "telegram" in parts and house.telegram is not None:
            running.append(partial(_take_updates, house, house.telegram, stop))
        return running or [stop.wait]


async def _say_what_is_held(database: Database) -> None:
    async with database.reading() as session:
        waiting = await held.held(session)
    if waiting:
        log.warning("held since a backup was restored: see `aftercart held list`, then `held release`", **waiting)


def _engine(database: Database) -> work.Engine:
    if database.is_sqlite:
        return schedule.InProcess(database)
    from bot.base.work_postgres import OnPostgres  # noqa: PLC0415 - pgqueuer comes with PostgreSQL only

    return OnPostgres(database)


async def _telegram(stack: AsyncExitStack, config: Config) -> "Bot | None":
    if not config.telegram.token:
        return None
    # aiogram takes seconds to import and 150 MB: only a process that talks to Telegram does.
    from bot.outbound import telegram_bot  # noqa: PLC0415
    from bot.outbound.telegram_limits import Limits  # noqa: PLC0415

    limits = Limits(
        per_second=config.telegram.messages_per_second, group_per_minute=config.telegram.group_messages_per_minute
    )
    bot = telegram_bot.connect(config.telegram.token.get_secret_value(), config.telegram.api_base, limits)
    stack.push_async_callback(bot.session.close)
    return bot


async def _kinds(stack: AsyncExitStack, house: House) -> list[work.Kind]:
    """Every kind of due rows, with the decisions that run on them."""
    own = house.config.shop
    shop = partial(record.apply, currency=own.currency, rates=worth.rates(own))
    counted = Standings(house.config).behind(shop)
    catalogue = OnCatalogue(house.ground, house.flows)
    subscribed = OnSubscribed(house.ground, house.mails)
    on_event = OnEvent(house.ground, house.flows, house.care, house.versions)
    handlers: list[Handler] = [
        counted,
        house.members.on_event,
        catalogue,
        subscribed,
        on_event,
        Tasks(house.desk),
    ]
    keep_orders = house.config.events.page_orders == "new"
    hinted = partial(record.hinted, currency=own.currency, keep_orders=keep_orders)
    hints: list[Handler] = [hinted, catalogue.hinted, subscribed, on_event.hinted]
    senders = _senders(house)
    for sender in senders.values():
        stack.push_async_callback(sender.close)
    asked = {
        **stages.stages(house.desk),
        "marketing": Marketing(
            house.ground, house.mails, house.care, house.versions, chats=house.files.texts.chats, channels=senders
        ),
        opt_in.PURPOSE: opt_in.Mails(house.ground),
    }
    outbox = Outbox(house.database, senders, asked, house.worker)
    stack.push_async_callback(outbox.landed, _LANDING)
    secret, double_opt_in = house.ground.secret, house.config.automations.double_opt_in
    kinds = [
        webhooks.Inbox(
            house.database,
            house.worker,
            shops=house.config.shops,
            zone=house.desk.timezone,
            country=house.config.shop.own_country,
        ).kind(),
        Applier(
            house.database,
            handlers,
            house.worker,
            hints=hints,
            secret=secret,
            double_opt_in=double_opt_in,
            settle=stores.settle,
            zone=house.desk.timezone,
        ).kind(),
        NewSignUps(house.database, house.ground, house.mails).kind(),
        Shelves(house.database, house.flows, house.worker).kind(),
        Enrolments(house.database, house.ground, house.worker, house.versions, house.care).kind(),
        Broadcasts(
            house.database, house.ground, house.segments, house.worker, reload=house.files.segments.take_changes
        ).kind(),
        Timers(house.database, house.desk, house.worker).kind(),
        Waking(house.database, house.desk, house.worker).kind(),
        Rounds(house.database, house.desk).kind(),
        Requests(house.database, house.desk, house.worker).kind(),
        Taking(house.database, house.desk, house.worker).kind(),
        *outbox.kinds(),
    ]
    if house.telegram is not None:
        from bot.inbound.telegram.each_update import EachUpdate  # noqa: PLC0415 - imports aiogram

        kinds.append(
            inbox.Inbox(house.database, EachUpdate(house.database, house.telegram, house.desk), house.worker).kind()
        )
    return kinds


def _senders(house: House) -> dict[str, Sender]:
    senders: dict[str, Sender] = {practice.CHANNEL: practice.PracticeSender()}
    if house.config.mail.server is not None:
        senders["email"] = EmailSender(house.ground)
    if house.config.automations.webhooks:
        from bot.outbound import webhook as webhook_sender  # noqa: PLC0415 - imports aiohttp

        senders[webhook_sender.CHANNEL] = webhook_sender.WebhookSender(house.config.automations.webhooks)
    if house.telegram is not None:
        from bot.outbound.staff_topics import StaffTopicSender  # noqa: PLC0415 - imports aiogram
        from bot.outbound.telegram import TelegramSender  # noqa: PLC0415

        senders["telegram"] = TelegramSender(house.database, house.telegram)
        senders["staff_topic"] = StaffTopicSender(house.database, house.telegram, house.ground, house.worker)
    return senders


async def _take_updates(house: House, bot: "Bot", stop: asyncio.Event) -> None:
    from aiogram.exceptions import AiogramError  # noqa: PLC0415 - imports aiogram

    from bot.inbound.telegram import setup  # noqa: PLC0415
    from bot.inbound.telegram.each_update import EachUpdate  # noqa: PLC0415
    from bot.inbound.telegram.polling import Polling  # noqa: PLC0415

    config = house.config
    kinds = EachUpdate(house.database, bot, house.desk).kinds
    async with house.database.reading() as session:
        groups = await staff_group.every(session, config)
    await setup.set_commands(bot, house.ground.texts, groups)
    if config.telegram.mode == "polling":
        await Polling(house.database, bot, house.worker, kinds).poll(stop)
        return
    assert config.telegram.webhook_secret is not None
    secret = config.telegram.webhook_secret.get_secret_value()
    for pause in itertools.chain((1, 2, 4, 8, 16, 32), itertools.repeat(60)):
        try:
            await setup.announce_webhook(bot, config.web.url, secret, kinds)
            break
        except AiogramError as error:  # the one set before still holds: updates come in meanwhile
            log.warning("the webhook is not announced, will try again", reason=logs.clean(str(error))[:200])
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
            return
    await stop.wait()


async def _web(stack: AsyncExitStack, house: House) -> FastAPI:
    """The application of all doors that the world knocks at. The events API goes last: it answers below any prefix."""
    ingest = Ingest(house.database)
    ingest.start()
    stack.push_async_callback(ingest.close)
    config, pages = house.config, Pages(house.ground, house.files.texts.pages)
    doors: list[APIRouter | Sequence[BaseRoute]] = [
        health.routes(house.database, config.event_keys, config),
        metrics.routes(house.database),
        api.routes(house.database, house.ground),
        aside_api.routes(house.database, house.ground),
        segments_api.routes(house.database, house.ground, house.segments),
        broadcasts_api.routes(house.database, house.ground, house.segments),
        privacy_api.routes(house.database, house.desk),
        links.routes(house.database, house.ground, pages),
        preferences.routes(house.database, house.ground, pages),
        sign_up.routes(house.database, house.ground, pages),
        ratings.routes(house.database, house.desk, pages),
        surveys.routes(house.database, house.desk, pages),
        page_scripts.routes(config.events.analytics_js),
        shop_webhooks.routes(
            house.database,
            shopify=config.shops.shopify.signing,
            woocommerce=config.shops.woocommerce.secrets,
            declared=[source for one in config.shops.stores for source in one.sources],
        ),
    ]
    if config.telegram.token and config.telegram.webhook_secret and config.telegram.mode == "webhook":
        doors.append(webhook.routes(house.database, config.telegram.webhook_secret.get_secret_value()))
    secret = _value(config.events.identity_secret)
    doors.append(events_api.routes(ingest, config.event_keys, config.shop.hosts, secret, config.web.public_url))
    return each_request.build(doors, trusted_proxies=config.web.trusted_proxies)


def _value(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


async def _until_stopped(running: list[_Part], stop: asyncio.Event) -> None:
    """Until `stop`, or until one part ends: then the others are stopped too. Raises what that part raised."""
    tasks = {asyncio.create_task(one()) for one in running}
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait(tasks | {stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await stopping
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
