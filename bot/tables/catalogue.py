"""What became of prices and stock: prices over time, prices that people saw, who waits for what, what is watched."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.database import BigId
from bot.base.due import DueRow, due_index
from bot.base.personal import By, Delete, NotPersonal, One, Personal
from bot.tables.columns import moment, of_store, reference, row_id


class PriceChange(SQLModel, table=True):
    """A price of a product or variant as the shop told it: it holds from `at` until the next one."""

    __personal__ = NotPersonal("the shop's prices")

    __table_args__ = (sa.Index("ix_pricechange_variant", "product_id", "variant_id", "at"),)

    id: int | None = row_id()
    store: str = of_store()
    product_id: str
    variant_id: str = ""
    price: int = Field(sa_type=sa.BigInteger)
    currency: str
    at: datetime = moment()


class SeenPrice(SQLModel, table=True):
    """The price at which a person last saw something: in a view, in their cart, on their wish list."""

    __personal__ = Personal(
        "prices seen", (By("contact_id"),), Delete(), merge=One(("product_id", "variant_id", "store"), last="at"),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("contact_id", "product_id", "variant_id", "store"),
        sa.Index("ix_seenprice_variant", "product_id", "variant_id", "contact_id"),
    )

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    store: str = of_store()
    product_id: str
    variant_id: str = ""
    price: int = Field(sa_type=sa.BigInteger)
    currency: str
    at: datetime = moment()


class StockAlert(DueRow, table=True):
    """A person wants to hear when something can be bought again.

    `status`: asked (by a page; whoever reads the mailbox has not said yes yet) → waiting → released (it is back, their
    mail is on its way) → sent | waiting again (the mail could not leave); or expired, or cancelled. Asking again after
    `sent` makes a new row. `releases` counts, `event_id` is the event that told the flows of the last one. Due when it
    expires, or when what became of its mail is looked at.
    """

    __personal__ = Personal(
        "stock alerts", (By("contact_id"),), rule="end_alerts", merge="alerts",
        ours="store product_id variant_id status",
    )  # fmt: skip

    __table_args__ = (
        due_index("stockalert"),
        sa.Index("ix_stockalert_variant", "product_id", "variant_id", "status", "requested_at"),
        sa.Index("ix_stockalert_contact", "contact_id", "status"),
    )

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    store: str = of_store()
    product_id: str
    variant_id: str = ""
    status: str = "waiting"
    requested_at: datetime = moment()
    expires_at: datetime = moment()
    released_at: datetime | None = moment(null=True)
    releases: int = 0
    event_id: int | None = reference("event.id", null=True, index=False)


class CatalogueWatch(DueRow, table=True):
    """A change of the catalogue that is looked at again before anybody is told. `kind` is restock or price.

    `since` is when it changed, `rounds` how many batches of people were told, `after` the last contact of the batch
    before (of a price).
    """

    __personal__ = NotPersonal("changes of the catalogue")

    __table_args__ = (sa.UniqueConstraint("kind", "product_id", "variant_id", "store"), due_index("cataloguewatch"))

    id: int | None = row_id()
    kind: str
    store: str = of_store()
    product_id: str
    variant_id: str = ""
    since: datetime = moment()
    rounds: int = 0
    after: int = Field(default=0, sa_type=BigId)
