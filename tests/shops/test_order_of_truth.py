"""Whatever order the deliveries of a shop come in, however often: the order ends as the shop has it."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from intake import Intake
from order_lives import LIVES, Told, at, line, paid_back, parcel, shopify, woo

from bot import events
from bot.base.database import Database, table
from bot.shops import woocommerce
from bot.tables.events import WebhookDelivery
from bot.tables.shop import Order

_READ = (
    "status", "parcel", "total", "revenue", "gross", "refunded", "refunded_net", "net", "items", "number", "currency",
    "ordered_at", "paid_at", "cancelled_at", "shipped_at", "delivered_at", "carrier", "tracking_number", "edited",
)  # fmt: skip
LATER = NOON + timedelta(days=30)


async def stands(intake: Intake, system: str, told: Sequence[Told]) -> dict[str, Any]:
    for topic, body in told:
        await intake.deliver(system, topic, body, at=LATER)
    order = await intake.one(Order)
    return {**{name: getattr(order, name) for name in _READ}, "told": sorted(order.told)}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("system", LIVES)
async def test_an_order_ends_as_the_shop_has_it_however_its_life_was_delivered(
    database: Database, system: str, seed: int
) -> None:
    dice = random.Random(f"{system}:{seed}")
    life = LIVES[system]()
    told = [*life, *dice.sample(life, 5)]
    if seed == 0:
        told = life[::-1]
    elif seed > 1:
        dice.shuffle(told)
    found = await stands(Intake(database), system, told)
    assert found == {**found, **_EXPECTED[system]}
    assert {"Order Completed", "Order Paid"} <= set(found["told"])
    assert "Order Cancelled" not in found["told"]


def moment(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


_EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "shopify": {
        "status": "paid", "parcel": "delivered", "total": 4000, "revenue": 4000, "gross": 4000, "refunded": 4000,
        "refunded_net": 1000, "net": 3000, "edited": 6000, "cancelled_at": None, "shipped_at": moment(60),
        "delivered_at": moment(70), "tracking_number": "T60", "paid_at": moment(0),
    },
    "woocommerce": {
        "status": "paid", "parcel": "shipped", "total": 11900, "revenue": 10000, "gross": 11900, "refunded": 2380,
        "refunded_net": 2000, "net": 8000, "cancelled_at": None, "paid_at": moment(12), "shipped_at": moment(80),
    },
}  # fmt: skip


async def only(intake: Intake) -> Order:
    order: Order = await intake.one(Order)
    return order


async def test_a_failed_payment_that_is_made_good_is_told_as_paid(database: Database) -> None:
    intake = Intake(database)
    for told in (woo(0, "pending"), woo(5, "failed", date_paid_gmt=None), woo(12, "processing")):
        await intake.deliver("woocommerce", *told)
    assert (await only(intake)).status == "paid"
    names = [name for name in intake.names if name in ("Order Cancelled", "Order Paid")]
    assert names == ["Order Cancelled", "Order Paid"]


async def test_each_way_is_told_each_time(database: Database) -> None:
    intake = Intake(database)
    for minutes, status in ((12, "processing"), (20, "cancelled"), (30, "processing"), (40, "cancelled")):
        await intake.deliver("woocommerce", *woo(minutes, status))
    names = [name for name in intake.names if name in ("Order Cancelled", "Order Paid")]
    assert names == ["Order Paid", "Order Cancelled", "Order Paid", "Order Cancelled"]
    assert (await only(intake)).cancelled_at == moment(40)


async def test_what_we_worked_out_is_dropped_when_the_order_has_moved_on(database: Database) -> None:
    intake = Intake(database)
    told = [woo(20, "cancelled"), woo(30, "processing")]
    async with database.transaction() as session:  # both wait before anything is applied
        for number, (topic, body) in enumerate(told):
            for event in woocommerce.translate(topic, body, "https://shop.example", LATER):
                key = f"{number}:{event.message_id}"
                await events.record(
                    session, dataclasses.replace(event, message_id=key, store="woocommerce:shop.example")
                )
    intake.now = LATER
    await intake.apply()
    assert (await only(intake)).status == "paid"
    assert "Order Cancelled" not in intake.names and intake.names.count("Order Paid") == 1


async def test_an_order_in_the_bin_is_cancelled_until_it_is_restored(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", *woo(12, "processing"))
    await intake.deliver("woocommerce", "order.deleted", {"id": 7001}, at=moment(20))
    assert (await only(intake)).status == "cancelled" and intake.names[-1] == "Order Cancelled"
    await intake.deliver("woocommerce", "order.restored", woo(30, "processing")[1])
    assert (await only(intake)).status == "paid" and intake.names[-1] == "Order Paid"


def _bin_and_back(minutes: float) -> Told:
    return "order.restored", woo(minutes, "processing")[1]


GONE: Told = ("order.deleted", {"id": 7001})


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([(12, woo(12)), (20, GONE), (30, _bin_and_back(30))], "paid"),
        ([(12, woo(12)), (30, _bin_and_back(30)), (31, GONE)], "paid"),  # late: the restored one answers it
        ([(12, woo(12)), (30, _bin_and_back(30)), (40, woo(40)), (60 * 20, GONE)], "paid"),
        ([(30, _bin_and_back(30)), (31, GONE), (32, woo(12))], "paid"),
        ([(20, GONE), (30, _bin_and_back(30)), (40, GONE)], "cancelled"),  # and again
        ([(30, _bin_and_back(30)), (40, GONE), (41, GONE)], "cancelled"),  # the first of them came late
        ([(30, _bin_and_back(30)), (60 * 25, GONE)], "cancelled"),  # nothing is a day late
        ([(20, GONE), (21, GONE), (30, _bin_and_back(30)), (50, woo(50))], "paid"),  # a newer state says that it is
    ],
)  # fmt: skip
async def test_a_late_deleted_undoes_no_newer_restored(
    database: Database, told: Sequence[tuple[float, Told]], status: str
) -> None:
    intake = Intake(database)
    for minutes, (topic, body) in told:
        await intake.deliver("woocommerce", topic, body, at=moment(minutes))
    assert (await only(intake)).status == status


async def test_a_delivery_that_the_carrier_takes_back_is_under_way_again(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(0))
    await intake.deliver("shopify", "fulfillments/create", parcel(40, 40))
    seen = {"id": 5, "fulfillment_id": 40, "order_id": 7001, "status": "delivered", "happened_at": at(50)}
    for topic, event, minutes, expected in (
        ("create", {**seen, "id": 4, "status": "in_transit"}, 45, "shipped"), ("create", seen, 51, "delivered"),
        ("delete", {**seen, "id": 4, "status": "in_transit"}, 52, "delivered"), ("delete", seen, 55, "shipped"),
        ("create", {**seen, "id": 6, "happened_at": at(90)}, 91, "delivered"),
    ):  # fmt: skip
        await intake.deliver("shopify", f"fulfillment_events/{topic}", event, at=moment(minutes))
        assert (await only(intake)).parcel == expected
    assert intake.names.count("Order Delivered") == 2
    assert (await only(intake)).delivered_at == moment(90)


async def test_that_an_order_was_edited_is_heard_and_how_it_stands_comes_with_it(database: Database) -> None:
    intake = Intake(database)
    edit = {"id": 78, "order_id": 7001, "created_at": at(20), "committed_at": at(21), "notify_customer": False,
            "line_items": {"additions": [], "removals": [{"id": 2, "delta": 1}]}}  # fmt: skip
    await intake.deliver("shopify", "orders/edited", {"order_edit": edit}, at=moment(22))
    assert await intake.rows(Order) == []
    await intake.deliver("shopify", "orders/updated", shopify(0))
    assert (await only(intake)).status == "paid"
    told = next(one for one in intake.heard if one.name == "Order Edited")
    assert (told.properties["removals"], told.ts) == (1, moment(21))


async def test_shopify_deletes_an_order(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(0))
    await intake.deliver("shopify", "orders/delete", {"id": 7001}, at=moment(20))
    assert (await only(intake)).status == "cancelled"


@pytest.mark.parametrize("first", [0, 1])
async def test_within_a_second_the_version_of_the_shop_decides(database: Database, first: int) -> None:
    intake = Intake(database)
    told = [shopify(10, note="a", name="#1"), shopify(10, note="b", name="#2", financial_status="pending")]
    for number in (first, 1 - first):
        version = f"2026-03-04T12:10:00.{number}Z"
        await intake.deliver("shopify", "orders/updated", told[number], x_shopify_triggered_at=version, at=LATER)
    assert (await only(intake)).status == "pending"


async def test_a_clock_that_is_ahead_counts_as_the_time_of_arrival(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/updated", shopify(60 * 24, "pending"), at=moment(1))
    assert (await only(intake)).changed_at == moment(1)
    await intake.deliver("shopify", "orders/paid", shopify(5), at=moment(6))
    assert (await only(intake)).status == "paid"


@pytest.mark.parametrize(
    ("order", "headers"), [({"test": True}, {}), ({}, {"x_shopify_test": "true"})]
)  # fmt: skip
async def test_an_order_of_a_test_is_none(database: Database, order: dict[str, Any], headers: dict[str, str]) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(0, **order), **headers)
    assert await intake.rows(Order) == []
    row = await intake.one(WebhookDelivery)
    assert (row.status, "test" in row.error) == ("ignored", True)


TAXED = {
    "taxes_included": False, "subtotal_price": "100.00", "current_subtotal_price": "100.00", "total_tax": "20.90",
    "total_price": "130.90", "line_items": [line(1, "100.00", tax_lines=[{"price": "19.00"}])],
}  # fmt: skip


@pytest.mark.parametrize(
    ("refund", "money", "net"),
    [
        (paid_back(1, 20, "101.00"), 10100, 8487),  # money alone
        ({**paid_back(1, 20, "119.00", [{"line_item_id": 1, "quantity": 1, "subtotal": "100.00", "total_tax": "19.00",
                                          "line_item": line(1, "100.00")}])}, 11900, 10000),  # all of it
        ({**paid_back(1, 20, "95.20", [{"line_item_id": 1, "quantity": 1, "subtotal": "100.00", "total_tax": "19.00",
                                         "line_item": line(1, "100.00")}])}, 9520, 8000),  # less a fee for restocking
        ({**paid_back(1, 20, "11.90"), "order_adjustments": [{"kind": "shipping_refund", "amount": "-10.00",
                                                              "tax_amount": "-1.90"}]}, 1190, 0),  # the shipping only
        ({**paid_back(1, 20, "50.00"), "transactions": [{"kind": "refund", "status": "pending", "amount": "50.00"}]},
         0, 0),  # on its way
    ],
)  # fmt: skip
async def test_what_was_paid_back_counts(database: Database, refund: dict[str, Any], money: int, net: int) -> None:
    intake = Intake(database)
    for told in (["refunds/create"], ["orders/updated"], ["orders/updated", "refunds/create"]):
        order = shopify(0, **{**TAXED, "id": 7001 + len(told) + 10 * (told[0] == "refunds/create")})
        back = {**refund, "order_id": order["id"], "id": order["id"] * 10}
        await intake.deliver("shopify", "orders/create", order)
        for topic in told:
            left = "0.00" if back["refund_line_items"] and told[-1] == topic else "100.00"  # older versions leave it
            state = {**order, "updated_at": at(30), "refunds": [back], "current_subtotal_price": left}
            body = state if topic == "orders/updated" else back
            await intake.deliver("shopify", topic, body)
        found = await intake.one(Order, order_id=str(order["id"]))
        assert (found.revenue, found.gross, found.refunded, found.refunded_net) == (10000, 11900, money, net)
        assert found.status == ("refunded" if net == 10000 else "paid")


async def test_a_part_of_a_taxed_order_paid_back_leaves_the_rest(database: Database) -> None:
    intake = Intake(database)
    for told in (woo(12), woo(20, refunds=[{"id": 9001, "total": "-101.00"}])):
        await intake.deliver("woocommerce", *told)
    order = await only(intake)
    assert (order.status, order.refunded, order.net) == ("paid", 10100, 1513)


async def test_an_edited_order_is_what_is_left_of_it(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(0))
    left = [line(1, "40.00"), line(2, "60.00", current_quantity=0, fulfillable_quantity=0)]
    edit = {"line_items": left, "current_subtotal_price": "40.00", "current_total_price": "40.00"}
    await intake.deliver("shopify", "orders/updated", shopify(60, **edit))
    order = await only(intake)
    assert ([one["name"] for one in order.items], order.total, order.revenue) == (["Thing 1"], 4000, 4000)
    added = {"line_items": [*left, line(3, "25.00")], "current_subtotal_price": "65.00", "current_total_price": "65.00"}
    await intake.deliver("shopify", "orders/updated", shopify(70, **added))
    order = await only(intake)
    assert ([one["name"] for one in order.items], order.total, order.revenue) == (["Thing 1", "Thing 3"], 6500, 6500)


async def test_a_status_of_the_shop_s_own_is_paid_only_if_money_came(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", *woo(12, "packing", date_paid_gmt=None))
    assert (await only(intake)).status == "pending"
    await intake.deliver("woocommerce", *woo(20, "packing"))
    assert (await only(intake)).status == "paid"


async def test_a_row_of_before_keeps_what_it_showed(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", {"order_id": "5", "total": "50.00", "currency": "EUR"}, source="shop")
    async with database.transaction() as session:
        columns = {
            "facts": {},
            "gross": 0,
            "refunded": 1000,
            "refunded_net": 1000,
            "parcel": "shipped",
            "shipped_at": NOON,
        }
        await session.execute(
            sa.update(table(Order)).values(**columns, told=["Order Completed", "Order Paid", "refund:1"])
        )
    await intake.tell("Order Refunded", {"order_id": "5", "refund_id": "1", "total": "10.00"}, source="shop")
    await intake.tell("Order Refunded", {"order_id": "5", "refund_id": "2", "total": "5.00"}, source="shop")
    order = await only(intake)
    assert (order.status, order.parcel, order.shipped_at) == ("paid", "shipped", NOON)
    assert (order.refunded, order.refunded_net) == (1500, 1500)
