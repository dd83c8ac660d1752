"""What an event says about a person: who it is, their traits, and what mail they allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import answers, clock, logs, stores
from bot.base.config.topics import BACK_IN_STOCK
from bot.base.database import table
from bot.contacts import joined_customers, profile, requests
from bot.events import consent_bases, permissions
from bot.events.happened import OURS, Happened, NewEvent, of_row, record
from bot.tables.events import Event
from bot.tables.people import Consent, Contact, Identity

log = logs.get(__name__)
SHOPS = ("shopify", "woocommerce")
"""Sources whose userId is the shop's customer id."""

SHOP_TRAITS = ("shop_tags", "shop_note")
"""What the people of a shop wrote about a customer: its tags as a list, its note."""

CONSENT_TRAITS = ("marketing_consent", "email_marketing_consent", "accepts_marketing", "acceptsMarketing")
_OUR_SOURCES = frozenset({"double_opt_in", "preference_page", "one_click", "stop_word", "start_word"})
BY_PHONE = ("sms", "whatsapp")
_AHEAD = timedelta(minutes=10)
_SEEN_EVERY = timedelta(minutes=1)  # finer would write the contact with every click
_LOOKED_AT = 200  # of the newest identify events: each page sends one
_identities = table(Identity)
_events = table(Event)


@dataclass(frozen=True)
class Whose:
    contact_id: int | None = None
    erased: bool = False


async def whose(session: AsyncSession, secret: str, row: Mapping[str, Any], now: datetime) -> Whose:
    """The contact of an event row, made if need be. `erased`: it tells of somebody from before they were forgotten, or
    claims to be them while others that do are still being erased."""
    body, page = row["body"], row["rank"] == "page"
    user, plain = user_kind(row["source"]), names_of(row)
    known = [
        (kind, await contacts.of_store(session, kind, row["store"], value) if kind == user and not page else value)
        for kind, value in plain
    ]
    if row["source"] in SHOPS:
        known = [
            (kind, await joined_customers.now_called(session, kind, value) if kind == user else value)
            for kind, value in known
        ]
    if row["kind"] == "alias" and permissions.may(row["rank"], "previousId"):
        known += await _alias(session, row["store"], body.get("previousId"))
    if not known:
        return Whose()
    if row["source"] in SHOPS:
        known += phone_of(row)
    if page and await _claims_somebody_who_goes(session, row):
        return Whose(erased=True)
    mine = _browser(known) if page else known
    if (one := await _one_owner(session, mine, alone=page)) is not None:
        return Whose(one)
    if await contacts.was_erased(session, secret, [*known, *plain], row["ts"]):
        return Whose(erased=True)
    return Whose((await contacts.find_or_create(session, mine, now, rank=row["rank"])).id) if mine else Whose()


async def _claims_somebody_who_goes(session: AsyncSession, row: Mapping[str, Any]) -> bool:
    told = of_row(row, None)
    said = [*_claims(told), *([("email", told.email.strip().lower())] if told.email else [])]
    return bool(said) and not (await requests.being_forgotten(session)).isdisjoint(said)


def user_kind(source: str) -> str:
    """What a `userId` of this source names."""
    return source if source in SHOPS else "user_id"


def names_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The ids of an event row, as its source writes them."""
    body = row["body"]
    pairs = [
        (user_kind(row["source"]), body.get("userId")), ("email", body.get("email")),
        ("anonymous_id", body.get("anonymousId")),
    ]  # fmt: skip
    return [(kind, value) for kind, given in pairs if (value := contacts.normalise(kind, given)) is not None]


def phone_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    phone = contacts.normalise("phone", (row["body"].get("traits") or {}).get("phone"))
    return [("phone", phone)] if phone else []


def _browser(known: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """All that a page may name: its browser; without one, somebody who says to be that user, and is not that user."""
    said = dict(known)
    if "anonymous_id" in said:
        return [("anonymous_id", said["anonymous_id"])]
    return [("claimed_user", said["user_id"])] if "user_id" in said else []


async def _one_owner(session: AsyncSession, known: Sequence[tuple[str, str]], *, alone: bool) -> int | None:
    """The short way, taken by nearly every event: all of its ids are known already, and of one contact.

    Not for a browser alone, which may be a device that many share; `alone`: it is asked about nothing else.
    """
    if not known or (not alone and all(kind == "anonymous_id" for kind, _ in known)):
        return None
    pairs = sa.or_(*(sa.and_(_identities.c.kind == kind, _identities.c.value == value) for kind, value in known))
    owners = (await session.scalars(sa.select(_identities.c.contact_id).where(pairs))).all()
    return int(owners[0]) if len(owners) == len(known) and len(set(owners)) == 1 else None


async def _alias(session: AsyncSession, store: str, previous: object) -> list[tuple[str, str]]:
    """`alias(previousId → userId)`: the previous id is a browser's, unless we know it as a user_id.

    Two user_ids stay two people: anybody with a write key could otherwise claim to be somebody else.
    """
    value = contacts.normalise("anonymous_id", previous)
    if value is None:
        return []
    ours = stores.person(store, value)
    user = await session.scalar(
        sa.select(_identities.c.id).where(_identities.c.kind == "user_id", _identities.c.value == ours)
    )
    return [("user_id", ours)] if user is not None else [("anonymous_id", value)]


async def hear(
    session: AsyncSession,
    secret: str,
    told: Happened,
    now: datetime,
    *,
    double_opt_in: bool = False,
    zone: tzinfo | None = None,
) -> bool | None:
    """Take over what the event tells about its contact. False: a shop only tells again how they stand.

    With `double_opt_in` a `Subscribed` that needs a second yes is left to whoever asks for it, and a trait that says
    yes again after a no becomes such a `Subscribed`. `zone` is the shop's.
    """
    assert told.contact_id is not None
    contact = await session.get_one(Contact, told.contact_id)
    before = dict(contact.traits)
    if told.rank == "page":
        await _hear_a_page(session, secret, contact, told, now, zone)
        return None
    if told.kind == "identify" or told.source in SHOPS:
        said = told.traits if told.rank == "shop" else profile.fitting(contact, _own_traits(told))
        traits = profile.newest(contact, said, said_at(told), richer=told.source in SHOPS)
        await contacts.learn(session, contact, traits, told.context, now, zone)
    elif told.context:
        await contacts.learn(session, contact, {}, told.context, now)
    if told.source not in (*SHOPS, OURS) and (
        contact.last_seen_at is None or contact.last_seen_at < told.ts - _SEEN_EVERY
    ):
        contact.last_seen_at = told.ts
    if told.kind == "identify":
        await _consent_trait(session, secret, told, before, double_opt_in=double_opt_in)
    elif told.source != OURS and (
        told.name == "Unsubscribed" or (told.name == "Subscribed" and not (double_opt_in and needs_a_second_yes(told)))
    ):
        written = await _said(session, secret, told)
        return False if told.source in SHOPS and told.properties.get("basis") and not written else None
    return None


async def _hear_a_page(
    session: AsyncSession, secret: str, contact: Contact, told: Happened, now: datetime, zone: tzinfo | None
) -> None:
    """Of its own browser it may tell, as long as nobody better says who sits there. It allows nothing."""
    assert contact.id is not None
    if told.source != OURS and (contact.last_seen_at is None or contact.last_seen_at < told.ts - _SEEN_EVERY):
        contact.last_seen_at = told.ts
    if told.source == OURS or await contacts.is_proven(session, contact.id):
        return
    before = dict(contact.traits)
    said = _claims(told)
    new = await contacts.claim(session, contact.id, said, told.ts) if told.anonymous_id is not None else set()
    if told.kind == "identify" or told.context:
        traits = profile.fitting(contact, _own_traits(told)) if told.kind == "identify" else {}
        await contacts.learn(session, contact, traits, told.context, now, zone)
        contact.claimed = contact.claimed or bool(contact.traits or contact.language or contact.timezone)
    if told.kind == "identify":
        await _claimed_yes(session, secret, told, before, news=any(kind == "email" for kind, _ in new))


def said_at(told: Happened) -> list[datetime]:
    """Of when the event's words about its person are. What an order says of its buyer was typed when it was made,
    however often its state changed since; where nobody says when that was, it adds what is not known."""
    if not told.name.startswith("Order "):
        return [_not_ahead(told.ts, told)]
    made, changed = (_moment(told.properties.get(name)) for name in ("created_at", "updated_at"))
    return [] if made is None else [_not_ahead(made, told), _not_ahead(changed or told.ts, told)]


def _not_ahead(at: datetime, told: Happened) -> datetime:
    """A clock that is far ahead says nothing: then it is of when it came."""
    return told.received_at if at - told.received_at > _AHEAD else at


def _moment(given: object) -> datetime | None:
    try:
        return clock.parse(given) if isinstance(given, str) and given else None
    except (ValueError, OverflowError):
        return None


def _claims(told: Happened) -> list[tuple[str, str]]:
    email = told.traits.get("email") or told.properties.get("email") or _traits_of(told.context).get("email")
    user = stores.person(told.store, told.user_id) if told.user_id else None
    pairs = (("user_id", user), ("email", email), ("phone", told.traits.get("phone")))
    return [(kind, value) for kind, given in pairs if given and (value := contacts.normalise(kind, given)) is not None]


def _own_traits(told: Happened) -> Mapping[str, Any]:
    """Without what only the shop writes about somebody."""
    if permissions.may(told.rank, "traits.shop_tags"):
        return told.traits
    return {name: value for name, value in told.traits.items() if name not in SHOP_TRAITS}


def _traits_of(context: Mapping[str, Any]) -> Mapping[str, Any]:
    traits = context.get("traits")
    return traits if isinstance(traits, Mapping) else {}


async def _claimed_yes(
    session: AsyncSession, secret: str, told: Happened, before: Mapping[str, Any], *, news: bool
) -> None:
    """A page's yes is asked back, whatever the shop's setting; its no is for the link in a mail."""
    name, wanted = _answer(told)
    where = await address(session, told) if wanted else None
    if where is None or (answers.read(before.get(name)) is True and not news):
        return
    last = await contacts.allowed(session, secret, "email", where, "marketing")
    if last is None or (last.action != "granted" and told.ts > last.at and answers.read(before.get(name)) is False):
        await _as_subscribed(session, told, where)


def needs_a_second_yes(told: Happened) -> bool:
    """Whether anybody may have typed it: always from a page; a backend passes on what a form had."""
    return told.rank == "page" or (told.rank == "shop" and told.source not in (*SHOPS, OURS))


async def _consent_trait(
    session: AsyncSession, secret: str, told: Happened, before: Mapping[str, Any], *, double_opt_in: bool
) -> None:
    """A trait is a state and is sent again on every page: only its change says something, or a new address.

    Else the page that still says "yes" would take back what the unsubscribe link wrote down. A trait that we never saw
    has not changed: the page may have said yes all the time.
    """
    name, wanted = _answer(told)
    if wanted is None:
        return
    where = await address(session, told)
    if where is None:
        return
    last = await contacts.allowed(session, secret, "email", where, "marketing")
    if last is None:
        if wanted:
            await _write(session, secret, told, where, "marketing", wanted)
    elif (last.action == "granted") is wanted or answers.read(before.get(name)) is wanted or told.ts <= last.at:
        return
    elif not wanted:
        await _write(session, secret, told, where, "marketing", wanted)
    elif answers.read(before.get(name)) is False and await _said_no(session, told, name, last.at):
        if double_opt_in and needs_a_second_yes(told):
            await _as_subscribed(session, told, where)
        else:
            await _write(session, secret, told, where, "marketing", wanted)


def _answer(told: Happened) -> tuple[str, bool | None]:
    """The first trait that says yes or no to marketing, and what it says."""
    for name in CONSENT_TRAITS:
        if (wanted := answers.read(told.traits.get(name))) is not None:
            return name, wanted
        if told.traits.get(name) not in (None, ""):
            log.warning("a trait about consent says neither yes nor no", key=name, event_id=told.id)
    return "", None


async def _said_no(session: AsyncSession, told: Happened, name: str, since: datetime) -> bool:
    """Whether the trait said no between the withdrawal and this yes. A no of before tells nothing: there may have been
    a yes since, and it is that one which we hear now.
    """
    heard = sa.select(_events.c.body).where(
        _events.c.contact_id == told.contact_id, _events.c.name == "", _events.c.kind == "identify",
        _events.c.ts >= since, _events.c.ts <= told.ts,
    )  # fmt: skip
    bodies = await session.scalars(heard.order_by(_events.c.ts.desc()).limit(_LOOKED_AT))
    return any(answers.read((body.get("traits") or {}).get(name)) is False for body in bodies)


async def _as_subscribed(session: AsyncSession, told: Happened, where: str, about: str = "marketing") -> None:
    """The trait as the `Subscribed` that it stands for, so that it is asked back like every other."""
    said = {"email": where, "topic": about, "source": source(told)}
    body = {"email": where, "properties": said, "context": dict(told.context), "network": told.network}
    key = f"consent_trait:{told.id}" if about == "marketing" else f"consent:{about}:{told.id}"
    await record(
        session,
        NewEvent(
            told.source, key, "track", "Subscribed", told.ts, told.received_at, body, told.contact_id, rank=told.rank
        ),
    )


async def ask_back(session: AsyncSession, secret: str, told: Happened, about: str) -> None:
    """What a page says somebody wants, asked of whoever has that mailbox. Nothing if they said so already."""
    where = await address(session, told)
    if where is None:
        return
    last = await contacts.allowed(session, secret, "email", where, about)
    again = told.kind == "track" and told.ts > last.at if last else True
    # That they wanted to hear of another thing says nothing about this one.
    if last is None or (again and (last.action != "granted" or about == BACK_IN_STOCK)):
        await _as_subscribed(session, told, where, about)


async def _said(session: AsyncSession, secret: str, told: Happened) -> bool:
    """`Subscribed` and `Unsubscribed`: properties email, topic (default marketing), channel (default email), and of a
    shop system `basis`: what the word rests on, see `consent_bases`. True if it was news."""
    channel = str(told.properties.get("channel") or "email")
    if channel in BY_PHONE:
        where = await _number(session, told) if told.rank == "shop" else None
    else:
        where = await address(session, told) if channel == "email" else None
    if where is None:
        return False
    about = topic(told)
    if not is_news(told, await consent_bases.before(session, secret, channel, where, about)):
        return False
    await _write(session, secret, told, where, about, told.name == "Subscribed", channel)
    return True


def is_news(told: Happened, said: Sequence[Consent]) -> bool:
    """Whether a `Subscribed` or `Unsubscribed` is to be written down behind the words on its topic so far."""
    wanted, last = told.name == "Subscribed", said[-1] if said else None
    if last is not None and (told.ts <= last.at or (last.action == "granted") is wanted):
        return False
    return told.source not in SHOPS or consent_bases.counts(told.properties.get("basis"), wanted, said)


async def _number(session: AsyncSession, told: Happened) -> str | None:
    """The telephone number that is named, if it is this contact's."""
    named = contacts.normalise("phone", told.properties.get("phone"))
    owner = await contacts.find(session, "phone", named) if named else None
    return named if owner is not None and owner.id == told.contact_id else None


async def _write(
    session: AsyncSession, secret: str, told: Happened, where: str, about: str, wanted: bool, channel: str = "email"
) -> None:
    say = contacts.allow if wanted else contacts.withdraw
    await say(session, secret, told.contact_id, channel, where, about, source(told), told.ts, **proof(told))


def topic(told: Happened) -> str:
    said = told.properties.get("topic")
    return said if isinstance(said, str) and said else "marketing"


def source(told: Happened) -> str:
    """Where it was said, as the event says; what only we may write (`double_opt_in`) is not taken from it."""
    said = str(told.properties.get("source") or told.source)[:100]
    return said if told.source in SHOPS or said not in _OUR_SOURCES else told.source


def proof(told: Happened) -> dict[str, str]:
    """From where, with what, and which words they saw, as far as the event says."""
    said = {"ip": told.context.get("ip"), "user_agent": told.context.get("userAgent")}
    said["text_version"] = told.properties.get("text_version")
    return {name: value for name, value in said.items() if isinstance(value, str)}


async def address(session: AsyncSession, told: Happened) -> str | None:
    """The address that was named if it is this contact's, else their newest one.

    A named address that belongs to somebody else is nobody's to decide about here.
    """
    assert told.contact_id is not None
    given = told.traits.get("email") or told.properties.get("email")
    named = contacts.normalise("email", given) if given else None
    if named is not None and told.rank == "page" and not await contacts.is_proven(session, told.contact_id):
        return named  # whoever has that mailbox is asked
    if named is not None:
        owner = await contacts.find(session, "email", named)
        return named if owner is not None and owner.id == told.contact_id else None
    newest = await contacts.address(session, told.contact_id, "email")
    return newest.value if newest else None
