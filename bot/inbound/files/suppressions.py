"""A file of addresses that get no marketing any more: from the system that sent before, or a list of your own.

Only keyed hashes are kept: nobody becomes a contact by standing on such a list.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock
from bot.base.config.topics import GENERAL
from bot.base.database import table
from bot.base.ground import Ground
from bot.contacts import consent
from bot.contacts.consent import ANSWERS, EVERY_TOPIC
from bot.contacts.topics import LEFT
from bot.inbound.files import aliases, consents, values
from bot.inbound.files.batches import Cells, Refused
from bot.tables.people import Consent

KNOWN = {
    "address": (*aliases.EMAIL, "recipient", "subscriber", "contact", "address", "地址"),
    "reason": (
        "email suppressions", "reason", "suppression reason", "unsub reason", "type", "suppression type", "status",
        "event", "source", "grund", "abmeldegrund", "motif", "raison", "motivo", "razón", "statut", "estado", "原因",
        "类型", "状态", "理由", "退订原因",
    ),
    "topic": ("topic", "主题"),
    "until": ("until", "expires", "expires at", "expiry", "截止", "有效期"),
    **{name: consents.FIELDS[name] for name in ("consent", "left_at", "cleaned_at", "suppressions")},
}  # fmt: skip
ONE_OF = ("address",)

_SOURCE = "import suppressions"
_REASONS = (
    ("complaint", re.compile(r"complain|spam|abuse|junk|beschwerde|plainte|queja|\bfbl\b|投诉|垃圾", re.I)),
    ("erased", re.compile(r"gdpr|eras(ed|ure)|forg[eo]t|被遗忘", re.I)),
    (
        LEFT,
        re.compile(r"unsub|opt(ed)?[ -]?out|abgemeldet|abmeldung|désabonn|désinscri|\bbaja\b|退订|取消订阅|退訂", re.I),
    ),
    (
        "hard_bounce",
        re.compile(
            r"bounce|clean(ed)?\b|invalid|unknown|undeliver|no such|unzustellbar|rebote|\b5\d\d\b|退信|无效",
            re.I,
        ),
    ),
)
"""What the words of other systems mean, the first that fits; everything else is `imported`."""


@dataclass(frozen=True)
class _Stop:
    address: str
    reason: str
    topic: str
    until: datetime | None


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of lines down; returns those that could not be used. Read again, it changes nothing."""
    refused, read = list[Refused](), dict[tuple[str, str], _Stop]()
    for line in lines:
        try:
            one = _read(line, ground, now)
        except ValueError as error:
            refused.append(Refused(line, str(error)))
            continue
        read[one.address, one.topic] = one  # the last of several lines about one address stands
    secret = ground.secret
    stops = [
        consent.stop(secret, "email", one.address, one.reason, now, topic=one.topic, until=one.until)
        for one in read.values()
    ]
    await consent.suppress_many(session, stops)
    await _withdraw(session, [(stop["address_hash"], stop["topic"]) for stop in stops if stop["reason"] == LEFT], now)
    return refused


def _reason(words: str) -> str:
    return next((name for name, known in _REASONS if known.search(words)), "imported")


def _read(line: Cells, ground: Ground, now: datetime) -> _Stop:
    address = contacts.normalise("email", line["address"])
    if address is None:
        raise ValueError(f"{line['address']!r} is not an e-mail address")
    if _is_wanted(line):
        raise ValueError(
            "the file does not say that this address wants no mail; if it wants some, `import customers` is for it"
        )
    topic, known = line["topic"].strip().lower(), ground.config.automations.topic_names
    if topic and topic not in known:
        raise ValueError(f"{line['topic']!r} is not a topic; known here: {', '.join(known)}")
    zone = clock.zone(ground.config.shop.timezone)
    assert zone is not None
    until = values.moment(line["until"], zone, line.day_order("until"))
    if until is not None and until <= now:
        raise ValueError(f"{line['until']!r} is over already")
    reason = "hard_bounce" if line["cleaned_at"] else LEFT if line["left_at"] else _reason(line["reason"])
    reason = _reason(line["reason"]) if _reason(line["reason"]) != "imported" else reason
    words = " ".join(line["reason"].split())
    if reason == "imported" and words.lower() not in ("", "imported"):
        line.told[
            f"reason {words[:60]!r} is not known and kept as imported;"
            f" known here: {', '.join(name for name, _ in _REASONS)}"
        ] = ""
    everything = "" if reason == "erased" else EVERY_TOPIC
    return _Stop(address, reason, topic or everything, until)


def _is_wanted(line: Cells) -> bool:
    """A file of everybody says of most that they are subscribed: those are no stops."""
    if line["left_at"] or line["cleaned_at"]:
        return False
    said = [consents.meaning(line[name]) for name in ("suppressions", "reason", "consent") if line[name]]
    return bool(said) and all(one in ("yes", "nothing") for one in said) and line["reason"].lower() not in _SILENT


_SILENT = ("none", "null", "-", "n/a", "unknown", "manual")


async def _withdraw(session: AsyncSession, left: Sequence[tuple[str, str]], now: datetime) -> None:
    """Where the ledger still says yes, it says no from now on: else a yes to one topic would bring all of it back."""
    ledger = table(Consent)
    said = sa.select(ledger.c.address_hash, ledger.c.topic, ledger.c.action, ledger.c.contact_id).where(
        ledger.c.channel == "email",
        ledger.c.address_hash.in_(sorted({mark for mark, _ in left})),
        ledger.c.action.in_(ANSWERS),
    )
    last: dict[str, dict[str, Mapping[str, object]]] = {}
    for row in (await session.execute(said.order_by(ledger.c.at, ledger.c.id))).mappings():
        last.setdefault(row["address_hash"], {})[row["topic"]] = dict(row)
    rows = []
    for mark, about in left:
        words = last.get(mark, {})
        for topic in words if about == EVERY_TOPIC else (about,):
            word = words.get(topic) or words.get(GENERAL)
            if word is not None and word["action"] == "granted":
                rows.append({
                    "contact_id": word["contact_id"], "address_hash": mark, "channel": "email", "topic": topic,
                    "action": "withdrawn", "source": _SOURCE, "at": now,
                })  # fmt: skip
    if rows:
        await session.execute(sa.insert(ledger), rows)
