"""Mails to a whole segment, and how far they are."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.database import BigId
from bot.base.due import DueRow, due_index
from bot.base.personal import NotPersonal
from bot.tables.columns import json_value, long_text, moment, reference, row_id


class Broadcast(DueRow, table=True):
    """One mail to everybody in a segment. Its people are enrolments of the flow `broadcast:NAME`.

    `status`: draft → scheduled → preparing → (testing → releasing →) sending → finished, or cancelling → cancelled.
    `wanted_at` is the moment of `start --at`, or when it was started; `looked_at` is when the segment was looked at.
    `cursor` is how far the people up to `last_id` are through: ids of contacts while it prepares, of enrolments while
    it releases or cancels. `spacing` has, by the moment that is wanted, the next one that is free. `ends_at` is when
    the last mail planned so far is due. `decision` says which arm of a test went to the rest and why. `counts` are
    those of `counted_at`.
    """

    __personal__ = NotPersonal("mails to segments; its people are enrolments")

    __table_args__ = (sa.UniqueConstraint("name"), due_index("broadcast"))

    id: int | None = row_id()
    name: str
    status: str = "draft"
    definition: dict[str, Any] = json_value()
    version_id: int | None = reference("flowversion.id", null=True, index=False)
    wanted_at: datetime | None = moment(null=True)
    looked_at: datetime | None = moment(null=True)
    cursor: int = Field(default=0, sa_type=BigId)
    last_id: int = Field(default=0, sa_type=BigId)
    expected: int = 0
    enrolled: int = 0
    spacing: dict[str, Any] = json_value()
    ends_at: datetime | None = moment(null=True)
    decision: dict[str, Any] = json_value()
    counts: dict[str, Any] = json_value()
    counted_at: datetime | None = moment(null=True)
    error: str = long_text()
    created_at: datetime = moment()
    started_at: datetime | None = moment(null=True)
    ended_at: datetime | None = moment(null=True)


class FlowTurn(SQLModel, table=True):
    """When the next mail of a flow with a throttle may leave."""

    __personal__ = NotPersonal("the pace of a flow")

    flow: str = Field(primary_key=True)
    next_at: datetime = moment()
