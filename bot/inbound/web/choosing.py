"""What somebody may choose on their page, how it stands, and what a sent form changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.config.topics import GENERAL
from bot.base.ground import Ground
from bot.contacts import topics
from bot.events import choices
from bot.events.choices import At, How
from bot.inbound.web.forms import Fields
from bot.shops import facts
from bot.tables.people import Contact

PREFERRED = "preferred_channel"
"""The trait that names the channel on which somebody would rather be written to."""
CHANNELS = ("email", "telegram")


@dataclass(frozen=True)
class Chooser:
    """Who looks at the page, and their addresses by channel. Nobody, once they were forgotten."""

    contact_id: int | None
    contact: Contact | None
    addresses: Mapping[str, str]

    @property
    def language(self) -> str | None:
        return self.contact.language if self.contact else None

    @property
    def preferred(self) -> str:
        said = self.contact.traits.get(PREFERRED) if self.contact else None
        return str(said) if said in self.addresses else ""

    def at(self, channel: str) -> At:
        return At(self.contact_id, channel, self.addresses[channel])


@dataclass(frozen=True)
class Line:
    """A topic on the page."""

    name: str
    title: str
    about: str
    on: bool


@dataclass(frozen=True)
class Column:
    """A channel on the page: `blocked`, mail to this address is given up for another reason than their own wish. What
    they had chosen stands there all the same, to be taken back; nothing can be added.
    """

    channel: str
    address: str
    lines: Sequence[Line]
    blocked: bool


async def chooser(session: AsyncSession, contact_id: int | None, mailed: str | None = None) -> Chooser:
    """`mailed` is the address that the link was sent to; without it their newest one is meant."""
    contact = await contacts.current(session, contact_id) if contact_id is not None else None
    if contact is None or contact.id is None or contact.status != "active":
        return Chooser(contact_id, None, {"email": mailed} if mailed else {})
    known = await contacts.identities(session, contact.id)
    newest = {kind: next((one.value for one in known if one.kind == kind), None) for kind in CHANNELS}
    newest["email"] = mailed or newest["email"]
    return Chooser(contact.id, contact, {channel: value for channel, value in newest.items() if value})


async def shown(
    session: AsyncSession, ground: Ground, who: Chooser, channel: str, language: str, now: datetime
) -> Column:
    address = who.addresses[channel]
    standing = await topics.standing(session, ground.secret, channel, address, now)
    assumed = await _assumed(session, ground, who, channel)
    lines = [Line(*topic, on=choices.wants(standing, topic.name, assumed)) for topic in topics.shown(ground, language)]
    return Column(channel, masked(address) if channel == "email" else "", lines, standing.blocked)


async def save(session: AsyncSession, ground: Ground, who: Chooser, form: Fields, said: How, now: datetime) -> bool:
    """Whether anything was changed by it."""
    settings, changed = ground.config.automations, False
    ticked = set(form.every("on"))
    for channel, address in who.addresses.items():
        wanted = {topic: f"{channel}:{topic}" in ticked for topic in settings.shown_topics}
        assumed = await _assumed(session, ground, who, channel)
        standing = await topics.standing(session, ground.secret, channel, address, now)
        if standing.blocked:  # a no counts, for the day on which mail goes there again; a new yes does not
            wanted = {topic: yes for topic, yes in wanted.items() if choices.wants(standing, topic, assumed)}
        more = {"known": settings.topic_names, "assumed": assumed}
        changed |= bool(await choices.choose(session, ground.secret, who.at(channel), wanted, said, now, **more))
    if who.contact is not None:
        language, preferred = form.get("language"), form.get("channel")
        if language in ground.texts.languages and language != who.contact.language:
            who.contact.language, changed = language, True
        if preferred in ("", *who.addresses) and "channel" in form and preferred != who.preferred:
            kept = {name: value for name, value in who.contact.traits.items() if name != PREFERRED}
            who.contact.traits, changed = {**kept, **({PREFERRED: preferred} if preferred else {})}, True
        await session.flush()
    return changed


async def nothing(session: AsyncSession, ground: Ground, who: Chooser, said: How, now: datetime) -> None:
    for channel in who.addresses:
        await choices.nothing(session, ground.secret, who.at(channel), ground.config.automations.topic_names, said, now)


async def _assumed(session: AsyncSession, ground: Ground, who: Chooser, channel: str) -> Sequence[str]:
    """Topics that may be written about without a word of theirs, because the shop has another basis for them."""
    settings = ground.config.automations
    if channel != "email" or who.contact is None or who.contact.id is None:
        return ()
    if settings.purchase_is_consent:
        orders = await facts.orders_of(session, who.contact.id, 50)
        if any(order.paid_at for order in orders):
            return settings.topic_names
    return (GENERAL,) if settings.checkout_reminder_without_consent else ()


def how(source: str, request: Request, version: str | None = None) -> How:
    agent = request.headers.get("user-agent")
    return How(source, request.client.host if request.client else None, agent and agent[:500], version)


def wording(ground: Ground, language: str, names: Sequence[str] | None = None) -> str:
    """The version of the words that they read: it changes when a word of them does."""
    read = "\n".join(f"{topic.title}\n{topic.about}" for topic in topics.shown(ground, language, names))
    return f"topics:{language}:{sha256(read.encode()).hexdigest()[:12]}"


def masked(address: str) -> str:
    """`m…a@shop.example`: enough for its owner, not for whoever got the mail forwarded."""
    local, _, domain = address.partition("@")
    return f"{local[0]}…{local[-1] if len(local) > 2 else ''}@{domain}"
