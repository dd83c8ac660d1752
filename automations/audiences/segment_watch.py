"""Segment files that change while the program runs: sound ones are taken, a wrong one stays as it was and is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from automations.audiences import segment_files
from automations.audiences.segment_files import Segments
from bot.base import clock, logs, paths
from bot.base.config import Config
from bot.base.errors import Finding
from bot.base.toml_source import marks

log = logs.get(__name__)

EVERY = 10.0
"""Seconds between two looks."""


Before = Callable[[Segments], Awaitable[object]]


async def _nothing(_found: Segments) -> None:
    return


@dataclass
class SegmentWatch:
    """`segments` are those in use. One whose file is wrong is used as it was, at first as it was `kept`.

    `wrong` is what is wrong with the files as they stand. `before` is told of what comes before it is in use.
    """

    config: Config
    kept: Mapping[str, Any] = field(default_factory=dict)
    before: Before = _nothing
    segments: Segments = field(init=False)
    wrong: tuple[Finding, ...] = field(init=False, default=())
    overruled: dict[str, Finding] = field(init=False, default_factory=dict)
    """Those that another process has in newer words."""
    _seen: frozenset[tuple[str, int, int]] = field(init=False)
    _looking: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._seen = self._marks()  # before they are read: what changes after that is seen
        self.segments, findings = segment_files.sound(self.config, self.kept)
        self._tell(findings, self.segments)

    async def take_changes(self) -> None:
        """Whoever holds the segments sees the changed ones, as far as they are right."""
        async with self._looking:  # else a slow look could put older ones over newer ones
            changed = await asyncio.to_thread(self.look)
            if changed is not None:
                await self.before(changed)
                self.segments.take(changed)
                log.info("changed segments are in use", segments=sorted(changed))

    async def follow(self, stop: asyncio.Event) -> None:
        """For a process where nothing else repeats: look until the program stops."""
        while not stop.is_set():
            await self.take_changes()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)

    def look(self) -> Segments | None:
        """The segments to use from now on if some changed; None if there is nothing new to use."""
        mark = self._marks()
        if mark == self._seen:
            return None
        found, findings = segment_files.sound(self.config, self.segments.definitions)
        self._seen = mark
        now, before = clock.now(), self.segments
        for name, tree in found.definitions.items():
            same = before.definitions.get(name) == tree
            found.edited[name] = before.edited.get(name, segment_files.NEVER) if same else now
        self._tell(findings, found)
        return None if found.definitions == self.segments.definitions else found

    def _tell(self, findings: Sequence[Finding], found: Segments) -> None:
        used = {paths.shown(found.files[name]) for name in found if name in found.files}
        for one in findings:
            if one not in self.wrong:
                goes_on = "as it was before it goes on" if one.file in used else "it is off, and nobody is in it"
                log.error(f"a segment is wrong, {goes_on}", finding=str(one))
        self.wrong = tuple(findings)

    def _marks(self) -> frozenset[tuple[str, int, int]]:
        return marks(segment_files.every(self.config).values())
