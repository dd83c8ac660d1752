"""What people write below `templates/` beside mails, as it runs: short texts, ready answers, macros, drills, care tips,
messages for chats, pages; and the files with holidays.

Each kind is declared once, in `OwnTexts.of`; whoever holds a value sees what is taken later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from automations import care as care_files
from automations.care import Care
from bot.base import clock, page_files
from bot.base import texts as text_files
from bot.base.config import Config
from bot.base.errors import Finding
from bot.base.page_files import PageFiles
from bot.base.texts import Texts
from bot.base.toml_source import Instead
from bot.base.watched import Watched
from bot.outbound.chat_templates import ChatTemplates
from bot.support import answers as ready_answers
from bot.support import hours, scripts
from bot.support import macros as macro_files
from bot.support.hours import Calendar
from bot.support.macros import Macro
from bot.support.scripts import Script

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass
class OwnTexts:
    """`texts` are those that everybody holds already."""

    texts: Texts
    answers: ready_answers.Index = field(default_factory=lambda: ready_answers.Index([]))
    macros: dict[str, Macro] = field(default_factory=dict)
    drills: dict[tuple[str, str], Script] = field(default_factory=dict)
    care: Care = field(default_factory=lambda: Care({}))
    chats: ChatTemplates = field(default_factory=lambda: ChatTemplates([]))
    pages: PageFiles = field(default_factory=PageFiles)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    """As they were at the start: what changes later counts from the next one."""
    kinds: tuple[Watched[Any], ...] = ()

    @classmethod
    def of(cls, config: Config, spoken: Texts) -> "OwnTexts":
        own, folders = config.templates.folder, text_files.folders(config.templates.folder)
        chats = ChatTemplates(folders, config.shop.language)
        made = cls(spoken, chats=chats)
        made.kinds = (
            Watched("text", _below(own, "locale/*.po"), partial(text_files.sound, folders), spoken.take),
            Watched("answer", _below(own, "answers/*.toml"), partial(ready_answers.sound, folders), made.answers.take),
            Watched("macro", _below(own, "macros/*.toml"), partial(macro_files.sound, folders), _into(made.macros)),
            Watched("drill", _below(own, "drills/*.toml"), partial(scripts.sound, folders), _into(made.drills)),
            Watched("chat", _below(own, "chat/*/*.txt"), chats.sound, chats.take),
            Watched("page", _below(own, "pages/*.*"), partial(page_files.sound, folders), made.pages.take),
            Watched("holidays", partial(hours.files, config), partial(_calendars, config), _once(made.calendars)),
            Watched("care", _below(own, "care/*.toml"), partial(care_files.sound, folders), made.care.take),
        )
        return made

    @property
    def wrong(self) -> list[Finding]:
        return [*(one for kind in self.kinds for one in kind.wrong), *self.pages.failed.values()]

    def begin(self, kept: Mapping[str, Any]) -> None:
        """`kept` as `stored` made it."""
        for one in self.kinds:
            mine = f"{one.kind}/"
            one.begin({name.removeprefix(mine): tree for name, tree in kept.items() if name.startswith(mine)})

    def look(self) -> list[Callable[[], None]]:
        """What puts to use what changed: to be called where the values are used. Call it in a thread."""
        found = [(one, one.look()) for one in self.kinds]
        return [partial(one.take, value) for one, value in found if value is not None]

    def stored(self) -> dict[str, dict[str, Any]]:
        return {f"{one.kind}/{name}": tree for one in self.kinds for name, tree in one.stored().items()}


def _below(own: Path | None, pattern: str) -> Callable[[], dict[str, Path]]:
    def files() -> dict[str, Path]:
        found = sorted(own.glob(pattern)) if own is not None else []
        return {file.relative_to(own).as_posix(): file for file in found if own is not None}

    return files


def _calendars(config: Config, instead: Instead) -> tuple[dict[str, Calendar], list[Finding]]:
    return hours.sound(config, clock.now(), instead)


def _once(held: dict[_Key, _Value]) -> Callable[[Mapping[_Key, _Value]], None]:
    def take(found: Mapping[_Key, _Value]) -> None:
        if not held:
            held.update(found)

    return take


def _into(held: dict[_Key, _Value]) -> Callable[[Mapping[_Key, _Value]], None]:
    def take(found: Mapping[_Key, _Value]) -> None:
        held.clear()
        held.update(found)

    return take
