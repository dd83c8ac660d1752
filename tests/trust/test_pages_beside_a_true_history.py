"""Whatever pages say beside a shop's true history, all that is true stays as if they had said nothing."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import trust_world
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from trust_world import ADA, EVE, TrustWorld, track

from bot.base.database import Database
from bot.base.texts import Texts
from bot.events import names

# Numbers and names that stand in the true history as well, and others.
IDS = st.sampled_from(
    ["1001", "#1001", "1002", "k-ada", "c-ada", "mug", "lamp", "contact-1", "u-ada", "u-eve", "r1", ""]
)
MAILS = st.sampled_from([ADA, EVE, "ADA@example.org ", "bob@example.org", "", None])
BROWSERS = st.sampled_from(["b1", "b2", "b3"])
TIMES = st.sampled_from(["2020-01-01T00:00:00Z", "2026-12-01T00:00:00Z", "2031-01-01T00:00:00Z", "soon"])
AMOUNTS = st.sampled_from([0, 0.01, 18, -5, "1e999", "18,00", 10**20, None, True])
WORDS = st.sampled_from(
    ["paid", "cancelled", "refunded", "shipped", "marketing", "back_in_stock", "gold", "Evil", "shop"]
)
LINES = st.lists(
    st.fixed_dictionaries({"product_id": IDS, "name": WORDS, "price": AMOUNTS, "quantity": AMOUNTS}), max_size=2
)
PROPERTIES = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(("order_id", "checkout_id", "cart_id", "product_id", "variant_id", "refund_id", "id"), IDS),
    **dict.fromkeys(("order_number", "fulfillment_id"), IDS),
    **dict.fromkeys(("total", "revenue", "value", "price", "stock", "quantity", "from", "to"), AMOUNTS),
    **dict.fromkeys(("updated_at", "created_at", "cancelled_at", "completed_at", "paid_at"), TIMES),
    **dict.fromkeys(("status", "topic", "source", "parcel", "tier", "name", "opt_in", "channel"), WORDS),
    "email": MAILS, "products": LINES, "variants": LINES, "published": st.booleans(), "confirmed": st.booleans(),
    "trigger_flows": st.booleans(),
})  # fmt: skip
TRAITS = st.fixed_dictionaries({}, optional={
    "email": MAILS, "phone": st.just("+49 170 1234567"), "firstName": WORDS, "birthday": TIMES, "vip": WORDS,
    "marketing_consent": st.booleans(), "accepts_marketing": st.sampled_from(["yes", "no", "perhaps"]),
    "language": st.sampled_from(["zh", "en", None]), "country": WORDS,
})  # fmt: skip
WHO = st.fixed_dictionaries(
    {"anonymousId": BROWSERS}, optional={"userId": IDS, "previousId": IDS}
) | st.fixed_dictionaries({"userId": st.sampled_from(["u-ada", "u-eve", "1001"])}, optional={"previousId": IDS})
NAMES = st.sampled_from(sorted({*names.EVENTS, *names.ALIASES, "Order Stolen", "order paid", "Task Requested", "Quiz"}))
CALLS = st.builds(
    lambda who, kind, name, properties, traits: {
        **who, "type": kind, "properties": properties, "traits": traits,
        **({"event": name} if kind == "track" else {}), **({"previousId": "u-ada"} if kind == "alias" else {}),
    },
    WHO, st.sampled_from(["track"] * 6 + ["identify", "alias", "group", "page", "screen"]), NAMES, PROPERTIES, TRAITS,
)  # fmt: skip
LATER = [
    track("Order Delivered", userId="u-ada", order_id="1001"),
    track("Order Completed", userId="u-ada", order_id="1002", total=36, currency="EUR", checkout_id="k2"),
    track("Product Updated", anonymousId="erp", product_id="mug", name="Mug", price=17, stock=0, currency="EUR"),
    track("Order Refunded", userId="u-ada", order_id="1001", refund_id="r1", total=18),
    {"type": "identify", "userId": "u-ada", "traits": {"lastName": "King"}},
]
"""What the shop goes on to tell while the pages speak."""


def _played(texts: Texts, template: Path, said: list[list[dict[str, Any]]]) -> dict[str, Any]:
    async def play() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "aftercart.db"
            shutil.copy(template, file)
            database = Database(f"sqlite:///{file}")
            try:
                async with await trust_world.opened(database, texts) as world:
                    return await _history(world, said)
            finally:
                await database.close()

    return asyncio.run(play())


async def _history(world: TrustWorld, said: list[list[dict[str, Any]]]) -> dict[str, Any]:
    await world.page(*said[0]) if said[0] else None
    await world.history()
    for calls, told in zip(said[1:], LATER, strict=True):
        if calls:
            await world.page(*calls)
        await world.server(told)
    return await world.truth()


_ALONE: dict[str, Any] = {}


@given(said=st.lists(st.lists(CALLS, max_size=4), min_size=len(LATER) + 1, max_size=len(LATER) + 1))
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_is_true_is_the_same_with_and_without_the_pages(
    texts: Texts, sqlite_template: Path, said: list[list[dict[str, Any]]]
) -> None:
    if not _ALONE:
        _ALONE.update(_played(texts, sqlite_template, [[] for _ in range(len(LATER) + 1)]))
    beside = _played(texts, sqlite_template, said)
    for told, rows in _ALONE.items():
        assert beside[told] == rows, told
