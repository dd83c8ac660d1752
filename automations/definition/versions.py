"""Published flows: a changed file makes a new version, people inside stay with theirs until they are through."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition import flow
from automations.definition.flow import Flow
from automations.definition.flow_files import Flows
from bot.base import logs
from bot.base.database import insert, table
from bot.tables.automations import Enrolment, FlowPause, FlowVersion

log = logs.get(__name__)
_versions = table(FlowVersion)
_enrolments = table(Enrolment)
_pauses = table(FlowPause)


@dataclass(frozen=True)
class Version:
    """A published flow. `flow` is None if this program no longer understands its definition.

    `status` is the row's, or `paused` while the flow was told to rest, in whichever version its people are.
    """

    id: int
    number: int
    status: str
    name: str
    flow: Flow | None

    @property
    def runs(self) -> bool:
        return self.status in ("active", "draining") and self.flow is not None


def digest(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(definition, order="deterministic")).hexdigest()[:16]


async def publish(session: AsyncSession, flows: Flows, now: datetime, only: str | None = None) -> dict[str, int]:
    """Make what the files say the versions that enrol. Returns the id of the active version by flow name.

    A flow with `enabled = false` stops: its people stay where they are and go on when it is switched on again, with
    the lateness of their next mail decided as ever. A flow whose file is gone drains. People inside stay with their
    version; `running.publishing` takes them along, or ends what they are in, where the flow says so. With `only` the
    other flows stay as they are.
    """
    entered: dict[str, int] = {}
    for name, made in flows.by_name.items():
        if only not in (None, name):
            continue
        kept = {key: value for key, value in flows.definitions[name].items() if key != "enabled"}
        version_id = await put(session, name, kept, now)
        status = "active" if made.enabled else "stopped"
        slept = await session.scalar(
            sa.select(sa.func.count()).where(_versions.c.flow == name, _versions.c.status == "stopped")
        )
        await _set(session, [_versions.c.id == version_id], status)
        others = [_versions.c.flow == name, _versions.c.id != version_id]
        await _set(session, others, "draining" if made.enabled else "stopped")
        if made.enabled:
            entered[name] = version_id
            if slept:
                await _wake(session, name)
    if only is None:
        there = [*flows.by_name, *flows.broken]  # where a file is wrong, its people wait as they are
        gone = [_versions.c.flow.not_in(there or [""]), _versions.c.status == "active"]
        await _set(session, gone, "draining")
    return entered


async def active(session: AsyncSession) -> dict[str, int]:
    """The versions that people enter, by flow."""
    entered = sa.select(_versions.c.flow, _versions.c.id).where(_versions.c.status == "active")
    return {row.flow: row.id for row in await session.execute(entered.order_by(_versions.c.id))}


async def published(session: AsyncSession) -> dict[str, dict[str, Any]]:
    """The words of each flow as it was published last, unless its file was taken away since."""
    rows = sa.select(_versions.c.flow, _versions.c.status, _versions.c.definition).where(
        _versions.c.status.in_(("active", "stopped")), _versions.c.flow.not_like("broadcast:%")
    )
    # Of a flow that is on one version alone is active; of one that is switched off the newest counts.
    last = rows.order_by(sa.case((_versions.c.status == "active", 1), else_=0), _versions.c.number)
    found = await session.execute(last)
    return {row.flow: {**row.definition, **({} if row.status == "active" else {"enabled": False})} for row in found}


async def put(session: AsyncSession, name: str, definition: Mapping[str, Any], now: datetime) -> int:
    """The id of the version with that definition, made if it is new."""
    mark = digest(definition)
    same = sa.select(_versions.c.id).where(_versions.c.flow == name, _versions.c.digest == mark)
    found: int | None = await session.scalar(same)
    if found is not None:
        return found
    last = await session.scalar(sa.select(sa.func.max(_versions.c.number)).where(_versions.c.flow == name))
    await session.execute(
        insert(session, _versions)
        .values(flow=name, number=(last or 0) + 1, digest=mark, definition=dict(definition), status="active",
                published_at=now)
        .on_conflict_do_nothing()
    )  # fmt: skip
    made = await session.scalar(same)  # of another process, if it published the same file at the same moment
    assert made is not None
    log.info("flow published", flow=name, number=(last or 0) + 1)
    return int(made)


async def _set(session: AsyncSession, where: list[sa.ColumnElement[bool]], status: str) -> None:
    await session.execute(sa.update(_versions).where(*where, _versions.c.status != status).values(status=status))


async def _wake(session: AsyncSession, name: str) -> None:
    """Enrolments that were due while the flow was stopped (`planned_at` kept, nothing due) are due again."""
    mine = sa.select(_versions.c.id).where(_versions.c.flow == name)
    await session.execute(
        sa.update(_enrolments)
        .where(_enrolments.c.version_id.in_(mine), _enrolments.c.status == "active")
        .where(_enrolments.c.due_at.is_(None), _enrolments.c.planned_at.is_not(None))
        .values(due_at=_enrolments.c.planned_at)
    )


_STATUS = sa.case((_pauses.c.flow.is_not(None), "paused"), else_=_versions.c.status)
_STANDING = (
    sa.select(_versions.c.id, _versions.c.flow, _versions.c.number, _STATUS.label("status"))
    .outerjoin(_pauses, _pauses.c.flow == _versions.c.flow)
    .where(_versions.c.id.in_(sa.bindparam("wanted", expanding=True)))
)


class Versions:
    """Published flows by version id. A definition never changes, so it is read once; its status is read each time."""

    def __init__(self) -> None:
        self._flows: dict[int, Flow | None] = {}

    async def find(self, session: AsyncSession, version_ids: Collection[int]) -> dict[int, Version]:
        wanted = sorted(set(version_ids))
        if not wanted:
            return {}
        missing = [one for one in wanted if one not in self._flows]
        if missing:
            rows = sa.select(_versions.c.id, _versions.c.flow, _versions.c.definition)
            for row in await session.execute(rows.where(_versions.c.id.in_(missing))):
                self._flows[row.id] = _understood(row.flow, row.definition)
        found = await session.execute(_STANDING, {"wanted": wanted})
        return {row.id: Version(row.id, row.number, row.status, row.flow, self._flows[row.id]) for row in found}

    async def running(self, session: AsyncSession) -> dict[int, Version]:
        """Every version that people may be in or enter."""
        ids = (await session.scalars(sa.select(_versions.c.id).where(_versions.c.status != "stopped"))).all()
        return await self.find(session, ids)


def _understood(name: str, definition: dict[str, Any]) -> Flow | None:
    try:
        return flow.from_definition(name, definition)
    except ValidationError:
        log.warning("a published flow is no longer understood, its people leave it", flow=name)
        return None
