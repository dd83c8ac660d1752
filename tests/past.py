"""Clocks of the past for tests of reports and goals: written as they ended, without playing what led there."""

from datetime import timedelta
from typing import Any

import make
from conftest import NOON
from deskwork import Stage

from bot.tables.support import SlaTimer


async def add(stage: Stage, state: str, count: int = 1, *, waited: float | None = None, **fields: Any) -> list[int]:
    """So many first responses that started at noon; returns the ids of their tickets. `ticket` has columns of those."""
    ticket = fields.pop("ticket", {})
    start = fields.pop("start_at", NOON)
    done = start + timedelta(seconds=waited) if waited is not None else None
    plain = {
        "metric": "first_response", "policy": "chat", "channel": "telegram", "target_seconds": 30, "always_open": True,
        "start_at": start, "target_at": start + timedelta(seconds=30), "state": state, "answered_at": done,
        "settled_at": done, **fields,
    }  # fmt: skip
    numbers = range(stage.number + 1, stage.number + count + 1)
    stage.number += count
    async with stage.database.transaction() as session:
        cases = await make.tickets(session, numbers, contact_id=stage.contact.id, **ticket)
        session.add_all([SlaTimer(**{"ticket_id": case.id, **plain}) for case in cases])
    return [case.id or 0 for case in cases]
