"""Segment files that change while the program runs: sound ones are taken, a wrong one changes nothing and is told."""

from dataclasses import dataclass, field

from automations.audiences import segment_files
from automations.audiences.segment_files import Segments
from bot.base import logs
from bot.base.config import Config
from bot.base.errors import FindingsError

log = logs.get(__name__)

Mark = frozenset[tuple[str, int, int]]


def _mark(config: Config) -> Mark:
    """Names, sizes and times of change of all files."""
    found = set()
    for file in segment_files.every(config).values():
        try:
            about = file.stat()
        except OSError:  # gone between the two looks
            continue
        found.add((str(file), about.st_mtime_ns, about.st_size))
    return frozenset(found)


@dataclass
class SegmentWatch:
    config: Config
    _seen: Mark = field(init=False)

    def __post_init__(self) -> None:
        self._seen = _mark(self.config)

    def look(self) -> Segments | None:
        """The segments of the files if these changed and are right; None if there is nothing new to use."""
        mark = _mark(self.config)
        if mark == self._seen:
            return None
        self._seen = mark
        try:
            return segment_files.load(self.config)
        except FindingsError as error:
            for finding in error.findings:
                log.error("a changed segment is wrong, the segments from before go on", finding=str(finding))
            return None
