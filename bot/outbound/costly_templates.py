"""Templates that were given up because they ask for more than a rendering may spend: kept until they are changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import paths
from bot.base.database import insert, table
from bot.outbound.chat_templates import ChatTemplate
from bot.outbound.email.templates import MailTemplate
from bot.tables.settings import Setting

_NAME = "costly_template:"
_rows = table(Setting)


@dataclass(frozen=True)
class CostlyTemplate:
    """`key` names all versions of a template in a language, for people too; `words` say what it asks for too much of.

    `files` are those that it was made of, with their times of change; `told` whether people heard of it.
    """

    key: str
    words: str
    files: tuple[tuple[str, int], ...]
    told: bool = False

    @property
    def place(self) -> Path:
        return paths.shown(Path(self.files[0][0]))

    def is_changed(self) -> bool:
        return any(_changed_at(Path(file)) != before for file, before in self.files)


def key_of(template: MailTemplate | ChatTemplate) -> str:
    return f"{_medium(template)}/{template.name} ({template.language})"


def described(template: MailTemplate | ChatTemplate, words: str) -> CostlyTemplate:
    """As it is kept; `words` are those of the error."""
    files = template.source.files if isinstance(template, MailTemplate) else ((template.file, template.changed_at),)
    return CostlyTemplate(key_of(template), words, tuple((str(file.resolve()), at) for file, at in files))


async def remember(session: AsyncSession, found: Sequence[CostlyTemplate], now: datetime) -> None:
    """What is kept already stays as it is, unless it is of a version from before."""
    kept = {one.key: one for one in await every(session)}
    for one in found:
        before = kept.get(one.key)
        if before is None or before.files != one.files:
            await _put(session, one, now)


async def forget(session: AsyncSession, keys: Collection[str]) -> None:
    await session.execute(sa.delete(_rows).where(_rows.c.name.in_([f"{_NAME}{key}" for key in sorted(keys)])))


async def mark_told(session: AsyncSession, one: CostlyTemplate, now: datetime) -> None:
    await _put(session, replace(one, told=True), now)


async def every(session: AsyncSession) -> list[CostlyTemplate]:
    found = await session.execute(
        sa.select(_rows.c.name, _rows.c.value).where(_rows.c.name.startswith(_NAME)).order_by(_rows.c.name)
    )
    return [_read(name.removeprefix(_NAME), value) for name, value in found]


async def given_up(session: AsyncSession) -> list[CostlyTemplate]:
    """Those that nobody changed since."""
    return [one for one in await every(session) if not one.is_changed()]


def _read(key: str, value: dict[str, Any]) -> CostlyTemplate:
    files = tuple((file, int(at)) for file, at in value["files"])
    return CostlyTemplate(key, value["words"], files, value["told"])


async def _put(session: AsyncSession, one: CostlyTemplate, now: datetime) -> None:
    value = {"words": one.words, "files": [list(file) for file in one.files], "told": one.told}
    put = insert(session, _rows).values(name=f"{_NAME}{one.key}", value=value, changed_at=now)
    await session.execute(
        put.on_conflict_do_update(index_elements=[_rows.c.name], set_={"value": value, "changed_at": now})
    )


def _medium(template: MailTemplate | ChatTemplate) -> str:
    return "email" if isinstance(template, MailTemplate) else "chat"


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
