"""Everything that is kept of a person, as a zip for them (GDPR Art. 15 and 20): readable, and as JSON.

What belongs to a person, and what of it they may see, is declared at the tables (`Personal`). Browsers for which a page
claimed an address of theirs are left out on purpose, with all they did and what of it was refused: whoever sat there
may be somebody else.
"""

import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import personal
from bot.base.database import table
from bot.contacts import belonging, mentions
from bot.contacts.belonging import person
from bot.tables.mail import ReceivedMail

Rows = Sequence[Mapping[str, Any]]

_NEVER = frozenset({"lease_until", "lease_by", "attempts", "due_at"})
"""Columns of our own housekeeping."""


async def collect(session: AsyncSession, contact_id: int, secret: str) -> dict[str, list[dict[str, Any]]]:
    """What they may have, by name: rows as plain dicts, oldest first. Notes of staff among themselves stay inside."""
    whose = await person(session, contact_id, secret)
    found = {}
    for model, said in personal.registry().items():
        if not said.inside:
            rows, mine = table(model), belonging.theirs(model, said.shown or said.whose, whose)
            if said.raw:
                told = await mentions.find(session, model, said, whose)
                mine = sa.or_(mine, rows.c.id.in_([one.id for one in told if one.certain and not one.claimed]))
            apart = (rows.c[name].not_in(values) for name, values in said.apart.items())
            asked = sa.select(rows).where(mine, *apart).order_by(*rows.primary_key.columns)
            hidden = _NEVER | set(said.hidden.split())
            found[said.name] = [_plain(row, hidden) for row in (await session.execute(asked)).mappings()]
    return found


def _plain(row: Mapping[Any, Any], hidden: Collection[str]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items() if str(key) not in hidden and value not in (None, "", {}, [])}


async def zipped(session: AsyncSession, contact_id: int, secret: str, now: datetime) -> bytes:
    """A zip with one JSON file per subject, the conversation to read, and every mail as HTML or text."""
    found = await collect(session, contact_id, secret)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _contents(found, now))
        archive.writestr("conversation.txt", _conversation(found["conversation"]))
        for name, rows in found.items():
            archive.writestr(f"{name.replace(' ', '_')}.json", _json(rows))
        for number, raw in await _received(session, found["mails received"]):
            archive.writestr(f"mails/received-{number}.eml", raw)
        for row in found["messages sent"]:
            content = row.get("payload", {})
            if row["channel"] == "email" and (words := content.get("html") or content.get("text")):
                archive.writestr(f"mails/{row['id']}.{'html' if content.get('html') else 'txt'}", str(words))
    return made.getvalue()


async def _received(session: AsyncSession, rows: Rows) -> Sequence[tuple[int, bytes]]:
    """The mails that they wrote, as they came."""
    mails = table(ReceivedMail)
    mine = sa.select(mails.c.id, mails.c.raw).where(mails.c.id.in_([row["id"] for row in rows]), mails.c.raw != b"")
    return [(number, raw) for number, raw in await session.execute(mine)]


def _json(rows: Rows) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2, default=_word)


def _word(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _conversation(lines: Rows) -> str:
    """Oldest first: when, on which channel, who, what."""
    told = sorted(lines, key=lambda line: (line["at"], line["id"]))
    rows = []
    for line in told:
        kind = line.get("attachment", {}).get("kind")
        words = " ".join(part for part in (f"[{kind}]" if kind else "", line.get("text", "")) if part)
        rows.append(f"{line['at']:%Y-%m-%d %H:%M:%S} UTC  {line['channel']}  {line['author']}: {words}")
    return "\n".join(rows) + "\n"


def _contents(found: Mapping[str, Rows], now: datetime) -> str:
    lines = [f"What is kept, as of {now:%Y-%m-%d %H:%M} UTC. Times are UTC, amounts in the smallest unit.", ""]
    lines += [f"{name.replace(' ', '_')}.json  {len(rows)}" for name, rows in found.items()]
    return "\n".join([*lines, "conversation.txt  everything said, to read", "mails/  every mail as it was sent", ""])
