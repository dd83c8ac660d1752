"""Carts and checkouts as last heard of: told whole (webhooks, Cart Viewed) or by single additions and removals."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base.database import insert, table
from bot.events import Happened
from bot.shops import lines, page_lines
from bot.tables.shop import Cart, Order

CART_EVENTS = ("Product Added", "Product Removed", "Cart Viewed", "Cart Updated", "Wishlist Product Added to Cart")
_SKEW = timedelta(minutes=5)
_SAME_CART = timedelta(days=1)
_MOST_LINES = 200
"""Of a cart that is told line by line by somebody who is not the shop."""
_OWN = "contact-"
_CLAIMANTS = 100
"""Browsers that say they are the buyer's, of which carts are closed: strangers can make as many as they like."""
_TOLD = ("currency", "total", "url", "items", "emptied_at", "ordered_at", "stated_at", "changed_at")
_rows = table(Cart)


async def apply(session: AsyncSession, happened: Happened, currency: str) -> bool | None:
    """False if the state that is told is older than the one we hold."""
    said = happened.properties
    kind = "checkout" if happened.name.startswith("Checkout ") else "cart"
    cart_id = lines.text(said.get("checkout_id" if kind == "checkout" else "cart_id"))
    if not cart_id or cart_id.startswith(_OWN):  # no shop calls its carts as we do
        if happened.contact_id is None:
            return None
        # The shop gives its carts no id: one per person. A browser that names one now and then means the same.
        cart_id = await _named_before(session, kind, happened) or f"{_OWN}{happened.contact_id}"
    at = lines.told_at(said, happened.ts, happened.received_at)
    cart = await _row(session, kind, cart_id, at, happened)
    if cart is None or not _owns(cart, happened):
        return None
    if cart.rank == "page" and happened.rank != "page":
        cart.rank = happened.rank
    if happened.contact_id is not None and (cart.contact_id is None or at >= cart.changed_at):
        cart.contact_id = happened.contact_id
    _begin_again(cart, at)
    cart.currency = lines.currency(said, cart.currency or currency)
    whole = lines.items(said, cart.currency)
    if whole is not None:
        whole = await page_lines.with_rank(session, cart.store, whole, happened.rank, cart.currency)
        if cart.stated_at is not None and at < cart.stated_at:
            return False
        cart.items = whole
        cart.stated_at = at
    elif not await _change(session, cart, happened, at):
        return None
    _sum_up(cart, said, at, told_total=whole is not None)
    await _known_order(session, cart, lines.moment(said.get("completed_at")))
    await session.flush()
    if happened.rank == "shop":
        await _end_of_pages(session, cart)
    return None


def _owns(cart: Cart, happened: Happened) -> bool:
    """A page changes what the same browser made, and nothing that the shop told of."""
    if happened.rank == "shop":
        return True
    mine = happened.contact_id is not None and cart.contact_id == happened.contact_id
    return mine and (cart.rank != "shop" or cart.cart_id.startswith(_OWN))


async def _row(session: AsyncSession, kind: str, cart_id: str, at: datetime, happened: Happened) -> Cart | None:
    """The shop's row, or that of the browser. None: a page tells of one of which the shop said whose it is."""
    if cart_id.startswith(_OWN):
        return await _put(session, kind, cart_id, 0, at, happened)
    if happened.rank == "shop":
        cart = await _put(session, kind, cart_id, 0, at, happened)
        await _take_over(session, cart, happened)
        return cart
    if happened.contact_id is None:
        return None
    told = select(Cart.id).where(
        col(Cart.kind) == kind, col(Cart.cart_id) == cart_id, col(Cart.store).in_((happened.store, "")),
        col(Cart.page_of) == 0, col(Cart.contact_id).is_not(None),
    )  # fmt: skip
    if await session.scalar(told.limit(1)) is not None:
        return None
    mine = select(Cart.page_of).where(
        col(Cart.kind) == kind, col(Cart.cart_id) == cart_id, col(Cart.store).in_((happened.store, "")),
        col(Cart.page_of) != 0, col(Cart.contact_id) == happened.contact_id,
    )  # fmt: skip
    # The browser may have been another contact when it began.
    before = await session.scalar(mine.order_by(col(Cart.changed_at).desc()).limit(1))
    if before is None:
        await _name(session, kind, cart_id, happened)
    return await _put(session, kind, cart_id, before or happened.contact_id, at, happened)


async def _named_before(session: AsyncSession, kind: str, happened: Happened) -> str | None:
    """The id of the cart that this browser has open, if it named one."""
    if happened.rank == "shop":
        return None
    mine = select(Cart.cart_id).where(
        _of_browser(kind, happened), col(Cart.page_of) != 0, col(Cart.changed_at) > happened.ts - _SAME_CART
    )
    return await session.scalar(mine.order_by(col(Cart.changed_at).desc(), col(Cart.id).desc()).limit(1))


async def _name(session: AsyncSession, kind: str, cart_id: str, happened: Happened) -> None:
    """What this browser put into a cart without an id is in the one whose id it tells now for the first time."""
    mine = select(Cart).where(
        _of_browser(kind, happened), col(Cart.cart_id) == f"{_OWN}{happened.contact_id}", col(Cart.rank) != "shop"
    )
    cart = (await session.scalars(mine)).first()
    if cart is not None and happened.contact_id is not None:
        cart.cart_id, cart.page_of = cart_id, happened.contact_id
        await session.flush()


def _of_browser(kind: str, happened: Happened) -> sa.ColumnElement[bool]:
    """Open carts of the contact that the browser is."""
    return sa.and_(
        col(Cart.kind) == kind, col(Cart.contact_id) == happened.contact_id,
        col(Cart.store).in_((happened.store, "")), col(Cart.ordered_at).is_(None), col(Cart.emptied_at).is_(None),
    )  # fmt: skip


async def _put(session: AsyncSession, kind: str, cart_id: str, page_of: int, at: datetime, happened: Happened) -> Cart:
    """The row of that key, made if there is none."""
    store = happened.store
    new: dict[str, Any] = {
        "store": store, "kind": kind, "cart_id": cart_id, "page_of": page_of, "contact_id": happened.contact_id,
        "rank": happened.rank, "changed_at": at, "currency": "", "total": 0, "url": "", "items": [],
    }  # fmt: skip
    await session.execute(insert(session, _rows).values(new).on_conflict_do_nothing())
    mine = select(Cart).where(
        col(Cart.kind) == kind, col(Cart.cart_id) == cart_id, col(Cart.store).in_((store, "")),
        col(Cart.page_of) == page_of,
    )  # fmt: skip
    found = {cart.store: cart for cart in (await session.scalars(mine)).all()}
    both = (found[store], found.get("", found[store]))
    if store and "" in found and not found[store].items and all(_owns(one, happened) for one in both):
        # A page told of it before anybody knew of which store it is.
        await session.delete(found[store])
        await session.flush()
        found[""].store = store
        return found[""]
    return found[store]


async def _take_over(session: AsyncSession, cart: Cart, happened: Happened) -> None:
    """The shop tells whose it is: what their own browser told of it is the shop's from now on, what others said who
    may have guessed its id goes."""
    if happened.contact_id is None:
        return
    if not cart.items and cart.stated_at is None and cart.emptied_at is None:
        theirs = sa.select(*(_rows.c[name] for name in _TOLD)).where(
            _of_pages(cart), _rows.c.contact_id == happened.contact_id
        )
        newest = (await session.execute(theirs.order_by(_rows.c.changed_at.desc()).limit(1))).mappings().first()
        for name, value in (newest or {}).items():
            setattr(cart, name, value)
        await session.flush()
    await session.execute(sa.delete(_rows).where(_of_pages(cart)))


async def _end_of_pages(session: AsyncSession, cart: Cart) -> None:
    """What the shop says has ended has ended for whoever tells of it, too."""
    if cart.contact_id is None and (cart.emptied_at is not None or cart.ordered_at is not None):
        await session.flush()
        if cart.ordered_at is not None:
            open_ones = sa.update(_rows).where(_of_pages(cart), _rows.c.ordered_at.is_(None))
            await session.execute(open_ones.values(ordered_at=cart.ordered_at))
        if cart.emptied_at is not None:
            older = sa.update(_rows).where(_of_pages(cart), _rows.c.changed_at <= cart.changed_at)
            await session.execute(older.values(items=[], total=0, emptied_at=cart.emptied_at))


def _of_pages(cart: Cart) -> sa.ColumnElement[bool]:
    """Inside of a statement: anybody may have made any number of them."""
    return sa.and_(
        _rows.c.kind == cart.kind, _rows.c.cart_id == cart.cart_id, _rows.c.store.in_((cart.store, "")),
        _rows.c.page_of != 0,
    )  # fmt: skip


def _begin_again(cart: Cart, at: datetime) -> None:
    """Shopping on after the order, in a cart without an id of its own, begins an empty one."""
    if cart.ordered_at is not None and at > cart.ordered_at + _SKEW and cart.cart_id.startswith(_OWN):
        cart.ordered_at, cart.items, cart.stated_at = None, [], None


async def _change(session: AsyncSession, cart: Cart, happened: Happened, at: datetime) -> bool:
    """One line more or less. False if there is nothing to change or the last whole state has it already."""
    said = happened.properties
    if cart.stated_at is not None and at <= cart.stated_at:
        return False
    if happened.name not in ("Product Added", "Product Removed", "Wishlist Product Added to Cart"):
        return happened.name.startswith("Checkout ")  # a step without lines is still activity
    told = [lines.item(said, cart.currency)]
    (line,) = await page_lines.with_rank(session, cart.store, told, happened.rank, cart.currency)
    if not (line["product_id"] or line["variant_id"] or line["sku"]):
        return False
    kept = [dict(one) for one in cart.items]
    mine = next((one for one in kept if lines.same(one, line)), None)
    if happened.name == "Product Removed":
        if mine is None:
            return False
        mine["quantity"] -= line["quantity"] if said.get("quantity") is not None else mine["quantity"]
    elif mine is None:
        if happened.rank != "shop" and len(kept) >= _MOST_LINES:
            return False
        kept.append(line)
    else:
        mine["quantity"] += line["quantity"]
        mine |= {name: line[name] for name in ("price", "listed") if line["price"]} | {"rank": line["rank"]}
    cart.items = [one for one in kept if one["quantity"] > 0]
    return True


def _sum_up(cart: Cart, said: Mapping[str, Any], at: datetime, *, told_total: bool) -> None:
    total = next((lines.amount(said[key], cart.currency) for key in ("total", "value", "revenue") if key in said), None)
    cart.total = total if told_total and total is not None else lines.least_of(cart.items)
    keys = ("checkout_url", "cart_url", "url") if told_total else ("checkout_url", "cart_url")
    cart.url = next((lines.text(said[key]) for key in keys if said.get(key)), cart.url)
    cart.changed_at = max(cart.changed_at, at)
    if cart.items:
        cart.emptied_at = None
    elif cart.emptied_at is None:
        cart.emptied_at = at


async def _known_order(session: AsyncSession, cart: Cart, completed_at: datetime | None) -> None:
    """The order may have come first."""
    if cart.ordered_at is not None:
        return
    if completed_at is not None:
        cart.ordered_at = completed_at
        return
    column = Order.checkout_id if cart.kind == "checkout" else Order.cart_id
    ordered = select(Order.ordered_at).where(col(column) == cart.cart_id, _fits(Order.store, cart.store))
    if cart.contact_id is not None:
        ordered = ordered.where(col(Order.contact_id) == cart.contact_id)
    cart.ordered_at = await session.scalar(ordered.limit(1))


def _fits(column: str, store: str) -> sa.ColumnElement[bool]:
    """Of the same store, or of one that nobody named: what is reminded of less does no harm."""
    return col(column).in_((store, "")) if store else sa.true()


async def said_ordered(session: AsyncSession, happened: Happened) -> None:
    """A page tells of an order: of the carts of this browser what it names, or what has a product of it, is over."""
    said = happened.properties
    told = lines.items(said, "") or []
    mine = select(Cart).where(col(Cart.contact_id) == happened.contact_id, col(Cart.ordered_at).is_(None))
    for cart in (await session.scalars(mine)).all():
        named = lines.text(said.get(f"{cart.kind}_id")) == cart.cart_id
        if named or any(lines.same(one, other) for one in cart.items for other in told):
            cart.ordered_at = happened.ts


async def ordered(session: AsyncSession, order: Order) -> None:
    """Close what the order came from: its own cart and checkout, and the person's others with a product of it."""
    own = [
        (col(Cart.kind) == kind, col(Cart.cart_id) == cart_id)
        for kind, cart_id in (("checkout", order.checkout_id), ("cart", order.cart_id))
        if cart_id
    ]
    found: list[Cart] = []
    for where in own:
        open_ones = select(Cart).where(*where, col(Cart.ordered_at).is_(None), _fits(Cart.store, order.store))
        found += (await session.scalars(open_ones)).all()
    if order.contact_id is not None:
        shopping = sa.exists().where(_rows.c.contact_id == contacts.claimant, _rows.c.ordered_at.is_(None))
        browsers = await contacts.claimants(session, order.contact_id, shopping, most=_CLAIMANTS)
        people = [order.contact_id, *browsers]
        theirs = select(Cart).where(
            col(Cart.contact_id).in_(people),
            col(Cart.ordered_at).is_(None),
            col(Cart.changed_at) <= order.ordered_at + _SKEW,
            col(Cart.changed_at) > order.ordered_at - timedelta(days=30),
            _fits(Cart.store, order.store),
        )
        for cart in (await session.scalars(theirs)).all():
            if any(lines.same(one, other) for one in cart.items for other in order.items):
                found.append(cart)
    for cart in found:
        cart.ordered_at = order.ordered_at


async def ordered_by_many(session: AsyncSession, orders: Collection[Order]) -> None:
    """`ordered` for a batch: of history nearly no order has an open cart."""
    named = {one for order in orders for one in (order.cart_id, order.checkout_id) if one}
    people = {order.contact_id for order in orders if order.contact_id is not None}
    is_open = _rows.c.ordered_at.is_(None)
    there, whose = set[str](), set[int]()
    if named:
        there = set(
            (await session.scalars(sa.select(_rows.c.cart_id).where(_rows.c.cart_id.in_(sorted(named)), is_open))).all()
        )
    if people:
        mine = sa.select(_rows.c.contact_id).where(_rows.c.contact_id.in_(sorted(people)), is_open)
        whose = set((await session.scalars(mine.distinct())).all())
        shopping = sa.exists().where(_rows.c.contact_id == contacts.claimant, is_open)
        whose |= await contacts.claimed(session, people - whose, shopping)
    for order in orders:
        if order.contact_id in whose or there & {order.cart_id, order.checkout_id}:
            await ordered(session, order)
