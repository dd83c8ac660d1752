"""The board in words: the list, one card, and what is to be told before it is told."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support.desk import Desk
from bot.support.feedback import board, telling
from bot.support.feedback.telling import Plan
from bot.tables.feedback import Improvement, ImprovementEvent, Voice

_LISTED = 20
_VOICES = table(Voice)
Content = dict[str, Any]


async def listed(session: AsyncSession, desk: Desk, department: str) -> str:
    """Open cards by votes."""
    cards = await board.listed(session, department)
    if not cards:
        return desk.staff("staff.board.empty")
    rows = [desk.staff("staff.board.title", department=department) if department else desk.staff("staff.board.all")]
    for card, votes in cards[:_LISTED]:
        where = f" · {card.department}" if card.department and not department else ""
        status = desk.staff(f"staff.idea.status.{card.status}")
        rows.append(f"💡{card.number} · {votes} 🗣 · {status}{where} · {card.title[:80]}")
    if len(cards) > _LISTED:
        rows.append(desk.staff("staff.board.more", count=len(cards) - _LISTED))
    return "\n".join(rows)


async def card(session: AsyncSession, desk: Desk, shown: Improvement) -> Content:
    """One card with its buttons."""
    counts = await _counts(session, shown)
    kind, status = desk.staff(f"staff.idea.kind.{shown.kind}"), desk.staff(f"staff.idea.status.{shown.status}")
    rows = [f"💡{shown.number} · {kind} · {shown.department or '-'} · {status}", shown.title, ""]
    rows.append(desk.staff("staff.idea.asked", count=sum(counts.values())))
    if told := counts.get("told", 0) + counts.get("queued", 0) + counts.get("unknown", 0):
        rows.append(desk.staff("staff.idea.told", told=told, refused=counts.get("refused", 0)))
    for language, words in sorted(shown.outcome.items()):
        rows.append(desk.staff("staff.idea.words", language=language, words=words))
    if shown.note:
        rows += [desk.staff("staff.idea.notes"), shown.note]
    if shown.merged_into is not None:
        into = await session.get(Improvement, shown.merged_into)
        rows.append(desk.staff("staff.idea.in", number=into.number if into else "-"))
        return {"text": "\n".join(rows)}
    buttons = [
        {"text": desk.staff(f"staff.idea.status.{status}"), "data": f"1:idea_to:{shown.id}:{status}"}
        for status in board.STATUSES
        if status not in (shown.status, "noted") or status in board.ENDS
    ]
    return {"text": "\n".join(rows), "buttons": [buttons[start : start + 2] for start in range(0, len(buttons), 2)]}


async def _counts(session: AsyncSession, shown: Improvement) -> dict[str, int]:
    """Voices by what has been told."""
    mine = sa.select(_VOICES.c.told, sa.func.count()).where(_VOICES.c.improvement_id == shown.id)
    return {told: int(count) for told, count in (await session.execute(mine.group_by(_VOICES.c.told))).all()}


async def preview(session: AsyncSession, desk: Desk, shown: Improvement, status: str, plan: Plan) -> Content:
    """What customers would read and how many, with the button that does it."""
    will = sum(plan.will.values())
    name = desk.staff(f"staff.idea.status.{status}")
    rows = [desk.staff("staff.idea.preview", number=shown.number, title=shown.title, status=name)]
    rows.append(desk.staff("staff.idea.will", count=will))
    for language, count in sorted(plan.will.items()):
        words = shown.outcome.get(language) or desk.say(language, f"told.{status}")
        ours = "" if shown.outcome.get(language) else f" {desk.staff('staff.idea.ours')}"
        rows.append(f"\n{language} ({count}){ours}\n{words}")
    if plan.refused:
        rows.append("\n" + desk.staff("staff.idea.refused", reasons=reasons(desk, plan)))
    if plan.before:
        rows.append(desk.staff("staff.idea.before", count=plan.before))
    rows.append("\n" + desk.staff("staff.idea.change_words", number=shown.number))
    tell = {"text": desk.staff("staff.idea.button.tell", count=will), "data": f"1:idea_end:{shown.id}:{status}"}
    quietly = {"text": desk.staff("staff.idea.button.quietly"), "data": f"1:idea_quiet:{shown.id}:{status}"}
    back = {"text": desk.staff("staff.idea.button.back"), "data": f"1:idea:{shown.id}"}
    return {"text": "\n".join(rows), "buttons": [[tell], [quietly, back]]}


def reasons(desk: Desk, plan: Plan) -> str:
    return ", ".join(f"{desk.staff(f'staff.idea.why.{why}')} {count}" for why, count in sorted(plan.refused.items()))


def done(desk: Desk, shown: Improvement, plan: Plan | None) -> str:
    """After it was decided. `plan` None: nobody is told."""
    status = desk.staff(f"staff.idea.status.{shown.status}")
    rows = [f"💡{shown.number} · {status} · {shown.title}"]
    if plan is None:
        rows.append(desk.staff("staff.idea.quiet"))
        return "\n".join(rows)
    rows.append(desk.staff("staff.idea.telling", count=sum(plan.will.values())))
    if plan.refused:
        rows.append(desk.staff("staff.idea.refused", reasons=reasons(desk, plan)))
    if plan.before:
        rows.append(desk.staff("staff.idea.before", count=plan.before))
    return "\n".join(rows)


async def proposed(session: AsyncSession, shown: Improvement) -> str | None:
    """The end that staff are about to give the card: pressed last, or where it is."""
    if shown.status in board.ENDS:
        return shown.status
    asked = select(ImprovementEvent).where(
        ImprovementEvent.improvement_id == shown.id, col(ImprovementEvent.name).in_(("proposed", "moved"))
    )
    last = (await session.scalars(asked.order_by(col(ImprovementEvent.id).desc()).limit(1))).first()
    return str(last.data["status"]) if last is not None and last.name == "proposed" else None


async def preview_of(session: AsyncSession, desk: Desk, shown: Improvement, status: str, now: Any) -> Content:
    return await preview(session, desk, shown, status, await telling.plan(session, desk, shown, now))
