"""The house that `app.py` builds once and hands to every part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.members import Members
from automations.audiences.segment_files import Segments
from automations.audiences.segment_watch import SegmentWatch
from automations.care import Care
from automations.definition import uses
from automations.definition.flow_files import Flows
from automations.definition.flow_watch import FlowWatch
from automations.definition.versions import Versions
from automations.running import segment_entries
from automations.running.starts import Starter
from bot.base.config import Config
from bot.base.database import Database
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplates
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
    mails: MailTemplates
    care: Care
    flows: Flows
    watch: FlowWatch
    segment_watch: SegmentWatch
    versions: Versions
    telegram: "Bot | None"

    @property
    def config(self) -> Config:
        return self.ground.config

    @property
    def segments(self) -> Segments:
        return self.segment_watch.segments

    @property
    def starter(self) -> Starter:
        return Starter(self.ground, self.care, self.versions, self.flows.definitions)

    @property
    def members(self) -> Members:
        """Of the segments that flows wait for: who comes into one enters these flows."""
        return Members(self.config, self.segments, lambda: uses.segments(self.flows), self._enter)

    async def _enter(self, session: AsyncSession, segment: str, ids: Sequence[int], now: datetime) -> None:
        await segment_entries.enter_segment(session, self.starter, self.flows, segment, ids, now)
