"""Mails into the database before the mailbox hears of it, each once, whatever number it comes under."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import insert, table
from bot.inbound.mailbox import headers
from bot.tables.mail import ReceivedMail

KIND = "mails"
_ROWS = table(ReceivedMail)
_HEAD = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)
_FROM = re.compile(rb"^from:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)


@dataclass(frozen=True)
class Fetched:
    """A mail as the mailbox gave it: `raw` only its beginning if `cut`, `size` that of the whole."""

    uid: int
    raw: bytes
    size: int
    received_at: datetime
    cut: bool = False


async def keep(session: AsyncSession, folder: str, uid_validity: int, mail: Fetched, now: datetime) -> bool:
    """Write it down, due at once. False if it came before: then only its number is kept."""
    own_name = f"{folder}:{uid_validity}:{mail.uid}"
    message_id, digest, before = identity(mail.raw, mail.size) if mail.raw else ("", own_name, own_name)
    row = {
        "folder": folder, "uid_validity": uid_validity, "uid": mail.uid, "message_id": message_id, "digest": digest,
        "raw": mail.raw, "size": mail.size, "cut": mail.cut, "received_at": mail.received_at, "stored_at": now,
        "put_away": not mail.raw, "kind": "", "status": "new", "rank": "page",
        "sender": "", "subject": "", "thread": [], "attempts": 0,
        "due_at": now,
    }  # fmt: skip
    added = insert(session, _ROWS).on_conflict_do_nothing().returning(_ROWS.c.id)
    kept = before != digest and await _is_kept(session, message_id, before)
    if not kept and await session.scalar(added.values(row)) is not None:
        work.kick(session, KIND)
        return True
    again = {
        **row, "message_id": "", "digest": own_name, "raw": b"", "status": "known",
        "due_at": None,
    }  # fmt: skip
    await session.execute(added.values(again))
    return False


async def _is_kept(session: AsyncSession, message_id: str, digest: str) -> bool:
    kept = sa.select(_ROWS.c.id).where(_ROWS.c.message_id == message_id, _ROWS.c.digest == digest)
    return await session.scalar(kept.limit(1)) is not None


def identity(raw: bytes, size: int) -> tuple[str, str, str]:
    """Message-ID and digest: what tells two mails apart that came under different numbers; and the digest that rows of
    before have, when it did not say who wrote.

    The way that a mail took stands in its head and differs, whose name it bears does not: a copy that somebody else
    sends first is another mail. Without a Message-ID the whole must be the same.
    """
    head = _HEAD.split(raw, maxsplit=1)
    found = _MESSAGE_ID.search(head[0])
    said = headers.plain(found[1].decode("utf-8", "replace")) if found else ""
    message_id = next(iter(headers.message_ids(said)), said[:250])
    told = (head[1] if len(head) > 1 else b"") if message_id else raw
    length = b"%d:" % (len(told) if size == len(raw) else size)
    before = sha256(length + told).hexdigest()
    if not message_id:
        return "", before, before
    written_by = b" ".join(b"\n".join(_FROM.findall(head[0])).split())
    return message_id, sha256(b"%s%s:" % (length, written_by) + told).hexdigest(), before


async def newest(session: AsyncSession, folder: str, uid_validity: int) -> int:
    """The highest number that is here; lower ones are, too, or were never wanted."""
    mine = sa.select(sa.func.max(_ROWS.c.uid)).where(_ROWS.c.folder == folder, _ROWS.c.uid_validity == uid_validity)
    return int(await session.scalar(mine) or 0)


async def to_put_away(session: AsyncSession, folder: str, uid_validity: int, most: int = 500) -> list[int]:
    """Numbers of mails that are here and not marked in the mailbox yet."""
    waiting = sa.select(_ROWS.c.uid).where(
        _ROWS.c.folder == folder, _ROWS.c.uid_validity == uid_validity, sa.not_(_ROWS.c.put_away)
    )
    return list((await session.scalars(waiting.order_by(_ROWS.c.uid).limit(most))).all())


async def are_put_away(session: AsyncSession, folder: str, uid_validity: int, uids: Sequence[int]) -> None:
    done = sa.update(_ROWS).where(_ROWS.c.folder == folder, _ROWS.c.uid_validity == uid_validity, _ROWS.c.uid.in_(uids))
    await session.execute(done.values(put_away=True))
