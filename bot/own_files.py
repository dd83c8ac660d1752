"""The shop's own files as they run, of every kind in `KINDS`: what is wrong on disk changes nothing, and is told.

What is wrong when the program starts is used as it was when it was last right: flows as they were published, all else
as it is kept here. What never was right is off; nobody and nothing else waits for it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from automations.audiences.segment_watch import SegmentWatch
from automations.broadcasts import broadcast_files
from automations.definition import flow_files, versions
from automations.definition.flow import Flow
from automations.definition.flow_files import Now
from automations.definition.flow_watch import FlowWatch
from automations.definition.step import Step
from automations.subjects.wordings import Wordings
from bot.base import clock, logs, texts
from bot.base.config import Config
from bot.base.database import Database, insert, table
from bot.base.errors import Finding
from bot.base.texts import Texts
from bot.base.toml_source import marks
from bot.outbound.email.source import Source
from bot.outbound.email.templates import MailTemplates
from bot.outbound.template_watch import TemplateWatch
from bot.own_texts import OwnTexts
from bot.tables.settings import Setting

log = logs.get(__name__)

_SAID_AGAIN, _KEPT_FOR = timedelta(days=1), timedelta(days=30)
"""What is in use is said again once a day; what nobody has said for so long is kept no longer."""
_EVERY = 10.0  # seconds between two looks
_rows = table(Setting)
_KEPT = _TEMPLATE, _SEGMENT, _TEXT = "kept.template.", "kept.segment.", "kept.text."
"""Before the name of what is kept: a template with its language, a segment, another file."""


KINDS = ("template", "flow", "segment", "broadcast", *(one.kind for one in OwnTexts.of(Config(), Texts(())).kinds))
"""Of everything that a person edits, but the configuration itself."""


@dataclass
class OwnFiles:
    """`wrong` has everything that is wrong with the files as they stand."""

    config: Config
    mails: MailTemplates
    words: Wordings
    segments: SegmentWatch
    flows: FlowWatch
    templates: TemplateWatch
    texts: OwnTexts
    _broadcasts: tuple[Finding, ...] = ()
    _broadcasts_seen: frozenset[tuple[str, int, int]] = frozenset()
    _said_at: datetime | None = None
    _kept: dict[str, str] = field(default_factory=dict)
    """The digest of what is kept, by the name of its row."""

    @classmethod
    async def open(cls, config: Config, database: Database, spoken: Texts | None = None) -> "OwnFiles":
        """`spoken` are the short texts that everybody holds."""
        async with database.reading() as session:
            published = await versions.published(session)
            mine = sa.or_(*(_rows.c.name.startswith(prefix) for prefix in _KEPT))
            found = await session.execute(sa.select(_rows.c.name, _rows.c.value).where(mine))
            kept = {row.name: row.value for row in found}
        mails = MailTemplates(texts.folders(config.templates.folder), config.shop.language)
        words = Wordings(mails.folders)
        segments = SegmentWatch(config, {name: tree["tree"] for name, tree in _named(kept, _SEGMENT).items()})
        around = flow_files.around(config, Now(mails.names), words)
        beside = [*mails.folders[1:], *filter(None, [config.automations.segments_folder])]
        made = cls(config, mails, words, segments, FlowWatch(flow_files.folders(config), around, beside),
                   TemplateWatch(mails), OwnTexts.of(config, spoken or Texts(())))  # fmt: skip
        made.texts.begin(_named(kept, _TEXT))
        made._kept = {name: str(tree["digest"]) for name, tree in kept.items()}
        made.flows.begin(published)
        made.templates.fits, made.templates.needed = made._misfits, made._is_sent
        made.templates.begin({_key(name): tree for name, tree in _named(kept, _TEMPLATE).items()})
        made.look_at_broadcasts()
        return made

    @property
    def wrong(self) -> list[Finding]:
        of_templates = [one for findings in self.templates.wrong.values() for one in findings]
        of_segments = [*self.segments.wrong, *self.segments.overruled.values()]
        return list(
            dict.fromkeys([*of_templates, *self.flows.wrong, *of_segments, *self._broadcasts, *self.texts.wrong])
        )

    def look_at_broadcasts(self) -> None:
        """Nothing of their files runs by itself: what is wrong is told, so that it is mended before it is started."""
        seen = marks(broadcast_files.every(self.config))
        if seen == self._broadcasts_seen and not self._broadcasts:
            return
        self._broadcasts_seen = seen
        around = broadcast_files.around(self.config, self.mails.names(), self.words)
        findings = broadcast_files.sound(self.config, around)[1]
        for one in findings:
            if one not in self._broadcasts:
                log.error("a broadcast is wrong and cannot be started like that", finding=str(one))
        self._broadcasts = tuple(findings)

    async def follow(self, stop: asyncio.Event) -> None:
        """For a process where nothing else repeats: look until the program stops."""
        while not stop.is_set():
            await self.segments.take_changes()
            await asyncio.to_thread(self.templates.look)
            await self.take_texts()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY)

    async def take_texts(self) -> bool:
        """Texts, answers, macros, drills and care tips that changed. Whether there were any."""
        changes = await asyncio.to_thread(self.texts.look)
        for take in changes:
            take()
        return bool(changes)

    async def keep(self, database: Database) -> None:
        """What is in use stays for the next start. Other processes may have other files, so nothing is deleted but what
        none of them has had for long."""
        now = {_TEMPLATE + "/".join(key): tree for key, tree in self.templates.stored().items()}
        now |= {_TEXT + name: tree for name, tree in self.texts.stored().items()}
        now |= {_SEGMENT + name: {"digest": _digest(tree), "tree": tree} for name, tree in self._own_segments()}
        moment = clock.now()
        all_again = self._said_at is None or moment - self._said_at > _SAID_AGAIN
        new = now if all_again else {
            name: tree for name, tree in now.items() if self._kept.get(name) != tree["digest"]
        }  # fmt: skip
        if not new and not all_again:
            return
        async with database.transaction() as session:
            if all_again:
                mine = sa.or_(*(_rows.c.name.startswith(prefix) for prefix in _KEPT))
                await session.execute(sa.delete(_rows).where(mine, _rows.c.changed_at < moment - _KEPT_FOR))
            for name, tree in new.items():
                fresh = {"value": tree, "changed_at": moment}
                put = insert(session, _rows).values(name=name, **fresh)
                await session.execute(put.on_conflict_do_update(index_elements=[_rows.c.name], set_=fresh))
        self._said_at = moment if all_again else self._said_at
        self._kept = {name: str(tree["digest"]) for name, tree in now.items()}

    def _own_segments(self) -> Iterator[tuple[str, Any]]:
        folder = self.config.automations.segments_folder
        for name, tree in self.segments.segments.definitions.items():
            if folder is not None and self.segments.segments.files[name].is_relative_to(folder):
                yield name, msgspec.to_builtins(tree)

    # -- what others ask of a template -----------------------------------------------------------------------------

    def _misfits(self, one: Source) -> Iterable[Finding]:
        found: dict[Finding, None] = {}
        for about, who, step in self._sending(one.name):
            found |= dict.fromkeys(self.words.misfits(about, one, who, own_subject=step.subject is None))
        return list(found)

    def _is_sent(self, template: str) -> bool:
        return any(True for _ in self._sending(template))

    def _sending(self, template: str) -> Iterator[tuple[str, str, Step]]:
        """Every step that sends the mail: what it is about, whose it is."""
        for flow in list(self.flows.running):  # they may change meanwhile: this is asked in a thread
            for step in _steps(flow):
                if step.send == template and "email" in step.channels:
                    yield flow.about, f"the flow {flow.name}", step
        for name, found in broadcast_files.sound(self.config, broadcast_files.Around())[0].items():
            for step in broadcast_files.steps(found.broadcast):
                if step.send == template and "email" in step.channels:
                    yield "broadcast", f"the broadcast {name}", step


def _steps(flow: Flow) -> Iterator[Step]:
    arms = flow.experiment.variants if flow.experiment else {}
    for one in (flow, *(flow.for_variant(arm) for arm in arms)):
        yield from one.steps


def _named(kept: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): tree for name, tree in kept.items() if name.startswith(prefix)}


def _key(name: str) -> tuple[str, str]:
    template, _, language = name.rpartition("/")
    return template, language


def _digest(tree: Mapping[str, Any]) -> str:
    return blake2b(msgspec.json.encode(tree, order="deterministic"), digest_size=12).hexdigest()
