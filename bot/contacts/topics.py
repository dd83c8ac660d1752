"""What an address gets of each topic, as ledger and suppressions stand: a topic's own word, else that on marketing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.config.topics import GENERAL
from bot.base.ground import Ground
from bot.contacts import consent
from bot.contacts.consent import EVERY_TOPIC
from bot.tables.people import Consent

LEFT = "unsubscribed"
"""The reason of a suppression that somebody asked for. Mail that they ask for is none of its business."""

_THEIR_WISH = (LEFT, "erased")

THEIR_PAGE = "my preferences"
"""What the link of a person is signed for; the one in a mail is signed for `preferences` and that mail."""


class Shown(NamedTuple):
    """A topic in the words of a reader."""

    name: str
    title: str
    about: str


@dataclass(frozen=True)
class Standing:
    """`words` has the last decisive row of each topic, `stops` the reason of each suppression that holds now."""

    words: Mapping[str, Consent] = field(default_factory=dict)
    stops: Mapping[str, str] = field(default_factory=dict)

    def word(self, topic: str) -> str | None:
        """`granted`, `withdrawn`, or None where nothing was ever said."""
        said = self.words.get(topic) or self.words.get(GENERAL)
        return said.action if said else None

    def gets(self, topic: str) -> bool:
        return self.word(topic) == "granted" and self.stop(topic) is None

    def wants(self, topic: str) -> bool:
        """The same, whatever keeps mail from the address besides their own wish."""
        return self.word(topic) == "granted" and not self.left(topic)

    def left(self, topic: str) -> bool:
        """Whether a suppression says that they want no more of it."""
        return any(self.stops.get(about) in _THEIR_WISH for about in ("", topic, EVERY_TOPIC))

    def stop(self, topic: str) -> str | None:
        return self.stops.get("") or self.stops.get(topic) or self.stops.get(EVERY_TOPIC)

    @property
    def blocked(self) -> bool:
        """Whether mail to it is given up for another reason than their own wish: it came back, or was called spam."""
        return any(self.stops.get(topic) not in (None, *_THEIR_WISH) for topic in ("", EVERY_TOPIC))


def decisive(words: Mapping[str, str], topic: str) -> str | None:
    """The same for plain words by topic."""
    return words.get(topic) or words.get(GENERAL)


async def standing(session: AsyncSession, secret: str, channel: str, address: str, now: datetime) -> Standing:
    words = {
        said.topic: said
        for said in await consent.history(session, secret, channel, address)
        if said.action in consent.ANSWERS
    }
    stops = await consent.stops(session, secret, channel, address)
    held = {stop.topic: stop.reason for stop in stops if stop.until is None or stop.until > now}
    return Standing(words, held)


def page(ground: Ground, contact_id: int) -> str:
    """The address of the page where this person chooses. Give it only to them: whoever has it may choose."""
    return f"{ground.config.web.url}/preferences/{ids.sign(THEIR_PAGE, contact_id, ground.secret)}"


def shown(ground: Ground, language: str, names: Sequence[str] | None = None) -> list[Shown]:
    """These topics (none named: those that people choose among), in the shop's own words where it has some."""
    settings = ground.config.automations
    own = {topic.name: topic for topic in settings.topics}
    known = ground.texts.names("en")
    found = []
    for name in settings.shown_topics if names is None else names:
        ours = f"topics.{name}.title" in known
        title = own[name].title_in(language) if name in own else ""
        about = own[name].about_in(language) if name in own else ""
        found.append(
            Shown(
                name,
                title or (ground.texts.say(language, f"topics.{name}.title") if ours else name),
                about or (ground.texts.say(language, f"topics.{name}.about") if ours else ""),
            )
        )
    return found
