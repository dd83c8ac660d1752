"""What staff press about unknown senders who wait: show them, open each or all, mark as spam, take that back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import by_mail, post, typed
from bot.support.newcomers import notice, waiting
from bot.tables.mail import NewSender

_SHOWN = 6
_LONGEST = 120
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def _pressed(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> str | None:
    """`press.id` is the newest row that the notice counted, or the row of one sender."""
    match press.extra:
        case "list":
            await _post(session, press, await _list(session, press, danger=danger))
        case "open":
            return await _open_all(session, press, danger=danger)
        case "spam":
            await _post(session, press, await _ask(session, press, danger=danger))
        case "spam_yes":
            await _spam_all(session, press, danger=danger)
        case "spam_no":
            await _instead(session, press, {"text": press.desk.staff("staff.newcomers.left"), "buttons": []})
        case "open_one":
            return await _open_one(session, press, danger=danger)
        case "spam_one":
            return await _spam_one(session, press, danger=danger)
        case "undo":
            return await _undo(session, press)
        case _:
            return press.desk.staff("pressed.gone")
    return None


async def _list(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> Mapping[str, Any]:
    """The oldest, each with its subject and the beginning of its words, and two buttons."""
    desk, rows = press.desk, await waiting.oldest(session, _SHOWN, danger=danger)
    words = "staff.newcomers_danger" if danger else "staff.newcomers"
    if not rows:
        return {"text": desk.staff(f"{words}.none"), "buttons": []}
    lines, buttons = [desk.staff(f"{words}.list", many=await notice.many(session, danger=danger))], []
    for place, row in enumerate(rows, 1):
        lines.append(f"{place}. {await _one(session, press, row)}")
        says = ((one, desk.staff(f"staff.button.newcomers_{one}", place=place)) for one in ("open_one", "spam_one"))
        data = f"1:{notice.purpose(danger=danger)}:{row.id}"
        buttons.append([{"text": text, "data": f"{data}:{name}"} for name, text in says])
    more = notice.button(desk, "newcomers_more", 0, "list", danger=danger)
    return {"text": "\n".join(lines), "buttons": [*buttons, [more]]}


async def _one(session: AsyncSession, press: typed.Pressed, row: NewSender) -> str:
    said = await waiting.said(session, row)
    mail = await by_mail.of_line(session, said[0]) if said else None
    if mail is None:
        return press.desk.when(row.since, press.now)
    words = " ".join(said[0].text.split())
    begin = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    more = f" (+{len(said) - 1})" if len(said) > 1 else ""
    return f"{press.desk.when(row.since, press.now)} {mail.sender[:80]}{more}: {mail.subject[:80]}\n{begin}"


async def _open_one(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> str:
    ticket = await waiting.let_in(session, press.desk, press.id, press.by, press.now)
    await _instead(session, press, await _list(session, press, danger=danger))
    if ticket is None:
        return press.desk.staff("pressed.gone")
    return press.desk.staff("staff.newcomers.opened", number=ticket.number)


async def _open_all(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> str:
    """The first at once; the others follow each minute, as fast as the group takes them."""
    many = await waiting.call_in(session, press.id, press.by, press.now, danger=danger)
    for row in await waiting.oldest(session, waiting.A_RUN, press.id, danger=danger):
        await waiting.let_in(session, press.desk, row.id or 0, press.by, press.now)
    return press.desk.staff("staff.newcomers.called", many=many)


async def _ask(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> Mapping[str, Any]:
    desk, names = press.desk, ("spam_yes", "spam_no")
    buttons = [notice.button(desk, f"newcomers_{name}", press.id, name, danger=danger) for name in names]
    many = await notice.many(session, press.id, danger=danger)
    words = "staff.newcomers_danger" if danger else "staff.newcomers"
    return {"text": desk.staff(f"{words}.ask_spam", many=many), "buttons": [buttons]}


async def _spam_all(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> None:
    """Only who stood there when it was asked."""
    many = await waiting.mark_spam(session, press.by, press.now, upto=press.id, danger=danger)
    await _instead(session, press, _marked(press, many))
    await notice.count(session, press.desk, press.now, danger=danger)


async def _spam_one(session: AsyncSession, press: typed.Pressed, *, danger: bool) -> str | None:
    if not await waiting.mark_spam(session, press.by, press.now, one=press.id):
        return press.desk.staff("pressed.gone")
    await _instead(session, press, await _list(session, press, danger=danger))
    await _post(session, press, _marked(press, 1))
    await notice.count(session, press.desk, press.now, danger=danger)
    return None


def _marked(press: typed.Pressed, many: int) -> Mapping[str, Any]:
    """With the way back: the moment names who was marked together."""
    moment = (press.now - _EPOCH) // timedelta(microseconds=1)
    text = press.desk.staff("staff.newcomers.spam", many=many, who=press.staff.name)
    return {"text": text, "buttons": [[notice.button(press.desk, "notspam", moment, "undo")]]}


async def _undo(session: AsyncSession, press: typed.Pressed) -> str:
    marked_at = _EPOCH + timedelta(microseconds=press.id)
    many = await waiting.unmark(session, marked_at, press.by, press.now)
    await _instead(session, press, {"text": press.desk.staff("staff.newcomers.again", many=many), "buttons": []})
    for danger in (False, True):
        await notice.count(session, press.desk, press.now, danger=danger)
    return press.desk.staff("staff.newcomers.again", many=many)


async def _post(session: AsyncSession, press: typed.Pressed, content: Mapping[str, Any]) -> None:
    """Below the notice; the list that is pressed again turns over in its place."""
    if press.extra == "list" and press.id == 0:
        await _instead(session, press, content)
        return
    key = ids.stable("newcomers", press.chat_id, press.message_id, press.extra, press.now.isoformat())
    await post.to_staff(session, press.chat_id, content, key, press.now)


async def _instead(session: AsyncSession, press: typed.Pressed, content: Mapping[str, Any]) -> None:
    key = ids.stable("newcomers", press.chat_id, press.message_id, press.extra, press.id, press.now.isoformat())
    await post.to_staff(session, press.chat_id, {"edit": press.message_id, **content}, key, press.now)


BUTTONS: typed.Buttons = {notice.purpose(danger=danger): partial(_pressed, danger=danger) for danger in (False, True)}
