"""Templates that ask for more than a rendering may spend, one reader after another: given up until they are changed.

Finding that out takes as long as a rendering may last, and it would for every reader.
"""

from collections.abc import Hashable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.outbound import costly_templates
from bot.outbound.chat_templates import ChatTemplate
from bot.outbound.costly_templates import CostlyTemplate
from bot.outbound.email.templates import MailTemplate

log = logs.get(__name__)

_MOST = 3  # readers in a row: one with very many things makes no template wrong, however often it is tried


class Spending:
    """Counted while the program runs; a template with another revision, or another subject of its step, is another one.

    What is given up is also kept in the database, for `check`, `/healthz` and whoever leads, until it renders well.
    """

    def __init__(self) -> None:
        self._exceeded: dict[Hashable, set[int]] = {}
        self._given_up: dict[Hashable, CostlyTemplate] = {}
        self._well: set[str] = set()

    def is_given_up(self, template: MailTemplate | ChatTemplate, subject: str | None) -> bool:
        return len(self._exceeded.get(_version(template, subject), ())) >= _MOST

    def exceeded(self, template: MailTemplate | ChatTemplate, subject: str | None, reader: int, words: str) -> None:
        """Told once, when it is given up."""
        version = _version(template, subject)
        readers = self._exceeded.setdefault(version, set())
        readers.add(reader)
        if len(readers) == _MOST and version not in self._given_up:
            found = self._given_up[version] = costly_templates.described(template, words)
            log.error("a template asks for too much, nothing of it is sent until it is changed", template=found.key,
                      detail=words)  # fmt: skip

    def kept_within(self, template: MailTemplate | ChatTemplate, subject: str | None) -> None:
        self._exceeded.pop(_version(template, subject), None)
        self._well.add(costly_templates.key_of(template))

    async def keep(self, session: AsyncSession, now: datetime) -> None:
        """Write down what is given up, and that what renders well is not any more."""
        self._given_up = {version: one for version, one in self._given_up.items() if not one.is_changed()}
        given_up = {one.key: one for one in self._given_up.values()}
        listed = {one.key for one in await costly_templates.every(session)}
        if mended := listed & self._well - given_up.keys():
            await costly_templates.forget(session, mended)
        if given_up:
            await costly_templates.remember(session, list(given_up.values()), now)
        self._well.clear()


def _version(template: MailTemplate | ChatTemplate, subject: str | None) -> Hashable:
    if isinstance(template, MailTemplate):
        return template.revision, subject
    return template.file, template.changed_at, subject
