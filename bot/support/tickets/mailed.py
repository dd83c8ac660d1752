"""How a mail of a customer looks to staff: what it is about or answers, the words, the files beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound.telegram_sizes import with_fold
from bot.support import by_mail
from bot.support.desk import Desk
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

_LINES = table(TicketMessage)
_OUTBOX = table(Message)
_MOST_FILES = 10


async def shown(session: AsyncSession, desk: Desk, line: TicketMessage) -> dict[str, Any]:
    """The mail as one text for the topic; what may be theirs or may be repeated is folded below."""
    mail = await by_mail.of_line(session, line)
    parts = [await _heading(session, desk, mail)] if mail is not None else []
    if mail is not None and await _may_be_forged(session, desk, line, mail):
        parts.append(desk.staff("staff.mail.unproven"))
    if mail is not None and (other := await _of_other(session, mail)) is not None:
        parts.append(desk.staff("staff.mail.other_address", number=other.number))
    parts.append(line.text)
    if files := line.attachment.get("files"):
        parts.append(_files(desk, files))
    if mail is not None and mail.cut:
        parts.append(desk.staff("staff.mail.cut", size=size(mail.size)))
    text = "\n".join(part for part in parts if part)
    if mail is None or not mail.folded:
        return {"text": text}
    return {"text": with_fold(text, mail.folded, desk.staff("staff.mail.whole", number=mail.id)), "html": True}


async def about(session: AsyncSession, desk: Desk, ticket: Ticket) -> str:
    """What the first mail of the ticket is about, for its card; empty if it has none."""
    said = sa.select(_LINES.c.provider_key).where(
        _LINES.c.ticket_id == ticket.id,
        _LINES.c.author == "customer",
        _LINES.c.provider_key.startswith(by_mail.KEY),
    )
    key = await session.scalar(said.order_by(_LINES.c.id).limit(1))
    mail = await session.get(ReceivedMail, int(key.removeprefix(by_mail.KEY))) if key else None
    return await _heading(session, desk, mail) if mail is not None else ""


async def _heading(session: AsyncSession, desk: Desk, mail: ReceivedMail) -> str:
    subject = by_mail.base_subject(mail.subject) or desk.staff("staff.mail.no_subject")
    answered = await _marketing(session, mail.about_id)
    if answered is None:
        return desk.staff("staff.mail.subject", subject=subject)
    flow, step = str(answered["flow"]).replace("_", " "), answered["step_id"] or "–"
    return desk.staff("staff.mail.answers", subject=subject, flow=flow, step=step)


async def _may_be_forged(session: AsyncSession, desk: Desk, line: TicketMessage, mail: ReceivedMail) -> bool:
    """Nothing shows that they wrote it, though something would: our mail server, or that they answered us before."""
    if mail.proven_by:
        return False
    if desk.ground.config.mailbox.trusted_servers:
        return True
    answers = sa.select(_LINES.c.id).where(
        _LINES.c.ticket_id == line.ticket_id, _LINES.c.author == "staff", _LINES.c.channel == by_mail.CHANNEL,
        _LINES.c.accepted_at.is_not(None), _LINES.c.id < line.id,
    )  # fmt: skip
    return line.ticket_id is not None and await session.scalar(answers.limit(1)) is not None


async def _of_other(session: AsyncSession, mail: ReceivedMail) -> Ticket | None:
    """The ticket whose answer this mail answers from an address that it did not go to: perhaps the same person's."""
    sent = await session.get(Message, mail.about_id) if mail.about_id is not None else None
    if sent is None or sent.ticket_id is None or sent.contact_id == mail.contact_id:
        return None
    return await session.get(Ticket, sent.ticket_id)


async def _marketing(session: AsyncSession, message_id: int | None) -> Mapping[str, Any] | None:
    """Flow and step of the mail that is answered, if a flow sent it."""
    if message_id is None:
        return None
    sent = sa.select(_OUTBOX.c.flow, _OUTBOX.c.step_id).where(_OUTBOX.c.id == message_id, _OUTBOX.c.flow.is_not(None))
    found = (await session.execute(sent)).mappings().one_or_none()
    return dict(found) if found is not None else None


def _files(desk: Desk, files: Sequence[Mapping[str, Any]]) -> str:
    names = [f"{one['name'] or one['kind']} ({size(int(one['size']))})" for one in files[:_MOST_FILES]]
    if len(files) > _MOST_FILES:
        names.append(f"+{len(files) - _MOST_FILES}")
    return desk.staff("staff.mail.files", files=", ".join(names))


def size(count: int) -> str:
    """Bytes for people: `34 KB`."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} KB"
    return f"{count / 1_000_000:.1f} MB"
