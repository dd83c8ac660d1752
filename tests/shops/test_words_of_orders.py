"""What people read of goods and orders: variants, crossed-out prices, tags, notes, codes, the page of the order."""

from datetime import datetime, timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import desk
from intake import Intake, payload

from automations.asking import conditions, facts
from automations.asking.matter import Case
from automations.subjects import writing
from automations.subjects.writing import Writing
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.tickets import staff_card
from bot.tables.people import Contact
from bot.tables.shop import Order, Product

PAGE = "https://shop.example/548380009/orders/b1946ac9/authenticate?key=abc"
WOO_PAGE = "https://shop.example/checkout/order-received/727/?key=wc_order_58d2d042d1d"


def shopify_order(**changes: Any) -> dict[str, Any]:
    body = payload("shopify_order", note="Ring <b>twice</b>", tags="vip, gift", order_status_url=PAGE)
    body["line_items"] = [{**body["line_items"][0], "variant_title": "Blue / L"}, body["line_items"][1]]
    body["discount_codes"] = [{"code": "WELCOME10", "amount": "5.00", "type": "percentage"}]
    return {**body, **changes}


def woo_order(**changes: Any) -> dict[str, Any]:
    body = payload("woocommerce_order", customer_note="Ring <b>twice</b>")
    body["coupon_lines"] = [{"id": 7, "code": "WELCOME10", "discount": "5", "discount_tax": "0"}]
    body["payment_url"] = "https://shop.example/checkout/order-pay/727/?pay_for_order=true&key=wc_order_58d2d042d1d"
    meta = [{"id": 1, "key": "pa_color", "value": "blue", "display_key": "Color", "display_value": "Blue"},
            {"id": 2, "key": "pa_size", "value": "l", "display_key": "Size", "display_value": "L"}]  # fmt: skip
    body["line_items"] = [{**body["line_items"][0], "variation_id": 94, "meta_data": meta}, body["line_items"][1]]
    return {**body, **changes}


async def test_an_order_of_shopify_keeps_its_words(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify_order())
    order = await intake.one(Order)
    assert (order.note, order.tags, order.codes, order.page_url) == (
        "Ring <b>twice</b>", ["vip", "gift"], ["WELCOME10"], PAGE
    )  # fmt: skip
    assert [line["variant"] for line in order.items] == ["Blue / L", ""]
    taken_back = shopify_order(note=None, tags="", discount_codes=[], updated_at="2026-03-04T14:00:00+01:00")
    await intake.deliver("shopify", "orders/updated", taken_back)
    order = await intake.one(Order)
    assert (order.note, order.tags, order.codes, order.page_url) == ("", [], [], PAGE)


async def test_an_order_of_woocommerce_keeps_its_words(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", woo_order())
    order = await intake.one(Order)
    assert (order.note, order.codes, order.page_url) == ("Ring <b>twice</b>", ["WELCOME10"], WOO_PAGE)
    assert [(line["name"], line["variant"]) for line in order.items] == [
        ("Green kettle", "Blue / L"), ("Mountain tea", "100 g")
    ]  # fmt: skip
    plain = {"payment_url": "https://shop.example/?page_id=9&order-pay=727&pay_for_order=true&key=wc_order_58d2d042d1d"}
    await intake.deliver("woocommerce", "order.updated", woo_order(date_modified_gmt="2026-03-05T10:00:00", **plain))
    expected = "https://shop.example/?page_id=9&order-received=727&key=wc_order_58d2d042d1d"
    assert (await intake.one(Order)).page_url == expected


async def test_goods_keep_their_words(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "products/update", payload("shopify_product", tags="kitchen, Steel"))
    rows = {row.variant_id: row for row in await intake.rows(Product)}
    assert (rows["39072857"].variant, rows["39072857"].compare_at, rows["39072857"].tags) == (
        "2 l", 6900, ["kitchen", "Steel"]
    )  # fmt: skip
    assert (rows[""].variant, rows[""].compare_at) == ("", None)
    woo = payload("woocommerce_product", tags=[{"id": 3, "name": "Kitchen", "slug": "kitchen"}])
    await intake.deliver("woocommerce", "product.updated", woo, shop="https://other.example")
    variation = payload("woocommerce_product", id=94, type="variation", parent_id=93, regular_price="49.00")
    variation["attributes"] = [{"id": 6, "name": "Color", "option": "Blue"}, {"id": 7, "name": "Size", "option": "L"}]
    await intake.deliver("woocommerce", "product.updated", variation, shop="https://other.example")
    rows = {row.product_id: row for row in await intake.rows(Product)}
    assert (rows["93"].compare_at, rows["93"].tags, rows["93"].variant) == (5500, ["Kitchen"], "")
    assert rows["94"].variant == "Blue / L"


async def _person(database: Database) -> facts.Person:
    async with database.reading() as session:
        (found,) = (await facts.load(session, [1], {"orders", "products", "addresses"}, NOON)).values()
    return found


def _case(**context: Any) -> Case:
    return Case("flow", NOON, {"order_id": "450789469", **context}, NOON)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("order_tagged(VIP)", True), ("order_tagged(other)", False), ("order_not_tagged(gift)", False),
        ("order_used_code(welcome10)", True), ("order_used_code(SUMMER)", False), ("order_used_no_code(SUMMER)", True),
        ("order_goods_tagged(steel)", True), ("order_goods_tagged(wood)", False),
        ("shop_tagged(Wholesale)", True), ("not_shop_tagged(wholesale)", False), ("not_shop_tagged(x)", True),
    ],
)  # fmt: skip
async def test_flows_may_ask_about_them(database: Database, question: str, answer: bool) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "products/update", payload("shopify_product", tags="kitchen, Steel"))
    await intake.deliver("shopify", "customers/update", payload("shopify_customer", tags="Wholesale", note="pays late"))
    await intake.deliver("shopify", "orders/create", shopify_order())
    assert (await intake.one(Contact)).traits["shop_note"] == "pays late"
    person = await _person(database)
    assert conditions.parse(question).holds(person, _case(store="shopify:goods.myshopify.com")) is answer


async def test_a_page_tags_nobody(database: Database) -> None:
    intake = Intake(database)
    for rank in ("page", "person"):
        traits = {"shop_tags": ["vip"], "shop_note": "a friend", "city": "Berlin"}
        who = {"anonymousId": "b1"} if rank == "page" else {"userId": "u1"}
        await intake.tell("identify", rank=rank, traits=traits, **who)  # type: ignore[arg-type]
    assert [one.traits for one in await intake.rows(Contact)] == [{"city": "Berlin"}] * 2


def _writing(texts: Texts, person: facts.Person, **sections: Any) -> Writing:
    ground = make.ground(texts, shop={"url": "https://shop.example", **sections.pop("shop", {})}, **sections)
    step: Any = type("Step", (), {"id": "mail"})()
    flow: Any = type("Flow", (), {"campaign": "flow"})()
    links: Any = None
    care: Any = None
    return Writing(ground, care, flow, step, person, _case(), "ada@example.org", links)


@pytest.mark.parametrize("prior", [False, True])
async def test_mails_show_them(database: Database, texts: Texts, prior: bool) -> None:
    intake = Intake(database)
    product = payload("shopify_product", title="Kettle")
    product["variants"][0]["compare_at_price"] = "59.00"
    await intake.deliver("shopify", "products/update", product)
    await intake.deliver("shopify", "orders/create", shopify_order())
    person = await _person(database)
    told = _writing(texts, person, automations={"prior_price": prior})
    (row,) = person.orders
    order = writing.show_order(told, row, None)
    assert order["url"].startswith(PAGE) and order["codes"] == ["WELCOME10"]
    first = writing.show_item(told, row["items"][0], "EUR")
    assert (first["variant"], first["compare_at"]) == ("Blue / L", None if prior else 5900)
    bare = {**row["items"][0], "name": "", "variant": ""}
    shown = writing.show_item(told, bare, "EUR")
    assert (shown["name"], shown["variant"]) == ("Kettle", "1 l")
    foreign = {**row, "page_url": "https://evil.example/x"}
    assert writing.show_order(told, foreign, None)["url"] == ""
    person.contact = {**person.contact, "claimed": True}
    assert writing.show_order(told, row, None)["url"] == ""


async def test_staff_read_them_on_the_card(database: Database, texts: Texts) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify_order())
    card = staff_card._order(desk(make.ground(texts)), await intake.one(Order))
    assert all(word in card for word in ("Ring &lt;b&gt;twice", "vip, gift", "WELCOME10", f'href="{PAGE}"'))


async def test_what_a_page_calls_a_variant_reaches_no_order(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify_order())
    said = {"order_id": "450789469", "note": "evil", "tags": ["evil"], "discount_codes": ["EVIL"],
            "order_url": "https://evil.example", "products": [{"product_id": "1", "variant": "evil"}]}  # fmt: skip
    later = NOON + timedelta(days=1)
    for name in ("Order Updated", "Order Completed"):
        await intake.tell(name, said, rank="page", ts=later, anonymousId="b1", store="shopify:goods.myshopify.com")
    order = await intake.one(Order)
    assert isinstance(order.ordered_at, datetime)
    assert "evil" not in f"{order.note} {order.tags} {order.codes} {order.page_url} {order.items}".lower()
