"""Files of the shop's own that are wrong, and mails that wait because they cannot be written: whoever leads is told
once, and once more when all is well again. `/healthz` says it as long as it lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.database import insert, table
from bot.base.errors import Finding
from bot.outbound import staff_group
from bot.outbound.outbox import UNWRITTEN
from bot.support.desk import Desk
from bot.support.escalation import alarms
from bot.support.routing import departments
from bot.tables.outbox import Message
from bot.tables.settings import Setting

_REMEMBERED = "files_to_mend"
_MOST = 10  # lines of one notice
_messages = table(Message)


@dataclass(frozen=True)
class ToMend:
    """`files` are places such as `welcome/en.mjml:12`, `unwritten` the mails that wait, by flow (or purpose)."""

    files: Sequence[str] = ()
    unwritten: dict[str, int] | None = None


async def to_mend(session: AsyncSession) -> ToMend:
    """As of the last look, a minute ago at most."""
    row = await session.get(Setting, _REMEMBERED, populate_existing=True)
    value = row.value if row is not None and isinstance(row.value, dict) else {}
    return ToMend(tuple(value.get("files", ())), dict(value.get("unwritten", {})))


async def waiting(session: AsyncSession) -> list[tuple[str, int, str]]:
    """Mails that wait because they cannot be written: their flow, how many, and why the newest of them cannot."""
    rows = (
        sa.select(_messages.c.flow, _messages.c.purpose, sa.func.count(), sa.func.max(_messages.c.id))
        .where(_messages.c.due_at.is_not(None), _messages.c.status == "deferred")
        .where(_messages.c.skip_reason == UNWRITTEN)
        .group_by(_messages.c.flow, _messages.c.purpose)
    )
    found = []
    for flow, purpose, count, newest in await session.execute(rows):
        verdicts: Any = await session.scalar(sa.select(_messages.c.verdicts).where(_messages.c.id == newest))
        why = (verdicts or {}).get("rendered") if isinstance(verdicts, dict) else None
        found.append((flow or purpose, count, str((why or {}).get("error", "")) if isinstance(why, dict) else ""))
    return sorted(found)


async def is_news(session: AsyncSession, wrong: Sequence[Finding]) -> bool:
    """Whether they stand otherwise than at the last look. It goes through all that waits to be sent."""
    before, after = await to_mend(session), _as_now(wrong, await waiting(session))
    return (list(before.files), before.unwritten or {}) != (list(after.files), after.unwritten)


def _as_now(wrong: Sequence[Finding], mails: Sequence[tuple[str, int, str]]) -> ToMend:
    return ToMend([_place(one) for one in wrong], {flow: count for flow, count, _ in mails})


async def found(session: AsyncSession, desk: Desk, wrong: Sequence[Finding], now: datetime) -> None:
    """That is how the files stand now. Told when one more is wrong, or more mails wait, and when all is well."""
    before, mails = await to_mend(session), await waiting(session)
    after = _as_now(wrong, mails)
    unwritten, known = after.unwritten or {}, before.unwritten or {}
    if (list(before.files), known) == (list(after.files), unwritten):
        return
    await _remember(session, {"files": list(after.files), "unwritten": unwritten}, now)
    new = {_file(one) for one in after.files} - {_file(one) for one in before.files} or unwritten.keys() - known.keys()
    well = not after.files and not unwritten
    if not new and not well:
        return
    lines = [f"• {one}" for one in wrong[:_MOST]]
    if len(wrong) > _MOST:
        lines.append(desk.staff("staff.files.more", count=len(wrong) - _MOST))
    lines += [
        desk.staff("staff.files.unwritten", count=count, flow=flow, why=why) for flow, count, why in mails[:_MOST]
    ]
    if well:
        lines = [desk.staff("staff.files.well")]
    else:
        lines.append(desk.staff("staff.files.mend"))
    text = "\n".join([desk.staff("staff.files.trouble"), *lines])
    groups = await staff_group.every(session, desk.ground.config)
    leading = dict.fromkeys(lead for name in departments.names(desk) for lead in departments.leads(desk, name))
    key = ids.stable("files", now.isoformat())
    alarm = alarms.Alarm(key, desk.staff("staff.files.mail"), text)
    await alarms.tell(session, desk, alarm, list(leading), next(iter(groups), None), now)


def _place(one: Finding) -> str:
    """Enough of it to be found, and nothing of where it lies on this machine."""
    file = "/".join(Path(str(one.file)).parts[-2:]) if one.file is not None else one.key or "config"
    return f"{file}:{one.line}" if one.line is not None else file


def _file(place: str) -> str:
    return place.rpartition(":")[0] or place


async def _remember(session: AsyncSession, value: dict[str, Any], now: datetime) -> None:
    rows = table(Setting)
    kept = insert(session, rows).values(name=_REMEMBERED, value=value, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[rows.c.name], set_={"value": value, "changed_at": now})
    )
