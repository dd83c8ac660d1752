"""How work is started: decisions `kick` a kind, the program `every` so often looks for it, and `serve` runs it.

A kick only says "go and look": what is due stands in rows, so a lost or doubled kick does no harm. Two engines stand
behind these calls: in-process (below) and pgqueuer on PostgreSQL (`work_postgres`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


def kick(session: AsyncSession, kind: str) -> None:
    """After this transaction commits, let whoever works on `kind` look at once."""
    session.info.setdefault("kicks", set()).add(kind)


@dataclass(frozen=True)
class Kind:
    """One kind of due rows.

    `run` claims and does one batch and returns how many rows it took; it is called again until it takes none.
    `next_due` tells when the next row falls due (None: nothing waits), so that a loop can sleep until then.
    """

    name: str
    run: Callable[[], Awaitable[int]]
    next_due: Callable[[], Awaitable[datetime | None]] | None = None


class Engine(Protocol):
    """What starts work. `every` takes a cron line of five fields (or six, seconds last) and a coroutine function."""

    def every(self, cron: str, name: str, job: Callable[[], Awaitable[None]]) -> None: ...

    async def serve(self, kinds: list[Kind], stop: asyncio.Event) -> None:
        """Runs until `stop` is set; what is in work then is finished first."""
        ...
