"""Publishing with the people inside in mind: a changed flow lets them through, takes them along, or ends for them."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition import versions
from automations.definition.flow import Flow
from automations.definition.flow_files import Flows
from automations.definition.step import Step
from automations.definition.versions import Version, Versions
from automations.running import exits, waits
from bot.base import logs, work
from bot.base.database import table
from bot.base.ground import Ground
from bot.contacts import zones
from bot.tables.automations import Enrolment
from bot.tables.people import Contact

log = logs.get(__name__)

How = Literal["drain", "move", "stop"]

_BATCH = 1000
_WAITS = (0.0, 0.1, 0.3, 1.0)  # seconds before each look at those who were busy
_rows = table(Enrolment)


async def publish(
    session: AsyncSession, ground: Ground, flows: Flows, now: datetime, *, only: str | None = None,
    how: How | None = None,
) -> dict[str, Counter[str]]:  # fmt: skip
    """`versions.publish`, then what becomes of those inside older versions. Returns by flow how many moved or left.

    A flow that changed says so itself (`on_change`); `how` is what somebody wants now, for the flow `only` or for all.
    drain: they go through the version that they entered. move: who stands at a step that the new version has goes on
    there, counted from when they came to it; the others leave. stop: all leave. No row is ever deleted.
    """
    before = await versions.active(session)
    entered = await versions.publish(session, flows, now, only)
    told: dict[str, Counter[str]] = {}
    for name, version_id in entered.items():
        made = flows.by_name[name]
        changed = name in before and before[name] != version_id
        wanted = how or (made.on_change if changed else "drain")
        if wanted != "drain":
            told[name] = await _resettle(session, ground, made, version_id, wanted, now)
            log.info("people of older versions", flow=name, how=wanted, **told[name])
    return told


async def _resettle(
    session: AsyncSession, ground: Ground, flow: Flow, version_id: int, how: How, now: datetime
) -> Counter[str]:
    """Nobody is waited for whom another transaction holds: it may wait for somebody we hold. They are asked for again,
    and whoever is held all the time drains.
    """
    told: Counter[str] = Counter()
    known = Versions()
    if how == "move":
        told.update(moved=await _unchanged(session, known, flow, version_id))
    older = _older(flow, version_id)
    inside = sa.select(_rows).where(*older, _rows.c.id > sa.bindparam("last")).order_by(_rows.c.id).limit(_BATCH)
    for wait in _WAITS:
        await asyncio.sleep(wait)
        last = 0
        while rows := [dict(row) for row in (await session.execute(_free(inside), {"last": last})).mappings()]:
            last = rows[-1]["id"]
            await _settle(session, ground, known, rows, (flow, version_id, how), told, now)
        if await session.scalar(sa.select(_rows.c.id).where(*older).limit(1)) is None:
            break
    else:
        log.warning("some people stay in their older version: they were busy all the time", flow=flow.name)
    work.kick(session, "enrolments")
    return +told


def _older(flow: Flow, version_id: int) -> list[sa.ColumnElement[bool]]:
    return [_rows.c.flow == flow.name, _rows.c.version_id != version_id, _rows.c.status == "active"]


def _free(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.with_for_update(skip_locked=True, key_share=True)


async def _settle(
    session: AsyncSession, ground: Ground, known: Versions, rows: Sequence[Mapping[str, Any]],
    wanted: tuple[Flow, int, How], told: Counter[str], now: datetime,
) -> None:  # fmt: skip
    flow, version_id, how = wanted
    if how == "stop":
        await _leave(session, {row["id"]: "stopped" for row in rows}, told, now)
        return
    olds = await known.find(session, {row["version_id"] for row in rows})
    reasons = {row["id"]: reason for row in rows if (reason := _cannot(row, olds.get(row["version_id"]), flow))}
    await _leave(session, reasons, told, now)
    staying = [row for row in rows if row["id"] not in reasons]
    places = await _zones(session, ground, staying)
    changes = [_moved(row, olds[row["version_id"]], flow, version_id, places, now) for row in staying]
    if changes:
        await session.execute(_MOVE, changes)
        told["moved"] += len(changes)


async def _unchanged(session: AsyncSession, known: Versions, flow: Flow, version_id: int) -> int:
    """Whoever stands at a step that is the same in both only changes the version: one statement for however many."""
    ids = (await session.scalars(sa.select(_rows.c.version_id).where(*_older(flow, version_id)).distinct())).all()
    moved = 0
    for old in (await known.find(session, ids)).values():
        if old.flow is None or old.flow.experiment != flow.experiment:
            continue
        same = [step.id for step in flow.steps if _same_time(old.flow.step(step.id), step)]
        there = sa.select(_rows.c.id).where(
            _rows.c.flow == flow.name, _rows.c.version_id == old.id, _rows.c.status == "active",
            _rows.c.step_id.in_(same),
        )  # fmt: skip
        going = sa.update(_rows).where(_rows.c.id.in_(_free(there)))
        done = await session.execute(going.values(version_id=version_id))
        moved += done.rowcount  # type: ignore[attr-defined]
    return moved


def _same_time(was: Step | None, step: Step) -> bool:
    """It rests there as long as before, if at all."""
    return was is not None and (was.kind, was.wait, was.wait_for) == (step.kind, step.wait, step.wait_for)


async def _leave(session: AsyncSession, reasons: Mapping[int, str], told: Counter[str], now: datetime) -> None:
    for reason in sorted(set(reasons.values())):
        await exits.leave(session, [one for one, why in reasons.items() if why == reason], reason, now)
    told.update(reasons.values())


def _cannot(row: Mapping[str, Any], old: Version | None, flow: Flow) -> str:
    """Why somebody cannot go on in the new version; empty if they can."""
    step = flow.step(row["step_id"])
    if step is None:
        return "step_removed"
    was = old.flow.step(row["step_id"]) if old and old.flow else None
    return "" if was is not None and was.kind == step.kind else "version_moved"


def _moved(
    row: Mapping[str, Any], old: Version, flow: Flow, version_id: int, places: Mapping[int, ZoneInfo], now: datetime
) -> dict[str, Any]:
    """What a changed step makes of the time: counted from when it was entered, at once if that is past. Then it does
    not count as late, for it was we who moved it."""
    variant = row["variant"] if _same_experiment(old, flow, row["variant"]) else ""
    assert old.flow is not None
    was = old.flow.for_variant(row["variant"]).step(row["step_id"])
    step = flow.for_variant(variant).step(row["step_id"])
    assert was is not None and step is not None
    due, planned = row["due_at"], row["planned_at"]
    heard = step.id in (row["context"].get("heard") or {})
    at = None
    if step.wait and step.wait != was.wait:
        at = waits.end(step.wait, row["step_entered_at"], places[row["contact_id"]], row["context"])
    elif step.wait_for and step.wait_for != was.wait_for and not heard:
        at = row["step_entered_at"] + step.wait_for.timeout
    if at is not None:
        due = planned = max(at, now)
    return {"row_id": row["id"], "new_version": version_id, "new_due": due, "new_planned": planned,
            "new_variant": variant}  # fmt: skip


def _same_experiment(old: Version, flow: Flow, variant: str) -> bool:
    """Whoever was drawn for another experiment is in none of the new version."""
    was = old.flow.experiment if old.flow else None
    return bool(variant and was and flow.experiment and was.name == flow.experiment.name
                and variant in flow.experiment.variants)  # fmt: skip


_MOVE = (
    sa.update(_rows)
    .where(_rows.c.id == sa.bindparam("row_id"))
    .values(
        version_id=sa.bindparam("new_version"), due_at=sa.bindparam("new_due", type_=_rows.c.due_at.type),
        planned_at=sa.bindparam("new_planned", type_=_rows.c.planned_at.type), variant=sa.bindparam("new_variant"),
    )
)  # fmt: skip


async def _zones(session: AsyncSession, ground: Ground, rows: Sequence[Mapping[str, Any]]) -> dict[int, ZoneInfo]:
    people = table(Contact)
    columns = [people.c.id, people.c.timezone, people.c.country, people.c.traits]
    wanted = sorted({row["contact_id"] for row in rows})
    found = await session.execute(sa.select(*columns).where(people.c.id.in_(wanted)))
    return {row["id"]: zones.local(ground.config, dict(row)).zone for row in found.mappings()}
