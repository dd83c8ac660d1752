"""Coupon codes, and who got which."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, Personal
from bot.tables.columns import moment, reference, row_id


class CouponCode(SQLModel, table=True):
    """One code of a pool. `status` is free, reserved (its message is about to leave), given, or released (it did not).

    Released codes go out again. `expires_at` counts from the message that has the code.
    """

    __personal__ = Personal("coupons", (By("contact_id"),), ours="pool code status")

    __table_args__ = (
        sa.UniqueConstraint("pool", "code"),
        sa.Index("ix_couponcode_pool", "pool", "status", "id"),
    )

    id: int | None = row_id()
    pool: str
    code: str
    status: str = Field(default="free", sa_column_kwargs={"server_default": "free"})
    contact_id: int | None = reference("contact.id", null=True)
    message_id: int | None = reference("message.id", null=True)
    added_at: datetime = moment()
    given_at: datetime | None = moment(null=True)
    expires_at: datetime | None = moment(null=True)
