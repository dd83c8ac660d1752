"""Questions about single products: is it there, what does it cost now, was it bought, who waits for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import HANDED, Person, Products, Row, loads, of_one_store
from automations.asking.matter import Case
from bot.base import clock
from bot.base.database import table
from bot.shops import prices
from bot.tables.automations import Enrolment
from bot.tables.catalogue import SeenPrice, StockAlert
from bot.tables.outbox import Message
from bot.tables.shop import Product

_REMEMBERED = timedelta(days=60)
_alerts, _seen, _products = table(StockAlert), table(SeenPrice), table(Product)
_enrolments, _messages = table(Enrolment), table(Message)


@loads("wares")
async def _wares(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    """The products that the open enrolments of these people are about."""
    open_ones = sa.select(_enrolments.c.context).where(
        _enrolments.c.contact_id.in_(ids), _enrolments.c.status == "active"
    )
    wanted = {
        str(product_id)
        for context in await session.scalars(open_ones)
        for product_id in (context.get("product_id"), *(context.get("product_ids") or ()))
        if product_id
    }
    shared = Products(await _rows_of(session, wanted))
    for person in people.values():
        person.more["wares"] = shared


@loads("alerts")
async def _requests(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """What they asked to be told of, the newest first."""
    mine = sa.select(_alerts).where(_alerts.c.contact_id.in_(ids)).order_by(_alerts.c.requested_at.desc(),
                                                                          _alerts.c.id.desc())  # fmt: skip
    for person in people.values():
        person.more["alerts"] = []
    for row in (await session.execute(mine)).mappings():
        people[row["contact_id"]].more["alerts"].append(dict(row))


@loads("seen")
async def _prices_seen(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """At which price they last saw what, each with `thing`: the product or variant as it is now, and
    `prior`, the lowest price of the weeks before if it is cheaper now.
    """
    mine = sa.select(_seen).where(_seen.c.contact_id.in_(ids), _seen.c.at > now - prices.SEEN_FOR)
    rows = [dict(row) for row in (await session.execute(mine)).mappings()]
    found = {_name(row): row for row in await _rows_of(session, {row["product_id"] for row in rows})}
    cheaper = [_name(row) for row in rows if (thing := found.get(_name(row))) and (thing["price"] or 0) < row["price"]]
    before = await prices.prior(session, cheaper) if cheaper else {}
    for person in people.values():
        person.more["seen"] = []
    for row in rows:
        thing = found.get(_name(row))
        people[row["contact_id"]].more["seen"].append({**row, "thing": thing, "prior": before.get(_name(row))})


@loads("drops")
async def _drops_told(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """Of which lower prices a mail of any flow told them: (moment, product, variant); and `mailed`: (flow, moment)."""
    for person in people.values():
        person.more["drops"] = []
        person.more["mailed"] = []
    mine = sa.select(_messages.c.contact_id, _messages.c.handed_at, _messages.c.flow, _messages.c.payload).where(
        _messages.c.contact_id.in_(ids), _messages.c.handed_at > now - _REMEMBERED, _messages.c.status.in_(HANDED)
    )
    for row in await session.execute(mine):
        told = [(row.handed_at, one[0], one[1]) for one in row.payload.get("price_drops") or ()]
        people[row.contact_id].more["drops"] += told
        people[row.contact_id].more["mailed"].append((row.flow, row.handed_at))


def _name(row: Row) -> prices.Thing:
    return row["store"], row["product_id"], row["variant_id"]


async def _rows_of(session: AsyncSession, product_ids: set[str]) -> list[Row]:
    found: list[Row] = []
    ids = sorted(product_ids)
    for start in range(0, len(ids), 10_000):
        part = sa.select(_products).where(_products.c.product_id.in_(ids[start : start + 10_000]))
        part = part.where(_products.c.rank != "page")
        found += [dict(row) for row in (await session.execute(part)).mappings()]
    return found


def the_thing(person: Person, case: Case) -> Row | None:
    """The product or variant that the enrolment is about, as it is now; never another variant of it."""
    wares: Products = person.more["wares"]
    found = wares.find(case.context)
    return found if found and found["variant_id"] == str(case.context.get("variant_id") or "") else None


def _there(thing: Row | None) -> bool:
    return bool(thing and thing["published"] and (thing["stock"] is None or thing["stock"] > 0))


def the_alert(person: Person, case: Case) -> Row | None:
    return next((one for one in person.more["alerts"] if one["id"] == case.context.get("alert_id")), None)


@condition("wares", reason="out_of_stock")
def variant_available(person: Person, case: Case, _value: Any) -> bool:
    """That very variant can be bought now; another size is no answer."""
    return _there(the_thing(person, case))


@condition("alerts", reason="not_asked")
def alert_open(person: Person, case: Case, _value: Any) -> bool:
    """They asked for it, and did not take it back; a request holds for its time."""
    found = the_alert(person, case)
    return bool(found and found["status"] in ("waiting", "released", "sent") and found["expires_at"] > case.now)


@condition("alerts")
def alert_closed(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the request was taken back, has expired, or is about something that will not come back."""
    return not alert_open(person, case, None)


def _bought(person: Person, case: Case, *, whole_product: bool) -> bool:
    thing = {name: str(case.context.get(name) or "") for name in ("product_id", "variant_id", "store")}
    return any(
        _is(item, thing, whole_product=whole_product)
        for order in matter.ordered_since(person, case.anchor_ts, {})
        if order["status"] != "cancelled"
        for item in order["items"]
    )


def _is(item: Row, thing: Mapping[str, str], *, whole_product: bool) -> bool:
    product_id, variant_id = str(item.get("product_id") or ""), str(item.get("variant_id") or "")
    if not of_one_store(item, thing):
        return False
    if not thing["variant_id"] and variant_id == thing["product_id"]:
        return True  # a variant that is a product of its own
    return product_id == thing["product_id"] and (whole_product or variant_id in ("", thing["variant_id"])
                                                  or not thing["variant_id"])  # fmt: skip


@condition("orders")
def variant_bought(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: that variant was bought since. A line that names no variant counts."""
    return _bought(person, case, whole_product=False)


@condition("orders")
def product_bought(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the product was bought since, in whatever variant."""
    return _bought(person, case, whole_product=True)


@condition("wares", reason="price_reverted")
def price_still_low(person: Person, case: Case, _value: Any) -> bool:
    """It costs at most what it did when the drop was found, in the same currency."""
    thing = the_thing(person, case)
    price = thing["price"] if thing else None
    return bool(thing and price and price <= case.context["price"] and thing["currency"] == case.context["currency"])


@condition("drops", reason="told_already", value=clock.duration)
def not_told_of_drop_in(person: Person, case: Case, within: timedelta) -> bool:
    """No mail of that time, of whatever flow, said already that it costs less."""
    mine = str(case.context.get("product_id") or ""), str(case.context.get("variant_id") or "")
    return not any(at > case.now - within and (product, variant) == mine for at, product, variant in told(person))


@condition("drops", reason="recently_told", value=clock.duration)
def no_mail_of_flow_in(person: Person, case: Case, within: timedelta) -> bool:
    """No other mail of this flow was handed over in that time."""
    return not any(flow == case.flow and at > case.now - within for flow, at in person.more["mailed"])


def told(person: Person) -> Sequence[tuple[datetime, str, str]]:
    found: Sequence[tuple[datetime, str, str]] = person.more["drops"]
    return found


def seen(person: Person) -> Sequence[Mapping[str, Any]]:
    """What they saw in the last weeks, see the loader `seen`."""
    found: Sequence[Mapping[str, Any]] = person.more["seen"]
    return found
