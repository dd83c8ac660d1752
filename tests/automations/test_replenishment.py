from datetime import timedelta
from typing import Any

import pytest
import shop_world
from shop_world import DAY, HOUR, ShopWorld

from automations.definition import drawing, flow_files
from automations.definition.flow_files import Flows
from automations.subjects import refills
from bot.base.config import Config
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.texts import Texts

FAMILIES = """
[[refill]]
family = "coffee"
categories = ["Coffee"]
days = 20

[[refill]]
family = "coffee"
products = ["big"]
days = 60

[[refill]]
family = "filters"
products = ["filter"]
days = 10
"""


def families(tmp_path: Any) -> Flows:
    """The flow with families of the tests' own."""
    ours = flow_files.folders(Config())[0]
    head, _, tail = (ours / "replenishment.toml").read_text("utf-8").partition("[[refill]]")
    (tmp_path / "replenishment.toml").write_text(
        head + FAMILIES + "[trigger]" + tail.partition("[trigger]")[2], "utf-8"
    )
    return flow_files.load([tmp_path])


@pytest.fixture
async def shop(database: Database, texts: Texts, tmp_path: Any) -> ShopWorld:
    world = await shop_world.opened(database, texts, families(tmp_path))
    await world.person(timezone="UTC")
    return world


def line(product: str = "beans", quantity: int = 1, **more: Any) -> dict[str, Any]:
    category = {"beans": "Coffee beans", "decaf": "Coffee beans", "big": "Coffee beans", "filter": "Paper"}
    return {"product_id": product, "name": product.title(), "price": 12, "quantity": quantity,
            "category": category.get(product, "Else"), **more}  # fmt: skip


async def orders(shop: ShopWorld, order: str, *lines: dict[str, Any], arrives: timedelta | None = None) -> None:
    said = {"order_id": order, "currency": "EUR", "revenue": 12, "products": list(lines or [line()])}
    await shop.happens("Order Completed", **said)
    if arrives is not None:
        await shop.passes(arrives)
        await shop.happens("Order Delivered", order_id=order)


async def test_five_days_before_it_is_used_up_and_once_more_a_week_later(shop: ShopWorld) -> None:
    ordered = shop.now
    await orders(shop, "o1", line(quantity=2), arrives=3 * DAY)
    await shop.passes(60 * DAY)
    assert shop.templates() == ["replenishment", "replenishment_2"]
    first, second = [message.row["handed_at"] or message.row["planned_at"] for message in shop.mails.sent]
    assert (first - ordered).days == 3 + 40 - 5 - 1 and first.hour == 10  # at ten, so a little less than 38 days
    assert (second - first).days == 7
    assert "Beans" in shop.mails.sent[0].payload["subject"]


async def test_without_word_of_the_delivery_the_usual_transit_counts(shop: ShopWorld) -> None:
    await orders(shop, "o1")
    await shop.passes(21 * DAY)
    assert shop.templates() == []
    await shop.passes(DAY)
    assert shop.templates() == ["replenishment"]


async def test_the_days_of_a_product_come_before_those_of_its_category(shop: ShopWorld) -> None:
    await orders(shop, "o1", line("big"), line("filter"), line("else"), arrives=DAY)
    found = {row["context"]["family"]: row["context"]["lasts"] for row in await shop.enrolled("replenishment")}
    assert found == {"coffee": 60, "filters": 10}
    assert sorted(row["dedupe_key"].rpartition(":")[0].split(":", 2)[2] for row in await shop.enrolled()) == [
        "coffee", "filters",
    ]  # fmt: skip


@pytest.mark.parametrize(("gaps", "pace"), [((30,), 1.0), ((30, 26), 1.4), ((150, 200), 2.0), ((2, 3, 4), 0.5)])
async def test_after_two_intervals_their_own_pace_counts_within_limits(
    shop: ShopWorld, gaps: tuple[int, ...], pace: float
) -> None:
    for number, gap in enumerate(gaps):
        await orders(shop, f"o{number}")
        shop.now += gap * DAY
    await orders(shop, "last", line(quantity=2))
    context = next(row["context"] for row in await shop.enrolled("replenishment") if row["status"] == "active")
    assert (context["order_id"], context["pace"], context["lasts"]) == ("last", pace, 40 * pace)


async def test_a_large_order_does_not_make_somebody_slow(shop: ShopWorld) -> None:
    await orders(shop, "o1", line(quantity=3))
    shop.now += 60 * DAY
    await orders(shop, "o2")
    shop.now += 20 * DAY
    await orders(shop, "o3")
    assert (await shop.enrolled("replenishment"))[-1]["context"]["pace"] == 1.0


async def test_a_newer_order_of_the_family_takes_the_place_of_the_older(shop: ShopWorld) -> None:
    await orders(shop, "o1", line(), line("filter", 9))
    await shop.passes(10 * DAY)
    await orders(shop, "o2", line("decaf"))
    rows = [(row["dedupe_key"].partition(":")[2].partition(":")[2], row["status"], row["exit_reason"])
            for row in await shop.enrolled("replenishment")]  # fmt: skip
    assert rows == [
        ("coffee:o1", "exited", "family_bought"),
        ("filters:o1", "active", None),
        ("coffee:o2", "active", None),
    ]


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("Order Refunded", {"order_id": "o1", "products": [{"product_id": "beans", "quantity": 2}]}),
        ("Order Cancelled", {"order_id": "o1"}),
        ("Subscription Started", {}),
        ("Subscription Started", {"product_id": "decaf", "category": "Coffee beans"}),
    ],
)
async def test_a_refund_or_a_subscription_ends_it(shop: ShopWorld, event: str, more: dict[str, Any]) -> None:
    await orders(shop, "o1", line(quantity=2), line("mug"))
    await shop.happens(event, **more)
    await shop.passes(60 * DAY)
    assert shop.templates() == [] and (await shop.enrolled("replenishment"))[0]["status"] == "exited"


async def test_a_subscription_of_something_else_or_one_that_ended_does_not(shop: ShopWorld) -> None:
    await shop.happens("Subscription Started", product_id="beans", category="Coffee")
    await shop.happens("Subscription Cancelled", product_id="beans", category="Coffee")
    await shop.happens("Subscription Started", product_id="tea", category="Tea")
    await orders(shop, "o1")
    await shop.passes(30 * DAY)
    assert "replenishment" in shop.templates()


async def test_what_is_sold_out_is_waited_for_two_weeks_and_then_the_flow_ends(shop: ShopWorld) -> None:
    async def stock(count: int) -> None:
        said = {"product_id": "beans", "name": "Beans", "price": 12, "currency": "EUR", "stock": count}
        await shop.happens("Product Updated", "", source="shopify", **said)

    await stock(0)
    await orders(shop, "o1", arrives=DAY)
    await shop.passes(20 * DAY)
    assert shop.templates() == [] and await shop.skipped() == []
    await stock(3)
    await shop.passes(3 * DAY)
    assert shop.templates() == ["replenishment"]
    await stock(0)
    await orders(shop, "o2", arrives=DAY)
    await shop.passes(60 * DAY)
    assert await shop.skipped() == ["out_of_stock"] and shop.templates() == ["replenishment"]
    assert [(row["status"], row["exit_reason"]) for row in await shop.enrolled("replenishment")][1:] == [
        ("exited", "not_told")
    ]


async def test_news_of_the_delivery_moves_the_mail(shop: ShopWorld) -> None:
    await orders(shop, "o1")
    before = (await shop.enrolled("replenishment"))[0]["due_at"]
    await shop.passes(12 * DAY)
    await shop.happens("Order Delivered", order_id="o1")
    after = (await shop.enrolled("replenishment"))[0]["due_at"]
    assert (after - before).days == 5


async def test_something_used_up_in_three_days_is_not_written_about_before_it_arrived(
    shop: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refills, "_lasts", lambda _order, _rules: 3.0)
    await orders(shop, "o1")
    await shop.passes(6 * DAY)
    assert shop.templates() == []
    await shop.happens("Order Delivered", order_id="o1")
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["replenishment"]


async def test_without_families_nobody_enters(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await orders(shop, "o1", line("else"))
    assert await shop.enrolled("replenishment") == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('family = "tea"\ndays = 10\n', "say what belongs to it"),
        ('family = "tea"\ndays = 0\nproducts = ["1"]\n', "greater than 0"),
        (
            'family = "tea"\nlasts = 10\nproducts = ["1"]\n',
            "unknown key; known here: categories, days, family, products",
        ),
        ('family = "tea"\nday = 10\nproducts = ["1"]\n', "did you mean days?"),
    ],
)
def test_a_wrong_refill_names_its_line_and_the_mend(tmp_path: Any, wrong: str, says: str) -> None:
    ours = flow_files.folders(Config())[0]
    text = (ours / "replenishment.toml").read_text("utf-8")
    (tmp_path / "replenishment.toml").write_text(text.replace("[trigger]", f"[[refill]]\n{wrong}\n[trigger]"), "utf-8")
    with pytest.raises(FindingsError) as caught:
        flow_files.load([ours, tmp_path])
    found = [str(finding) for finding in caught.value.findings]
    assert any(says in finding and "replenishment.toml" in finding and "refill[2]" in finding for finding in found), (
        found
    )


def test_what_is_used_up_belongs_to_a_flow_about_it(tmp_path: Any) -> None:
    ours = flow_files.folders(Config())[0]
    text = (ours / "browse_reminder.toml").read_text("utf-8")
    (tmp_path / "browse_reminder.toml").write_text(
        text.replace("[trigger]", "[drop]\npercent = 9\n\n[trigger]"), "utf-8"
    )
    with pytest.raises(FindingsError) as caught:
        flow_files.load([ours, tmp_path])
    assert 'drop belongs to a flow about "price_drop"' in str(caught.value.findings[0])


def test_the_drawing_says_what_the_wait_is_counted_from() -> None:
    flows = flow_files.load(flow_files.folders(Config()))
    shown = "\n".join(drawing.lines(flows.by_name["replenishment"]))
    assert "nearly: wait 5 days before it is used up at 10:00 where they live" in shown
