"""What went back of an order: by line where the lines are named, in full where nothing is."""

from collections.abc import Mapping
from typing import Any

from bot.shops import lines
from bot.tables.shop import Order


def take(order: Order, said: Mapping[str, Any]) -> None:
    """One refund. `products` names the lines and quantities, `total` the money; neither means all of it."""
    back = lines.items(said, order.currency)
    money = lines.amount(said.get("total"), order.currency)
    if back is None and money is None:
        all_of_it(order)
        return
    items = [dict(one) for one in order.items]
    worth = 0
    for line in back or []:
        mine = next((one for one in items if lines.same(one, line)), None)
        if mine is None:
            # Before its order: the line waits here for the state that follows.
            items.append({**line, "refunded": line["quantity"]})
            worth += (line["price"] or 0) * line["quantity"]
            continue
        pieces = min(line["quantity"], mine["quantity"] - mine.get("refunded", 0))
        mine["refunded"] = mine.get("refunded", 0) + pieces
        worth += (line["price"] or mine["price"] or 0) * pieces
    order.items = items
    sum_back = order.refunded + abs(worth if money is None else money)
    order.refunded = min(sum_back, order.total) if order.total else sum_back
    if order.revenue and order.refunded >= order.revenue:
        all_of_it(order)


def all_of_it(order: Order) -> None:
    order.status = "refunded"
    order.items = [{**one, "refunded": one["quantity"]} for one in order.items]
    order.refunded = max(order.refunded, order.revenue)


def carried_over(told: list[dict[str, Any]], held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a new state with what we know went back of them."""
    return [
        {
            **line,
            "refunded": min(line["quantity"], sum(one.get("refunded", 0) for one in held if lines.same(one, line))),
        }
        for line in told
    ]
