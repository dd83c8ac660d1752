"""Looking at experiments: at five planned numbers of people, each time once, whoever asks and however often.

A look is at the first so many people who were exposed, when the time of the last of them is over. So it finds the same
whenever it is taken, and nobody can wait for a better moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition import flow as definitions
from automations.experiments import outcomes, plan, verdicts
from automations.experiments.outcomes import Window
from automations.experiments.plan import Plan
from automations.experiments.sequential import LOOKS
from automations.experiments.statistics import SKEWED, Span
from automations.experiments.verdicts import Against, Look, Verdict
from bot.base.database import insert, table
from bot.tables.automations import FlowVersion
from bot.tables.experiments import ExperimentLook, Exposure

_versions = table(FlowVersion)
_exposures = table(Exposure)
_looks = table(ExperimentLook)


async def plans(session: AsyncSession) -> list[Plan]:
    """Of every experiment that a published flow has or had, by name; the newest version of the flow tells."""
    found: dict[str, Plan] = {}
    rows = sa.select(_versions.c.flow, _versions.c.definition).order_by(_versions.c.id.desc())
    for row in await session.execute(rows):
        if not row.definition.get("experiment"):
            continue
        try:
            known = plan.of(definitions.from_definition(row.flow, row.definition))
        except ValidationError:  # of a version that this program can no longer read
            continue
        if known is not None:
            found.setdefault(known.name, known)
    return [found[name] for name in sorted(found)]


async def take(session: AsyncSession, window: Window, now: datetime) -> None:
    """Take every look that has fallen due, so that it is taken at its number of people and not when somebody asks."""
    for planned in await plans(session):
        await verdict(session, planned, window, now)


async def verdict(session: AsyncSession, planned: Plan, window: Window, now: datetime) -> Verdict:
    """What may be said now. A look that has fallen due is taken first; the caller's transaction keeps it."""
    planned, looks = await _taken(session, planned)
    assigned = await _assigned(session, planned)
    if verdicts.ratio(planned, assigned) >= SKEWED:
        looks = await _take_due(session, planned, looks, window, now)
    through = sa.select(_exposures.c.contact_id, _exposures.c.variant.label("arm"), _exposures.c.at).where(
        _exposures.c.experiment == planned.name, _exposures.c.at <= now - window.length
    )
    tallies = await outcomes.tallies(session, through.subquery(), planned.flow, window)
    first_at = await session.scalar(
        sa.select(sa.func.min(_exposures.c.at)).where(_exposures.c.experiment == planned.name)
    )
    return verdicts.verdict(planned, looks, tallies, assigned, first_at, now)


async def _assigned(session: AsyncSession, planned: Plan) -> dict[str, int]:
    rows = await session.execute(
        sa.select(_exposures.c.variant, sa.func.count())
        .where(_exposures.c.experiment == planned.name)
        .group_by(_exposures.c.variant)
    )
    return {row[0]: row[1] for row in rows}


async def _taken(session: AsyncSession, planned: Plan) -> tuple[Plan, list[Look]]:
    """The looks so far. Once there is one, what it was planned for holds, whatever the file says by now."""
    rows = sa.select(_looks).where(_looks.c.experiment == planned.name).order_by(_looks.c.number)
    found = [dict(row) for row in (await session.execute(rows)).mappings()]
    if found:
        planned = replace(planned, metric=found[0]["metric"], people=found[0]["planned"])
    return planned, [
        Look(row["number"], row["at"], row["people"], row["bound"], _against(row["against"]), row["winner"])
        for row in found
    ]


def _against(rows: Sequence[Mapping[str, float | str]]) -> tuple[Against, ...]:
    return tuple(
        Against(str(row["variant"]), float(row["difference"]), float(row["z"]),
                Span(float(row["low"]), float(row["high"])))
        for row in rows
    )  # fmt: skip


async def _take_due(
    session: AsyncSession, planned: Plan, looks: list[Look], window: Window, now: datetime
) -> list[Look]:
    """Look until something is decided, or until the people of the next look are not all through."""
    taken = list(looks)
    while len(taken) < len(LOOKS) and not (taken and taken[-1].winner):
        number = len(taken) + 1
        first = (
            sa.select(_exposures.c.contact_id, _exposures.c.variant.label("arm"), _exposures.c.at)
            .where(_exposures.c.experiment == planned.name)
            .order_by(_exposures.c.at, _exposures.c.id)
        )
        last = (await session.execute(first.offset(planned.until(number) - 1).limit(1))).first()
        if last is None or last.at + window.length > now:
            break
        people = first.limit(planned.until(number)).subquery()
        found = verdicts.look(planned, number, await outcomes.tallies(session, people, planned.flow, window), now)
        await _write(session, planned, found)
        taken.append(found)
    return taken


async def _write(session: AsyncSession, planned: Plan, look: Look) -> None:
    against = [
        {"variant": one.variant, "difference": one.difference, "z": one.z, "low": one.span.low, "high": one.span.high}
        for one in look.against
    ]
    await session.execute(
        insert(session, _looks)
        .values(
            experiment=planned.name, number=look.number, metric=planned.metric, planned=planned.people,
            people=dict(look.people), bound=look.bound, against=against, winner=look.winner, at=look.at,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
