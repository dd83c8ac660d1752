"""What stands between a configuration and a working program: files first, then whoever must answer."""

import asyncio
import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib
import sqlalchemy as sa
from rapidfuzz import fuzz, process

from automations import care
from automations.audiences import segment_files
from automations.broadcasts import broadcast_files
from automations.definition import flow_files, names, triggers
from automations.subjects.wordings import Wordings
from bot import migrations
from bot.base import clock, logs, page_files, paths, private, texts
from bot.base.config import Config, SmtpServer
from bot.base.database import Database, table
from bot.base.errors import Finding, FindingsError, with_mend
from bot.base.texts import Texts
from bot.base.toml_source import Source
from bot.events import leaked
from bot.inbound.mailbox import setup as mailbox
from bot.inbound.shops import hooks, opening
from bot.inbound.web import page_scripts
from bot.outbound import costly_templates
from bot.outbound.email.templates import MailTemplates
from bot.outbound.previews import Previews
from bot.shops import parting, stores, troubles
from bot.support import answers, hours, macros, scripts
from bot.support.escalation import file_alarm, leads
from bot.tables.events import Event

_ANSWER_WITHIN = 10.0
_HERE = ("127.0.0.1", "::1", "localhost")


async def everything(config: Config) -> list[Finding]:
    """Findings of every part; a part that cannot be read hides only itself."""
    findings = files(config) + mailbox.missing(config)
    if config.telegram.token:
        # It takes seconds to import: before the others' patience starts to run.
        importlib.import_module("bot.inbound.telegram.setup")
    connections = (_database(config), _relay(config), _mailbox(config), _telegram(config), shops(config))
    for found in await asyncio.gather(*connections):
        findings += found
    return findings


def files(config: Config) -> list[Finding]:
    folders = texts.folders(config.templates.folder)
    mails = MailTemplates(folders, config.shop.language)
    flows, words = flow_files.folders(config), Wordings(mails.folders)
    findings: list[Finding] = []
    for part in (
        lambda: Texts(folders),
        lambda: flow_files.load(flows, flow_files.around(config, mails.names(), words)),
        lambda: segment_files.load(config),
        lambda: broadcast_files.load(config, broadcast_files.around(config, mails.names(), words)),
        lambda: care.load(folders),
        lambda: _pages(folders),
        lambda: answers.load(folders),
        lambda: macros.load(folders),
        lambda: scripts.load(folders),
        lambda: _hours(config),
    ):
        findings += _of(part)
    if config.templates.folder and not config.templates.folder.is_dir():
        findings.append(Finding("this folder does not exist", config.source, key="templates.folder"))
    findings += _no_client(config)
    findings += _nobody_asked(config) + _old_keys(config) + _open_to_others(config)
    findings += mails_of_nobody(config)
    with Previews() as previews:
        return findings + mails.lint(look=previews.lint) + previews.lint_chats(folders, config.shop.language)


def _pages(folders: Sequence[Path]) -> None:
    if wrong := page_files.sound(folders)[1]:
        raise FindingsError(*wrong)


def _hours(config: Config) -> None:
    """Every file with holidays that is wrong, not only the first."""
    if wrong := hours.sound(config, clock.now())[1]:
        raise FindingsError(*wrong)


def _no_client(config: Config) -> list[Finding]:
    """A folder for Segment's client that has none."""
    folder = config.events.analytics_js
    if folder is None or (folder / page_scripts.SEGMENTS_SCRIPT).is_file():
        return []
    words = f"no {page_scripts.SEGMENTS_SCRIPT} in this folder; it must be dist/umd of the client's package"
    return [Finding(words, config.source, key="events.analytics_js")]


def mails_of_nobody(config: Config) -> list[Finding]:
    """What every mail says of the shop and nobody has said yet: who writes, from where, and where its links lead."""
    server = config.mail.server
    if server is None:
        return []
    trial = server.host in _HERE  # a relay of this machine is most often one that only shows mails

    def say(key: str, words: str, *, warning: bool = trial) -> Finding:
        return Finding(words, config.source, key=key, warning=warning)

    found, public = [], config.web.public_url
    if public is None:
        words = (
            f"every link in a mail would lead to {config.web.url}, unsubscribing too; write the address at which "
            'readers reach this program: "https://mail.your-shop.com"'
        )
        found.append(say("web.public_url", words))
    elif urlsplit(public).scheme != "https" and urlsplit(public).hostname not in _HERE:
        words = "readers' browsers mark an address with http:// as not safe; use https"
        found.append(say("web.public_url", words, warning=True))
    for key in ("name", "url"):
        if key not in config.shop.model_fields_set:
            example = {"name": "Juniper & Oak", "url": "https://your-shop.com"}[key]
            words = f'mails would say {getattr(config.shop, key)!r}; write {key} = "{example}"'
            found.append(say(f"shop.{key}", words))
    if not _address(config):
        words = (
            "the law of most countries wants the shop's postal address in every marketing mail (CAN-SPAM, § 5 DDG), "
            "and nothing says it; write it into your own email/_foot.en.mjml and email/_foot.zh_CN.mjml"
        )
        found.append(say("templates.folder", words, warning=True))
    return found


def _address(config: Config) -> bool:
    """A footer of the shop's own is taken to say it: only a person can tell an address from other words."""
    own = config.templates.folder
    return own is not None and any((own / "email").glob("_foot.*.mjml"))


def _old_keys(config: Config) -> list[Finding]:
    """What keys without a name and a kind mean."""
    if not config.events.write_keys:
        return []
    words = (
        "these are page keys now: they tell what a browser does, and nothing of orders, parcels, goods or consent; "
        'a backend needs one with kind = "server" in [[events.keys]]'
    )
    return [Finding(words, config.source, key="events.write_keys", warning=True)]


def _open_to_others(config: Config) -> list[Finding]:
    """Files with people's words in them that others on this machine may read."""
    if not config.database.url.startswith("sqlite:///"):
        return []
    file = Path(config.database.url.removeprefix("sqlite:///").partition("?")[0])
    beside = (file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm"))
    words = "others on this machine can read or change what people told you; run `{}`"
    return [
        Finding(words.format(mend), paths.shown(found), warning=True)
        for found, mend in private.open_to_others(iter([*beside, file.resolve().parent]))
    ]


def _nobody_asked(config: Config) -> list[Finding]:
    """Flows that give the staff tasks where nobody would see them."""
    if config.telegram.token and config.staff_groups:
        return []
    try:
        flows = flow_files.load(flow_files.folders(config))
    except FindingsError:
        return []  # told above
    words = "its step {} opens a ticket in the staff group, and there is none (telegram.token, staff_chat_id)"
    return [
        Finding(words.format(step.id), flows.files[made.name], warning=True)
        for made in flows
        for step in made.steps
        if step.task and made.enabled
    ]


def _of(part: Callable[[], Any]) -> list[Finding]:
    try:
        part()
    except FindingsError as error:
        return list(error.findings)
    return []


async def _database(config: Config) -> list[Finding]:
    database = Database(config.database.url)
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            todo = await migrations.pending(database)
            unclear = [] if todo else await _remembered(database, config)
    except FindingsError as error:
        return list(error.findings)
    except Exception as error:  # whatever keeps the driver from answering: that is what we are asked
        found = _finding("database.url", "does not answer", error)
        where = f"{database.url.removeprefix('sqlite:///')} " if database.is_sqlite else ""
        return [replace(found, message=where + with_mend(found.message))]
    finally:
        await database.close()
    if todo and not database.is_sqlite:
        return [Finding(f"run `aftercart migrate`: {len(todo)} changes wait", key="database.url")]
    return unclear


async def _remembered(database: Database, config: Config) -> list[Finding]:
    return [
        *await leaked_keys(database, config),
        *await templates_given_up(database),
        *await shops_in_trouble(database),
        *await unreachable_leads(database, config),
        *await _stores(database, config),
        *await unheard(database, config),
        *await unwritten(database),
    ]


async def templates_given_up(database: Database) -> list[Finding]:
    """Templates whose mails are not sent until somebody changes them."""
    words = "its mails wait until it is changed, writing them took too much for several readers in a row: {}"
    async with database.reading() as session:
        found = await costly_templates.given_up(session)
    return [Finding(words.format(one.words), one.place) for one in found]


async def shops_in_trouble(database: Database) -> list[Finding]:
    """Shops whose API did not do what we asked the last time."""
    async with database.reading() as session:
        found = await troubles.every(session)
    words = {
        troubles.REFUSED: "the shop {} refuses us since {}, what webhooks lose is not made good: {}",
        troubles.SILENT: "the shop {} does not answer since {}, what webhooks lose is not made good: {}",
        troubles.UNINSTALLED: "the shop {} took the app away at {}: install it again and connect it ({})",
        troubles.FEW: "much of the shop {} seems gone since {}, nothing was changed; see `aftercart shop compare`: {}",
    }
    return [
        Finding(
            words[one.kind].format(one.store, f"{one.began_at:%Y-%m-%d %H:%M} UTC", one.words),
            key=f"shops.{one.system}",
        )
        for one in found
    ]


async def unreachable_leads(database: Database, config: Config) -> list[Finding]:
    """Leads who would hear of nothing."""
    words = (
        "nothing reaches the lead {}: no chat with the bot is open and no address is known; let them send /start to "
        "the bot, or write their address into [[support.lead_mails]]"
    )
    async with database.reading() as session:
        unheard = await leads.unreachable(session, config)
    return [Finding(words.format(one), config.source, key="support.departments", warning=True) for one in unheard]


async def unheard(database: Database, config: Config) -> list[Finding]:
    """Events of no name that we know, in flows, which never came either: nothing would happen."""
    found = []
    flows = flow_files.sound(flow_files.folders(config))[0]
    named = [(name, path, event) for name, made in flows.by_name.items() for path, event in triggers.own_events(made)]
    heard = await _heard(database, {event for _, _, event in named})
    for name, path, event in named:
        if event not in heard:
            source = Source(flows.files[name])
            source.read([])
            nearest = process.extractOne(event, names.EVENTS, scorer=fuzz.ratio)
            words = f"no event named {event!r} ever came; did you mean {nearest[0]!r}? Send one of your own once"
            found.append(replace(source.finding(path, words), warning=True))
    return found


async def _heard(database: Database, events: Collection[str]) -> set[str]:
    rows = table(Event)
    async with database.reading() as session:
        ask = [sa.select(rows.c.name).where(rows.c.name == event).limit(1) for event in sorted(events)]
        return {name for one in ask if (name := await session.scalar(one)) is not None}


async def unwritten(database: Database) -> list[Finding]:
    """Mails that wait because they cannot be written."""
    async with database.reading() as session:
        waiting = await file_alarm.waiting(session)
    words = "{} mails wait until they can be written: {}"
    return [Finding(words.format(count, why), key=flow, warning=True) for flow, count, why in waiting]


async def leaked_keys(database: Database, config: Config) -> list[Finding]:
    """Server keys that stand in a page: whoever reads it may say anything about orders, goods and customers."""
    words = "the server key {} came from a browser, so anybody may have it; take another one here and where it is used"
    async with database.reading() as session:
        lost = await leaked.names(session, config.event_keys)
    return [Finding(words.format(name), config.source, key="events.keys") for name in lost]


async def _stores(database: Database, config: Config) -> list[Finding]:
    """Rows of which nobody can tell the store, and senders who do not say theirs though there are several."""
    async with database.reading() as session:
        unclear, known = await parting.left(session), await stores.every(session)
    found = [
        Finding(f"left as it was, nothing in the database tells more: {line}", key="shops.stores", warning=True)
        for line in unclear
    ]
    if len(known) > 1:
        words = (
            'there are several stores ({}), and the key {} does not say whose its ids are; write store = "NAME" to it'
        )
        found += [
            Finding(words.format(", ".join(known), one.name), config.source, key="events.keys", warning=True)
            for one in config.event_keys
            if not one.store
        ]
    return found


async def _relay(config: Config) -> list[Finding]:
    try:
        server = config.mail.server
        if server is None:
            return []
        client = smtp(server)
        async with asyncio.timeout(_ANSWER_WITHIN):
            await client.connect()
            await client.ehlo()
            if server.user:
                await client.login(server.user, server.password.get_secret_value() if server.password else "")
            await client.quit()
    except Exception as error:  # TLS, names, passwords, refusals: all of it is the answer
        return [_finding("mail.smtp_url", "the mail relay does not take us", error)]
    return []


async def _mailbox(config: Config) -> list[Finding]:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return await mailbox.check(config)
    except TimeoutError as error:
        return [_finding("mailbox.imap_url", "the mailbox does not answer", error)]


async def shops(config: Config) -> list[Finding]:
    """Whether the shop's API takes our key, and which webhooks it does not send."""
    found: list[Finding] = []
    for system in opening.connected(config):
        try:
            async with asyncio.timeout(_ANSWER_WITHIN), opening.opened(config, system) as shop:
                found += hooks.lacking(await hooks.look(shop, config.web.url), system)
        except FindingsError as error:
            found += error.findings
        except TimeoutError as error:
            found.append(_finding(f"shops.{system}", "the shop does not answer", error))
    return found


def smtp(server: SmtpServer) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        timeout=_ANSWER_WITHIN,
    )


async def _telegram(config: Config) -> list[Finding]:
    if not config.telegram.token:
        return []
    # aiogram takes seconds to import: only who uses Telegram waits for it.
    from bot.inbound.telegram import setup  # noqa: PLC0415
    from bot.outbound import telegram_bot  # noqa: PLC0415
    from bot.outbound.telegram_limits import Limits  # noqa: PLC0415

    bot = telegram_bot.connect(config.telegram.token.get_secret_value(), config.telegram.api_base, Limits())
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return await setup.check(bot, config.telegram.staff_chat_id, config.staff_groups)
    except TimeoutError as error:
        return [_finding("telegram.api_base", "does not answer", error)]
    finally:
        await bot.session.close()


def _finding(key: str, words: str, error: Exception) -> Finding:
    reason = logs.clean(str(error) or type(error).__name__).splitlines()[0][:200]
    return Finding(f"{words}: {reason}", key=key)
