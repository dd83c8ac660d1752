"""What whoever queued a message says right before it leaves, and how they are told of its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound.sender import Receipt


@dataclass(frozen=True)
class Send:
    """Let it leave, with this content. `values` are columns to keep with the row (template, revision, …).

    `riders` are rows of `lanes.behind` whose content is in this payload too: they end with it and as it does.
    """

    payload: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    riders: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Skip:
    """Do not send: `reason` is kept. `status` is skipped, or withheld for a hold-out."""

    reason: str
    status: str = "skipped"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Defer:
    """Not now: look again at `until`."""

    until: datetime
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a message ended: `status` is sent, failed, unknown, skipped or withheld; `reason` in one word."""

    status: str
    at: datetime
    reason: str = ""
    receipt: Receipt | None = None


class Stage(Protocol):
    """Whoever queued messages of a purpose: asked right before they leave, told how they ended.

    Both run inside the outbox's transaction and never commit.
    """

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]: ...

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None: ...
