"""The house that `app.py` builds once and hands to every part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.members import Members
from automations.audiences.segment_files import Segments
from automations.care import Care
from automations.definition import uses
from automations.definition.flow import Flow
from automations.definition.flow_files import Flows
from automations.definition.versions import Versions
from automations.running import segment_entries
from automations.running.starts import Starter
from bot.base.config import Config
from bot.base.database import Database
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplates
from bot.own_files import OwnFiles
from bot.support.desk import Desk

if TYPE_CHECKING:
    from aiogram import Bot


@dataclass(frozen=True)
class House:
    """What the parts share."""

    database: Database
    ground: Ground
    worker: int
    desk: Desk
    files: OwnFiles
    care: Care
    versions: Versions
    telegram: "Bot | None"

    @property
    def config(self) -> Config:
        return self.ground.config

    @property
    def mails(self) -> MailTemplates:
        return self.files.mails

    @property
    def flows(self) -> Flows:
        return self.files.flows.running

    @property
    def segments(self) -> Segments:
        return self.files.segments.segments

    @property
    def starter(self) -> Starter:
        return Starter(self.ground, self.care, self.versions, self.flows.definitions)

    @property
    def members(self) -> Members:
        """Of the segments that flows wait for: who comes into one enters these flows."""
        return Members(self.config, self.segments, lambda: uses.segments(self.flows), self._enter,
                       self.files.segments.overruled)  # fmt: skip

    async def look_first(self, flows: Iterable[Flow], segments: Segments | None = None) -> None:
        """Before these flows wait for somebody to come in: who is in already."""
        names = {flow.trigger.segment for flow in flows if flow.enabled and flow.trigger.segment}
        members = self.members if segments is None else replace(self.members, segments=segments)
        await members.first_look(self.database, names)

    async def look_before(self, segments: Segments) -> None:
        """Before these take the place of those in use: who came in by the old words, then who is in by the new ones."""
        await self.members.refresh(self.database)
        await self.look_first(self.flows, segments)

    async def _enter(self, session: AsyncSession, segment: str, ids: Sequence[int], now: datetime) -> None:
        await segment_entries.enter_segment(session, self.starter, self.flows, segment, ids, now)
