"""Segment files that change while the program runs: sound ones are taken, a wrong one changes nothing and is told."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from automations.audiences import segment_files
from automations.audiences.segment_files import Segments
from bot.base import logs
from bot.base.config import Config
from bot.base.errors import FindingsError
from bot.base.toml_source import marks

log = logs.get(__name__)

EVERY = 10.0
"""Seconds between two looks."""


@dataclass
class SegmentWatch:
    """`segments` are those in use. Raises FindingsError if the files are wrong when it is made."""

    config: Config
    segments: Segments = field(init=False)
    _seen: frozenset[tuple[str, int, int]] = field(init=False)
    _looking: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._seen = self._marks()  # before they are read: what changes after that is seen
        self.segments = segment_files.load(self.config)

    async def take_changes(self) -> None:
        """Whoever holds the segments sees the changed ones, if they are right."""
        async with self._looking:  # else a slow look could put older ones over newer ones
            changed = await asyncio.to_thread(self.look)
            if changed is not None:
                self.segments.take(changed)
                log.info("changed segments are in use", segments=sorted(changed))

    async def follow(self, stop: asyncio.Event) -> None:
        """For a process where nothing else repeats: look until the program stops."""
        while not stop.is_set():
            await self.take_changes()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)

    def look(self) -> Segments | None:
        """The segments of the files if these changed and are right; None if there is nothing new to use."""
        mark = self._marks()
        if mark == self._seen:
            return None
        self._seen = mark
        try:
            return segment_files.load(self.config)
        except FindingsError as error:
            for finding in error.findings:
                log.error("a changed segment is wrong, the segments from before go on", finding=str(finding))
            return None

    def _marks(self) -> frozenset[tuple[str, int, int]]:
        return marks(segment_files.every(self.config).values())
