"""Questions about a cart or a checkout."""

from datetime import timedelta
from typing import Any

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from bot.base import clock, money


def _amount(word: str) -> str:
    """As written: how many decimal places it may have depends on the currency of the cart."""
    money.to_minor(word.strip(), "EUR")
    return word.strip()


@condition("carts", reason="cart_empty")
def cart_not_empty(person: Person, case: Case, _value: Any) -> bool:
    cart = matter.the_cart(person, case)
    return bool(cart and cart["items"] and cart["emptied_at"] is None and cart["ordered_at"] is None)


@condition("carts", value=clock.duration)
def cart_emptied(person: Person, case: Case, grace: timedelta) -> bool:
    """For `exit`: the cart has been empty for longer than the grace."""
    cart = matter.the_cart(person, case)
    return bool(cart and cart["emptied_at"] is not None and cart["emptied_at"] <= case.now - grace)


@condition("carts", reason="cart_too_small", value=_amount)
def cart_worth(person: Person, case: Case, amount: str) -> bool:
    cart = matter.the_cart(person, case)
    return bool(cart and cart["total"] >= money.to_minor(amount, cart["currency"] or "EUR"))


@condition("carts", "products", reason="nothing_to_show", hold=timedelta(hours=24))
def something_to_show(person: Person, case: Case, _value: Any) -> bool:
    """At least one item of the cart can be bought now; if none, a day is left for it to come back."""
    cart = matter.the_cart(person, case)
    return bool(cart and any(person.products.available(item) for item in cart["items"]))


@condition("carts", "products", reason="goods_not_tagged", value=str.strip)
def cart_goods_tagged(person: Person, case: Case, tag: str) -> bool:
    """Something in the cart has this tag of the shop's catalogue."""
    cart = matter.the_cart(person, case)
    return any(matter.is_tagged(person, item, tag) for item in (cart["items"] if cart else ()))


@condition("orders", "carts", reason="just_bought", value=clock.duration)
def not_just_bought(person: Person, case: Case, within: timedelta) -> bool:
    """No paid order of that time contains a product of the cart."""
    cart = matter.the_cart(person, case)
    mine = cart["items"] if cart else []
    return not any(
        order["paid_at"] and order["paid_at"] > case.now - within and order["status"] != "cancelled"
        and any(matter.same(one, item, "product_id") for one in mine for item in order["items"])
        for order in person.orders
    )  # fmt: skip
