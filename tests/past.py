"""Clocks of the past for tests of reports and goals: written as they ended, without playing what led there."""

from datetime import timedelta
from typing import Any

import make
from conftest import NOON
from deskwork import Stage

from bot.tables.support import SlaTimer


async def add(stage: Stage, state: str, count: int = 1, *, waited: float | None = None, **fields: Any) -> list[int]:
    """So many first responses that started at noon; returns the ids of their tickets. `ticket` has columns of those."""
    ticket, made = fields.pop("ticket", {}), []
    start = fields.pop("start_at", NOON)
    done = start + timedelta(seconds=waited) if waited is not None else None
    async with stage.database.transaction() as session:
        for _ in range(count):
            stage.number += 1
            case = await make.ticket(session, stage.number, contact_id=stage.contact.id, **ticket)
            plain = {
                "metric": "first_response", "policy": "chat", "channel": "telegram", "target_seconds": 30,
                "always_open": True, "start_at": start, "target_at": start + timedelta(seconds=30), "state": state,
                "answered_at": done, "settled_at": done,
            }  # fmt: skip
            session.add(SlaTimer(**{**plain, "ticket_id": case.id, **fields}))
            made.append(case.id or 0)
    return made
