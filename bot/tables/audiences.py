"""Where customers stand: what they bought, their RFM scores and tier, and who is in which segment."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.database import BigId
from bot.base.personal import By, Delete, One, Personal
from bot.tables.columns import moment, reference, row_id

_STALE = sa.text("stale")


def _whose() -> Any:
    """The contact, as (part of) the primary key."""
    key = sa.ForeignKey("contact.id")
    return Field(sa_column=sa.Column(BigId, key, primary_key=True, autoincrement=False))


class CustomerStats(SQLModel, table=True):
    """A contact who ever ordered. Money is net of refunds, without tax and shipping, in the shop's own currency.

    `orders` are all that were not cancelled. What is paid and was not sent back in full counts for the rest:
    `paid_orders`, `revenue`, and the same over the last 365 days. `first_at` and `last_at` are the first and last of
    those; their distance is the sum of the gaps between them. `r`, `f`, `m` are 1 to 5, or 0 for who never paid.
    `tier_until` is when a tier that is no longer earned ends. `stale`: count again (two people turned out to be one).
    """

    __personal__ = Personal("standing", (By("contact_id"),), ours="rfm tier", merge="stats")

    __table_args__ = (sa.Index("ix_customerstats_stale", "contact_id", sqlite_where=_STALE, postgresql_where=_STALE),)

    contact_id: int = _whose()
    orders: int = 0
    paid_orders: int = 0
    orders_365: int = 0
    revenue: int = Field(default=0, sa_type=sa.BigInteger)
    revenue_365: int = Field(default=0, sa_type=sa.BigInteger)
    first_at: datetime | None = moment(null=True)
    last_at: datetime | None = moment(null=True)
    r: int = 0
    f: int = 0
    m: int = 0
    rfm: str = ""
    rfm_since: datetime | None = moment(null=True)
    tier: str = ""
    tier_since: datetime | None = moment(null=True)
    tier_until: datetime | None = moment(null=True)
    stale: bool = False
    counted_at: datetime = moment()


class StandingChange(SQLModel, table=True):
    """What somebody was and became: `kind` is rfm or tier. `why` is order, refund, reverted, merged or nightly."""

    __personal__ = Personal("earlier standings", (By("contact_id"),), ours="kind before after why")

    __table_args__ = (
        sa.Index("ix_standingchange_contact", "contact_id", "kind", "at"),
        sa.Index("ix_standingchange_kind", "kind", "at"),
    )

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    kind: str
    before: str = ""
    after: str = ""
    why: str = ""
    at: datetime = moment()


class SegmentMember(SQLModel, table=True):
    """Who is in a segment that something waits for: a flow, a broadcast. Others are worked out when asked for."""

    __personal__ = Personal("segments", (By("contact_id"),), Delete(), merge=One(("segment",)))

    __table_args__ = (sa.Index("ix_segmentmember_contact", "contact_id"),)

    segment: str = Field(primary_key=True)
    contact_id: int = _whose()
    entered_at: datetime = moment()
