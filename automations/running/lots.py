"""What chance decides about a person: once, and the same again over re-entry, devices and merges."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.experiments import assignment, holdout
from bot.base.database import table
from bot.tables.automations import Enrolment, FlowVersion

_rows = table(Enrolment)
_versions = table(FlowVersion)


@dataclass(frozen=True)
class Lot:
    """`kept` is what the context of the enrolment keeps: `bucket` decides about the hold-out of the shop, that of the
    flow about its own, `person` (the number under which chance first met them) about splits.

    `variant` is the arm of the flow's experiment, empty without one.
    """

    kept: dict[str, int]
    variant: str


async def draw(session: AsyncSession, salt: str, flow: Flow, contact_id: int) -> Lot:
    """What the person's oldest enrolment says, else a lot of their own: two who turn out to be one keep the older."""
    mine = sa.select(_rows.c.flow, _rows.c.context).where(_rows.c.contact_id == contact_id)
    before: dict[str, int] = {}
    for row in await session.execute(mine.order_by(_rows.c.entered_at, _rows.c.id)):
        names = ("bucket", "person", holdout.FLOW_BUCKET) if row.flow == flow.name else ("bucket", "person")
        before = {name: int(row.context[name]) for name in names if row.context.get(name) is not None} | before
    kept = {"bucket": holdout.bucket(salt, "holdout", contact_id), "person": contact_id}
    if flow.holdout:
        kept[holdout.FLOW_BUCKET] = holdout.of_flow(salt, flow.name, contact_id)
    kept |= {name: number for name, number in before.items() if name in kept}
    return Lot(kept, await _variant(session, salt, flow, contact_id, kept["person"]))


async def _variant(session: AsyncSession, salt: str, flow: Flow, contact_id: int, person: int) -> str:
    """The arm that they had when they were in the flow before, even if the weights have changed since."""
    if flow.experiment is None:
        return ""
    before = (
        sa.select(_rows.c.variant, _versions.c.definition)
        .join(_versions, _versions.c.id == _rows.c.version_id)
        .where(_rows.c.contact_id == contact_id, _rows.c.flow == flow.name, _rows.c.variant != "")
        .order_by(_rows.c.entered_at, _rows.c.id)
    )
    for row in await session.execute(before.limit(20)):
        same = (row.definition.get("experiment") or {}).get("name") == flow.experiment.name
        if same and row.variant in flow.experiment.variants:
            return str(row.variant)
    weights = {name: arm.weight for name, arm in flow.experiment.variants.items()}
    return assignment.variant(salt, flow.experiment.name, person, weights)
