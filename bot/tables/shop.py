"""What the shop told us: products, carts and checkouts, orders. Amounts are in the smallest unit of `currency`.

An id counts within its `store` only: another shop has a product, a cart or an order of the same id.

`__worked_out__` names the columns of a table that no shop tells. Every other is a fact: some recorded delivery of a
shop system fills it, or the tests say why none does.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, Delete, NotPersonal, Personal, blank
from bot.tables.columns import json_value, moment, of_store, reference, row_id, source_rank

_UNVALUED = sa.text("net IS NULL")


class Store(SQLModel, table=True):
    """A store that was heard of. While there is only one, ids that come without a store are of it."""

    __personal__ = NotPersonal("the shop's own stores")

    name: str = Field(primary_key=True)
    heard_at: datetime = moment()


class Product(SQLModel, table=True):
    """A product, or one variant of it (`variant_id` not empty). `stock` None: not counted, so it is available.

    `variant` is what sets it apart ("Blue / L"), `compare_at` the price that the shop shows crossed out beside `price`.
    `handle` is its name in addresses of the shop's pages, of whole products only; a file may have nothing else to name
    them by, then `product_id` is the same. `named_before` is what lines of orders may name it by still.
    `rank` page: a row of before pages were kept out, and nobody else ever told of it; it is no word of the catalogue.
    """

    __personal__ = NotPersonal("the shop's goods")
    __worked_out__ = ("id", "store", "rank", "named_before")

    __table_args__ = (
        sa.UniqueConstraint("product_id", "variant_id", "store"),
        sa.Index("ix_product_variant", "variant_id"),
    )

    id: int | None = row_id()
    store: str = of_store()
    product_id: str
    variant_id: str = ""
    rank: str = Field(default="shop", sa_column_kwargs={"server_default": "shop"})
    sku: str = Field(default="", index=True)
    handle: str = Field(default="", index=True, sa_column_kwargs={"server_default": ""})
    named_before: str = Field(default="", sa_column_kwargs={"server_default": ""})
    name: str = ""
    category: str = ""
    brand: str = ""
    url: str = ""
    image_url: str = ""
    price: int | None = Field(default=None, sa_type=sa.BigInteger)
    currency: str = ""
    variant: str = Field(default="", sa_column_kwargs={"server_default": ""})
    compare_at: int | None = Field(default=None, sa_type=sa.BigInteger)
    tags: list[str] = json_value(list, empty="[]")
    stock: int | None = None
    published: bool = True
    updated_at: datetime = moment()


class InventoryItem(SQLModel, table=True):
    """What a shop counts of one variant, see `bot.shops.stock`. `tracked` None: nobody said whether it is counted.

    `oversold`: sold on below zero. `quantity` is what the product told at `told_at`; `levels` is by location {count,
    at, before}, where `before` is its part of that quantity, None if it never said.
    """

    __personal__ = NotPersonal("the shop's goods")
    __worked_out__ = ("id", "store")

    __table_args__ = (
        sa.UniqueConstraint("item_id", "store"),
        sa.Index("ix_inventoryitem_product", "product_id", "store"),
    )

    id: int | None = row_id()
    store: str = of_store()
    item_id: str
    product_id: str = ""
    variant_id: str = ""
    tracked: bool | None = None
    tracked_at: datetime | None = moment(null=True)
    oversold: bool = False
    quantity: int | None = None
    told_at: datetime | None = moment(null=True)
    levels: dict[str, Any] = json_value(dict)


class Cart(SQLModel, table=True):
    """A cart (`kind` cart) or a checkout (`kind` checkout) as last heard of.

    `items` are dicts with product_id, variant_id, sku, name, variant, category, quantity, price, url, image_url.
    `changed_at` is the shop's time of the state that we hold: an older one is ignored. `stated_at` is when it was last
    told whole: single additions and removals from before are in it already. `rank`: what the shop itself told of, no
    page changes; and one of a page only the same browser. `page_of` is the contact of that browser, 0 where the shop
    told of it or the id is one of ours: pages can guess ids, so of one id each browser has a row of its own.
    """

    __personal__ = Personal("carts", (By("contact_id"),), blank(url=""), ours="store kind cart_id rank currency items")
    __worked_out__ = ("id", "store", "rank", "stated_at", "changed_at", "page_of")

    __table_args__ = (
        sa.UniqueConstraint("kind", "cart_id", "store", "page_of"),
        sa.Index("ix_cart_contact", "contact_id", "changed_at"),
    )

    id: int | None = row_id()
    store: str = of_store()
    kind: str
    cart_id: str
    page_of: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    contact_id: int | None = reference("contact.id", null=True, index=False)
    rank: str = source_rank()
    currency: str = ""
    total: int = Field(default=0, sa_type=sa.BigInteger)
    url: str = ""
    items: list[dict[str, Any]] = json_value(list)
    emptied_at: datetime | None = moment(null=True)
    ordered_at: datetime | None = moment(null=True)
    stated_at: datetime | None = moment(null=True)
    changed_at: datetime = moment()


class UnconfirmedOrder(SQLModel, table=True):
    """An order that only a page told of, see `bot.shops.unconfirmed`; the columns are those of Order."""

    __personal__ = Personal("orders unconfirmed", (By("contact_id"),), Delete())

    __table_args__ = (
        sa.UniqueConstraint("order_id", "store"),
        sa.Index("ix_unconfirmedorder_number", "number"),
        sa.Index("ix_unconfirmedorder_told", "told_at"),
    )

    id: int | None = row_id()
    store: str = of_store()
    order_id: str
    number: str = ""
    contact_id: int = reference("contact.id")
    currency: str = ""
    total: int = Field(default=0, sa_type=sa.BigInteger)
    items: list[dict[str, Any]] = json_value(list)
    ordered_at: datetime = moment()
    told_at: datetime = moment()


class Order(SQLModel, table=True):
    """An order. `status` is pending, paid, cancelled or refunded; `parcel` is none, shipped or delivered.

    `number` is what the customer reads (`#1001`), `order_id` the shop's id as text. `email` is the address that the
    shop itself names on it: whoever proves that address may see it. `revenue` is without shipping and tax, before
    refunds, and `gross` the same with tax; `refunded` is the money that went back, `refunded_net` what of `revenue` it
    is of, `edited` what the shop took off the order later. `page_url` is where its customer sees it, a link that opens
    it to whoever has it; `note` is what the customer wrote with it, `codes` are the discount codes that it used.
    `facts` is what was told of it (`bot.shops.standing`), from which status, parcel, dates and refunds are worked out.
    `items` as in Cart, each with `refunded` quantity. `told` names what happened to it once already (`Order Completed`,
    `refund:77`), so that a second source does not tell it again.

    `rate` is what one of `currency` was worth in the shop's own when the order came, and `net` what is left of
    `revenue` in the smallest unit of that; both are None while the rate is not known.
    """

    __personal__ = Personal(
        "orders", (By("contact_id"), By("email", "addresses")),
        blank(email="", tracking_number="", tracking_url="", facts={}, page_url="", note="", tags=[]),
        shown=(By("contact_id"),),
        ours="store order_id number cart_id checkout_id status parcel carrier currency items told codes",
    )  # fmt: skip

    __worked_out__ = ("id", "store", "contact_id", "facts", "rate", "net", "told", "changed_at")

    __tablename__ = "orders"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "store"),
        sa.Index("ix_orders_contact", "contact_id", "ordered_at", "status", "net"),
        sa.Index("ix_orders_number", "number"),
        sa.Index("ix_orders_email", "email"),
        sa.Index("ix_orders_unvalued", "id", sqlite_where=_UNVALUED, postgresql_where=_UNVALUED),
    )

    id: int | None = row_id()
    store: str = of_store()
    order_id: str
    number: str = ""
    contact_id: int | None = reference("contact.id", null=True, index=False)
    email: str = Field(default="", sa_column_kwargs={"server_default": ""})
    cart_id: str = ""
    checkout_id: str = ""
    status: str = "pending"
    parcel: str = "none"
    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    currency: str = ""
    total: int = Field(default=0, sa_type=sa.BigInteger)
    revenue: int = Field(default=0, sa_type=sa.BigInteger)
    gross: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    edited: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    refunded: int = Field(default=0, sa_type=sa.BigInteger)
    refunded_net: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    facts: dict[str, Any] = json_value(dict, empty="{}")
    rate: float | None = None
    net: int | None = Field(default=None, sa_type=sa.BigInteger)
    items: list[dict[str, Any]] = json_value(list)
    told: list[str] = json_value(list)
    page_url: str = Field(default="", sa_column_kwargs={"server_default": ""})
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tags: list[str] = json_value(list, empty="[]")
    codes: list[str] = json_value(list, empty="[]")
    ordered_at: datetime = moment()
    paid_at: datetime | None = moment(null=True)
    shipped_at: datetime | None = moment(null=True)
    delivered_at: datetime | None = moment(null=True)
    cancelled_at: datetime | None = moment(null=True)
    changed_at: datetime = moment()


class PulledResource(SQLModel, table=True):
    """How far the pull of one kind of things of a store is: orders, customers, products.

    `cursor` is written in the transaction that keeps what stands before it. What changed before `began_at` is history,
    what came later is news. `finished_at` is there when all was pulled; then everything is known that the shop had at
    `good_at`, and each night what changed since is compared: `lost` counts what webhooks did not tell, the last night
    and in all.
    """

    __personal__ = NotPersonal("how far the pull of a shop is")

    id: int | None = row_id()
    store: str
    resource: str
    cursor: dict[str, Any] = json_value(dict)
    taken: int = 0
    total: int | None = None
    began_at: datetime = moment()
    finished_at: datetime | None = moment(null=True)
    good_at: datetime | None = moment(null=True)
    compared_at: datetime | None = moment(null=True)
    lost: int = 0
    lost_in_all: int = 0

    __table_args__ = (sa.UniqueConstraint("store", "resource"),)
