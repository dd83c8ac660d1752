"""Templates that ask for more than a rendering may spend, one reader after another: given up until they are changed.

Finding that out takes as long as a rendering may last, and it would for every reader.
"""

from collections.abc import Hashable

from bot.base import logs

log = logs.get(__name__)

_MOST = 3  # in a row: one reader with very many things makes no template wrong


class Spending:
    """Counted while the program runs; a changed template is another `version`."""

    def __init__(self) -> None:
        self._exceeded: dict[Hashable, int] = {}

    def is_given_up(self, version: Hashable) -> bool:
        return self._exceeded.get(version, 0) >= _MOST

    def exceeded(self, version: Hashable, words: str) -> None:
        """Told once, when it is given up."""
        self._exceeded[version] = self._exceeded.get(version, 0) + 1
        if self._exceeded[version] == _MOST:
            log.error("a template asks for too much, nothing of it is sent until it is changed", detail=words)

    def kept_within(self, version: Hashable) -> None:
        self._exceeded.pop(version, None)
