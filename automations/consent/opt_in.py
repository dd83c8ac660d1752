"""Double opt-in: who typed an address is asked by mail, and only a press on the page of that link is a yes.

Looking at the page changes nothing: scanners open every link of every mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from automations.consent import asking_again, limits, stock_wishes
from bot import contacts
from bot.base import ids, logs, render, work
from bot.base.config.topics import BACK_IN_STOCK, GENERAL
from bot.base.database import table
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.contacts import topics
from bot.events import NewEvent, record
from bot.events.choices import How
from bot.outbound import outbox
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.tables.audiences import CustomerStats
from bot.tables.outbox import Message
from bot.tables.people import Identity, OptIn

log = logs.get(__name__)

PURPOSE = "opt_in"
NEW_SIGN_UPS = "sign-ups"
"""The kind of work that decides what becomes of them."""

ASKED_EACH_TIME = frozenset({BACK_IN_STOCK})
_ONCE_IN = timedelta(hours=24)
_WAITS = timedelta(days=2)  # so long the network is kept, by which the order is fair
_NEW = "new"  # kept back by nothing but that nobody looked at it yet
_LINK = "confirm"  # what its links are signed for
_OPT_INS = table(OptIn)
_MESSAGES = table(Message)
_IDENTITIES, _STATS = table(Identity), table(CustomerStats)


@dataclass(frozen=True)
class Asked:
    """What was typed: a normalised address, known topics, and how. What is not `fresh` is history: no mail goes.

    `network` and `key` are where it came from, for limits; what a page says of its own address counts for nothing.
    """

    address: str
    topics: Sequence[str]
    language: str
    how: How
    contact_id: int | None = None
    fresh: bool = True
    network: str = ""
    key: str = asking_again.FORM


async def note(session: AsyncSession, ground: Ground, asked: Asked, now: datetime) -> None:
    """Write down what somebody typed, and look at nothing: whoever waits for the answer learns nothing by its time."""
    row = _row(ground, asked, now)
    row.held_by = _NEW
    session.add(row)
    work.kick(session, NEW_SIGN_UPS)


async def decide_new(session: AsyncSession, ground: Ground, mails: MailTemplates, row_id: int, now: datetime) -> None:
    """What becomes of a sign-up that was written down."""
    row = await session.get(OptIn, row_id, with_for_update=True, populate_existing=True)
    if row is None or row.held_by != _NEW:
        return
    row.held_by = ""
    stands = await topics.standing(session, ground.secret, "email", row.address, now)
    await _decide(session, ground, mails, row, stands, now)


async def ask(session: AsyncSession, ground: Ground, mails: MailTemplates, asked: Asked, now: datetime) -> None:
    """Write the wish of an event down and ask by mail whether it is theirs, always: anybody may have typed it."""
    stands = await topics.standing(session, ground.secret, "email", asked.address, now)
    if await _asked_already(session, asked, _wanted(asked.topics, stands), now):
        return
    row = _row(ground, asked, now)
    session.add(row)
    await session.flush()
    await _decide(session, ground, mails, row, stands, now, fresh=asked.fresh)


def _wanted(about: Sequence[str], stands: topics.Standing) -> list[str]:
    """What somebody asked to be told of is asked back each time: only they know whether it was them."""
    return [topic for topic in about if topic in ASKED_EACH_TIME or not stands.gets(topic)]


async def _decide(
    session: AsyncSession,
    ground: Ground,
    mails: MailTemplates,
    row: OptIn,
    stands: topics.Standing,
    now: datetime,
    *,
    fresh: bool = True,
) -> None:
    wanted = _wanted(row.topics, stands)
    row.topics, row.known = wanted or row.topics, await _is_known(session, row.address, stands)
    await session.flush()
    if not wanted or stands.blocked:
        return
    how = How(row.source, row.ip, row.user_agent, row.text_version)
    for topic in wanted:
        await contacts.request(
            session, ground.secret, row.contact_id, "email", row.address, topic, how.source, row.asked_at, **how.proof
        )
    before = await _mailed(session, row)  # counted first: who comes in between is seen waiting, or has the same count
    if (waiting := await asking_again.unanswered(session, ground, row, now)) is not None:
        waiting.topics = sorted({*waiting.topics, *wanted})
        again = waiting.expires_at - asking_again.link_holds(ground) + asking_again.SECOND <= now
        row.held_by = "address" if again else ""  # not if somebody pressed the button twice
    elif fresh:
        if await _others_wait(session, row, now):
            row.held_by = "key"
        else:
            row.held_by = await limits.take(session, ground, row.network, row.key, now, known=row.known)
        row.mailed = not row.held_by and await _mail(session, ground, mails, row, before, now)
    await session.flush()


async def mail_held(session: AsyncSession, ground: Ground, mails: MailTemplates, row_id: int, now: datetime) -> str:
    """Ask by mail whoever could not be asked when they signed up. Returns what still holds it back, or nothing.

    All is looked at anew: they may have confirmed or left since, or been asked for another sign-up.
    """
    row = await session.get(OptIn, row_id, with_for_update=True, populate_existing=True)
    if row is None or row.mailed or row.held_by not in limits.SHARED:
        return ""
    stands = await topics.standing(session, ground.secret, "email", row.address, now)
    wanted = _wanted(row.topics, stands)
    before = await _mailed(session, row)
    if not wanted or stands.blocked:
        row.held_by = ""
    elif (waiting := await asking_again.unanswered(session, ground, row, now)) is not None:
        waiting.topics, row.held_by = sorted({*waiting.topics, *wanted}), ""
    elif (held := await limits.take(session, ground, row.network, row.key, now, known=row.known)) == "network":
        return held  # later there may be room for it
    else:
        row.held_by = held
        if not held:
            row.topics, row.expires_at = wanted, now + asking_again.link_holds(ground)
            row.mailed = await _mail(session, ground, mails, row, before, now)
    await session.flush()
    return row.held_by


def _row(ground: Ground, asked: Asked, now: datetime) -> OptIn:
    return OptIn(
        address=asked.address,
        topics=list(asked.topics),
        language=asked.language,
        source=asked.how.source[:100],
        ip=asked.how.ip,
        user_agent=_short(asked.how.user_agent),
        text_version=_short(asked.how.text_version),
        contact_id=asked.contact_id,
        key=asked.key[:100],
        network=limits.marks(ground, asked.network),
        asked_at=now,
        expires_at=now + asking_again.link_holds(ground),
    )


async def _is_known(session: AsyncSession, address: str, stands: topics.Standing) -> bool:
    """Whether the shop knows whose address it is, by more than what anybody can say of it (a mail that unsubscribes is
    easily forged): they ordered and paid, or said yes to something."""
    owner = sa.select(_IDENTITIES.c.contact_id).where(_IDENTITIES.c.kind == "email", _IDENTITIES.c.value == address)
    paid = sa.select(_STATS.c.contact_id).where(_STATS.c.contact_id.in_(owner), _STATS.c.paid_orders > 0)
    return await session.scalar(paid.limit(1)) is not None or any(
        said.action == "granted" for said in stands.words.values()
    )


async def _others_wait(session: AsyncSession, row: OptIn, now: datetime) -> bool:
    """Whoever asks at the right moment must not pass those who waited for it."""
    before = sa.or_(_OPT_INS.c.key == row.key, _OPT_INS.c.held_by == "all")
    waiting = sa.select(_OPT_INS.c.id).where(*still_held(now), before)
    return await session.scalar(waiting.limit(1)) is not None


def still_held(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """The sign-ups whose mail waits for room; later than that nobody expects it any more."""
    return _OPT_INS.c.held_by.in_(sorted(limits.SHARED)), _OPT_INS.c.asked_at > now - _WAITS


def still_new(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """The sign-ups of which nothing became yet."""
    return _OPT_INS.c.held_by == _NEW, _OPT_INS.c.asked_at > now - _WAITS


async def _asked_already(session: AsyncSession, asked: Asked, wanted: Sequence[str], now: datetime) -> bool:
    """A page says the same with every view: of one browser it is written down once a day."""
    if asked.contact_id is None:
        return False
    mine = select(OptIn.topics).where(
        col(OptIn.address) == asked.address,
        col(OptIn.contact_id) == asked.contact_id,
        col(OptIn.confirmed_at).is_(None),
        col(OptIn.asked_at) > now - _ONCE_IN,
    )
    said = {topic for listed in await session.scalars(mine) for topic in listed}
    return bool(wanted) and set(wanted) <= said


async def _mail(
    session: AsyncSession, ground: Ground, mails: MailTemplates, row: OptIn, before: int, now: datetime
) -> bool:
    shop = ground.config.shop
    values = {
        "shop": {"name": shop.name, "url": shop.url},
        "topics": [topic.title for topic in topics.shown(ground, row.language, row.topics)],
        "confirm_url": link(ground, row),
        "days": days(ground),
    }
    try:
        mail = mails.find("confirm_subscription", row.language).render(values, None)
    except (render.TemplateError, FindingsError) as error:
        log.error("the mail that asks for a second yes cannot be rendered", reason=logs.clean(str(error))[:300])
        return False
    # The same for two who ask at once, so that one of them alone is written for.
    mark = ids.hash_address(row.address, ground.secret)
    key = ids.stable(PURPOSE, mark, now.date().isoformat(), before)
    payload = {"to": row.address, "to_name": "", "from": "service", "opt_in_id": row.id}
    # The receiver names no address: it would stay in the outbox of somebody who never said yes.
    queued = await outbox.queue(
        session,
        channel="email",
        purpose=PURPOSE,
        receiver=f"{PURPOSE}:{row.id}",
        payload={**payload, "subject": mail.subject, "text": mail.text, "html": mail.html},
        key=key,
        now=now,
        priority=20,
        contact_id=row.contact_id,
        template="confirm_subscription",
    )
    return queued is not None


async def _mailed(session: AsyncSession, row: OptIn) -> int:
    mine = sa.select(sa.func.count()).where(_OPT_INS.c.address == row.address, _OPT_INS.c.mailed.is_(True))
    return await session.scalar(mine) or 0


def days(ground: Ground) -> int:
    """How long a link holds."""
    return asking_again.link_holds(ground).days


def link(ground: Ground, row: OptIn) -> str:
    assert row.id is not None
    return f"{ground.config.web.url}/confirm/{ids.sign(_LINK, row.id, ground.secret)}"


async def find(session: AsyncSession, ground: Ground, token: str, *, hold: bool = False) -> OptIn | None:
    """The sign-up behind a link; None if it is none of ours, or gone since."""
    number = ids.unsign(_LINK, token, ground.secret)
    if number is None:
        return None
    return await session.get(OptIn, number, with_for_update=hold or None, populate_existing=True)


def is_open(row: OptIn, now: datetime) -> bool:
    return row.confirmed_at is None and now < row.expires_at


def said_yes_to(row: OptIn, seen: Sequence[str] | None) -> list[str]:
    """`seen` are the topics that stood on the page: what others added since is not what they said yes to."""
    return [topic for topic in row.topics if topic in (seen or ())] or row.topics


async def confirm(
    session: AsyncSession, ground: Ground, row: OptIn, how: How, now: datetime, seen: Sequence[str] | None = None
) -> None:
    """They pressed it: the second yes. Pressed again it changes nothing. The row is held, and open."""
    if not is_open(row, now):
        return
    row.topics = said_yes_to(row, seen)
    row.confirmed_at = now
    about_stock = BACK_IN_STOCK in row.topics
    since = now - asking_again.link_holds(ground)
    browsers = await stock_wishes.browsers(session, row.address, since) if about_stock else set()
    version = How(how.source, how.ip, how.user_agent, row.text_version or how.text_version)
    asked_by, row.contact_id = row.contact_id, await _grant(session, ground, row, version, now)
    await stock_wishes.confirmed(session, browsers, row.contact_id, asked_by)
    await session.flush()


async def _grant(session: AsyncSession, ground: Ground, row: OptIn, how: How, now: datetime) -> int:
    contact = await contacts.find_or_create(session, [("email", row.address)], now, language=row.language)
    assert contact.id is not None
    for topic in row.topics:
        await contacts.allow(
            session, ground.secret, contact.id, "email", row.address, topic, how.source, now, **how.proof
        )
    topic = GENERAL if GENERAL in row.topics else row.topics[0]
    properties = {
        "channel": "email", "topic": topic, "topics": list(row.topics), "confirmed": True, "trigger_flows": True,
        "source": how.source,
    }  # fmt: skip
    told = NewEvent(
        "aftercart", f"confirmed:{row.id}", "track", "Subscribed", now, now, {"properties": properties}, contact.id,
        rank="person",
    )  # fmt: skip
    await record(session, told)
    return contact.id


async def forget(session: AsyncSession, now: datetime) -> None:
    """Sign-ups of last month go, and their addresses; networks sooner. What was granted stands in the ledger."""
    over = _OPT_INS.c.asked_at < now - asking_again.MONTH, _OPT_INS.c.expires_at < now
    await session.execute(sa.delete(_OPT_INS).where(*over))
    old = sa.update(_OPT_INS).where(_OPT_INS.c.network != "", _OPT_INS.c.asked_at < now - _WAITS)
    await session.execute(old.values(network=""))
    await limits.forget(session, now)


def _short(text: str | None) -> str | None:
    return text[:500] if text else None


class Mails:
    """The stage of these mails: none leaves when it is of no use any more, and none stays readable in the outbox."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row["payload"], now) for row in rows}

    async def _look(self, session: AsyncSession, payload: Mapping[str, Any], now: datetime) -> Send | Skip:
        row = await session.get(OptIn, payload.get("opt_in_id") or 0, populate_existing=True)
        if row is None or not is_open(row, now):
            return Skip("expired")
        return Send({key: value for key, value in payload.items() if key != "opt_in_id"})

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        address = row["payload"].get("to")
        if outcome.status == "failed" and outcome.reason == "bad_address" and address:
            await contacts.suppress(session, self.ground.secret, "email", address, "hard_bounce", outcome.at)
        if outcome.status == "failed":  # they have no link: whoever asks next, tomorrow at the soonest, gets one
            mine = sa.update(_OPT_INS).where(_OPT_INS.c.id == row["payload"].get("opt_in_id"))
            await session.execute(mine.values(mailed=False))
        await session.execute(sa.update(_MESSAGES).where(_MESSAGES.c.id == row["id"]).values(payload={}))
