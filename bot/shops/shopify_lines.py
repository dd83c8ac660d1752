"""The lines of Shopify's orders and refunds, what they are worth, and what its webhooks become."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from bot.shops import lines, payloads
from bot.shops.payloads import listed, present

SOURCE = "shopify"
event = partial(payloads.event, SOURCE)


def line(item: Mapping[str, Any]) -> dict[str, Any]:
    return present(
        {
            "product_id": lines.text(item.get("product_id")),
            "variant_id": lines.text(item.get("variant_id")),
            "sku": item.get("sku"),
            "name": item.get("title") or item.get("name"),
            "variant": item.get("variant_title"),
            "quantity": item.get("quantity"),
            "price": item.get("price"),
        }
    )


def ordered(item: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """A line as edited; what went back for money is in it still, and counted as refunded."""
    found = line(item)
    left = item.get("current_quantity")
    if isinstance(left, int) and not isinstance(left, bool):
        back = sum(
            lines.count(one.get("quantity"))
            for refund in listed(order.get("refunds"))
            if _paid_back(refund)
            for one in listed(refund.get("refund_line_items"))
            if lines.text(one.get("line_item_id")) == lines.text(item.get("id"))
        )
        found["quantity"] = min(lines.count(item.get("quantity")), left + back)
    return found


def worth(order: Mapping[str, Any]) -> dict[str, Any]:
    """`revenue` without tax and `gross` with it: the goods as edited, before anything was paid back.

    `subtotal_price` is of the order as it was made, `current_subtotal_price` of what is left of it: the difference
    that no refund with money explains was edited away (`edited`), or added.
    """
    taxed = order.get("taxes_included") is True
    subtotal, total = lines.decimal(order.get("subtotal_price")), lines.decimal(order.get("total_price"))
    if subtotal is None:
        return {"total": order.get("total_price")}
    taxes = [lines.decimal(tax.get("price")) or Decimal(0)
             for item in listed(order.get("line_items")) for tax in listed(item.get("tax_lines"))]  # fmt: skip
    tax = sum(taxes, Decimal(0))
    gross, net = (subtotal, subtotal - tax) if taxed else (subtotal + tax, subtotal)
    current = lines.decimal(order.get("current_subtotal_price"))
    edited = Decimal(0)
    if current is not None and subtotal:
        gone = subtotal - current
        if gone > 0:  # what went back for money is gone from there as well
            back = sum((_cost_back(one) for one in listed(order.get("refunds")) if _paid_back(one)), Decimal(0))
            gone = max(Decimal(0), gone - back)
        part = gone / subtotal
        edited = gross * part
        gross, net = gross - edited, net * (1 - part)
    return {
        "revenue": str(net), "gross": str(gross), "edited": str(edited) if edited > 0 else None,
        "total": None if total is None else str(total - edited),
    }  # fmt: skip


def refunded(refund: Mapping[str, Any], *, taxed: bool) -> dict[str, Any] | None:
    """What went back: `total` is the money that was paid back, `goods` what of it is not for the shipping.

    None for lines without money: they are an edit, or their money is still on its way.
    """
    given = listed(refund.get("refund_line_items"))
    transactions = refund.get("transactions")
    total = _paid_back(refund)
    if not isinstance(transactions, list) and given:
        taxes = sum((lines.decimal(one.get("total_tax")) or Decimal(0) for one in given), Decimal(0))
        total = _cost_back(refund) + (0 if taxed else taxes)
    elif not total:
        return None
    goods = max(Decimal(0), total - _shipping_back(refund))
    return {
        "total": str(total),
        "goods": str(goods) if given or goods != total else None,
        "currency": next((one.get("currency") for one in listed(transactions)), None),
        "products": [_line_back(one) for one in given],
    }


def _line_back(one: Mapping[str, Any]) -> dict[str, Any]:
    item = one.get("line_item")
    pieces, worth = lines.count(one.get("quantity")), lines.decimal(one.get("subtotal"))
    found = line(item if isinstance(item, Mapping) else {})
    return {**found, "quantity": pieces, **({"price": str(worth / pieces)} if worth is not None and pieces else {})}


def _paid_back(refund: Mapping[str, Any]) -> Decimal:
    paid = [
        lines.decimal(one.get("amount")) or Decimal(0)
        for one in listed(refund.get("transactions"))
        if one.get("kind") == "refund" and one.get("status", "success") == "success"
    ]
    return sum(paid, Decimal(0))


def _cost_back(refund: Mapping[str, Any]) -> Decimal:
    """What the lines of a refund cost, as `subtotal_price` counts."""
    found = Decimal(0)
    for one in listed(refund.get("refund_line_items")):
        worth = lines.decimal(one.get("subtotal"))
        if worth is None:
            item = one.get("line_item")
            price = lines.decimal(item.get("price")) if isinstance(item, Mapping) else None
            worth = (price or Decimal(0)) * lines.count(one.get("quantity"))
        found += worth
    return found


def _shipping_back(refund: Mapping[str, Any]) -> Decimal:
    found = Decimal(0)
    for one in listed(refund.get("order_adjustments")):
        if one.get("kind") == "shipping_refund":
            amounts = (lines.decimal(one.get(name)) or Decimal(0) for name in ("amount", "tax_amount"))
            found += abs(sum(amounts, Decimal(0)))
    for one in listed(refund.get("refund_shipping_lines")):
        money = one.get("subtotal_amount_set")
        shop = money.get("shop_money") if isinstance(money, Mapping) else None
        found += (lines.decimal(shop.get("amount")) or Decimal(0)) if isinstance(shop, Mapping) else Decimal(0)
    return found
