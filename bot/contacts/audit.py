"""The log of who looked into or changed what touches people: exports, erasures, blocks."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.tables.staff_room import AuditEntry


async def write(session: AsyncSession, actor: str, action: str, subject: str, now: datetime, **data: Any) -> None:
    """`actor` is `staff:ID`, `operator` (the command line) or `clock`; `subject` such as `contact:7`. No names."""
    session.add(AuditEntry(at=now, actor=actor, action=action, subject=subject, data=data))
    await session.flush()
