"""WooCommerce webhooks as events. There is no cart or checkout topic: those come from the pages."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from bot.events import NewEvent
from bot.shops import consents, lines, payloads
from bot.shops.payloads import digest, listed, present

SOURCE = "woocommerce"
_event = partial(payloads.event, SOURCE)
_PENDING = ("pending", "on-hold")


def translate(
    topic: str, payload: Mapping[str, Any], shop: str, received_at: datetime, version: str = ""
) -> list[NewEvent]:
    """The events of one delivery; none for a topic that tells nothing we keep. `shop` is its address."""
    if topic in ("order.created", "order.updated", "order.restored"):
        return list(_order(payload, received_at, restored=topic == "order.restored"))
    if topic == "order.deleted":
        return list(_deleted(payload, received_at))
    if topic in ("customer.created", "customer.updated"):
        return list(_customer(payload, received_at))
    if topic == "customer.deleted":
        return list(_customer_gone(payload, received_at))
    if topic in ("product.created", "product.updated", "product.restored", "product.deleted"):
        return list(_product(topic, payload, received_at))
    return []


def resource(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Id and time of change: what makes a delivery one of its own (its delivery id does not)."""
    changed = payload.get("date_modified_gmt") or payload.get("date_modified")
    return lines.text(payload.get("id")), lines.text(changed)


def _order(order: Mapping[str, Any], received_at: datetime, *, restored: bool = False) -> Iterator[NewEvent]:
    order_id = lines.text(order.get("id"))
    status = lines.text(order.get("status")).removeprefix("wc-")
    if not order_id or status in ("checkout-draft", "auto-draft"):
        return
    created = lines.moment(order.get("date_created_gmt")) or received_at
    updated = lines.moment(order.get("date_modified_gmt")) or created
    ours = _status(order, status)
    properties = _state(order, ours, status == "completed")
    who = _who(order)
    if ours in ("pending", "paid"):
        yield _event(f"order:{order_id}:completed", "Order Completed", created, received_at, properties, who)
    key = f"order:{order_id}:{updated.isoformat()}:{digest(order)}"
    if restored:
        key, properties = f"{key}:restored", {**properties, "restored": True}
    yield _event(key, "Order Updated", updated, received_at, properties, who)
    for refund in listed(order.get("refunds")):
        if refund_id := lines.text(refund.get("id")):
            back = {
                "order_id": order_id,
                "refund_id": refund_id,
                "total": lines.text(refund.get("total")).removeprefix("-"),
                "currency": order.get("currency"),
            }
            yield _event(f"refund:{refund_id}:{back['total']}", "Order Refunded", updated, received_at, back, who)
    yield from _ticked(order, order_id, created, received_at, who)


def _ticked(
    order: Mapping[str, Any], order_id: str, created: datetime, received_at: datetime, who: Mapping[str, Any]
) -> Iterator[NewEvent]:
    """What a guest ticked is their word of that day. A customer who is signed in is ticked as the plug-in has them,
    often without seeing a box."""
    seen = present({"ip": order.get("customer_ip_address"), "userAgent": order.get("customer_user_agent")})
    body = {**who, **({"context": seen} if seen else {})}
    for said in consents.ticked(order):
        if said.off:
            continue
        basis = "flag" if said.wanted and who.get("userId") else ""
        told = consents.event(
            SOURCE, f"order:{order_id}", said, body, created, received_at, where="checkout", basis=basis
        )
        if told is not None:
            yield told


def _deleted(order: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    """Put into the bin, or gone for good; a state that is newer says that it is back."""
    if order_id := lines.text(order.get("id")):
        said = {"order_id": order_id, "reason": "deleted"}
        key = f"order:{order_id}:deleted:{received_at.isoformat()}"
        yield _event(key, "Order Cancelled", received_at, received_at, said, {})


def _status(order: Mapping[str, Any], status: str) -> str:
    """Cash on delivery is `processing` before anybody paid."""
    if status in _PENDING or (
        status == "processing" and order.get("payment_method") == "cod" and not order.get("date_paid_gmt")
    ):
        return "pending"
    if status in ("cancelled", "failed", "trash", "refunded"):
        return status
    if status in ("processing", "completed") or order.get("date_paid_gmt"):
        return "paid"
    return "pending"  # a status of the shop's own


def _state(order: Mapping[str, Any], status: str, completed: bool) -> dict[str, Any]:
    items = [_line(item) for item in listed(order.get("line_items"))]
    worth = [lines.decimal(item.get("total")) or Decimal(0) for item in listed(order.get("line_items"))]
    taxes = [lines.decimal(order.get(name)) for name in ("cart_tax", "total_tax", "shipping_tax")]
    tax = taxes[0] if taxes[0] is not None else (taxes[1] or Decimal(0)) - (taxes[2] or Decimal(0))
    refunds = order.get("refunds")
    found = present(
        {
            "order_id": order.get("id"),
            "order_number": order.get("number"),
            "order_url": _page(order),
            "status": status,
            "digest": digest(order),
            "parcel": "shipped" if completed else "none",
            "shipped_at": _utc(order.get("date_completed_gmt")) if completed else None,
            "currency": order.get("currency"),
            "total": order.get("total"),
            "revenue": str(sum(worth, Decimal(0))) if worth else None,
            "gross": str(sum(worth, tax)) if worth else None,
            "tax": order.get("total_tax"),
            "shipping": order.get("shipping_total"),
            "discount": order.get("discount_total"),
            "created_at": _utc(order.get("date_created_gmt")),
            "updated_at": _utc(order.get("date_modified_gmt")),
            "paid_at": _utc(order.get("date_paid_gmt")),
            "products": items,
            "refund_ids": [lines.text(one.get("id")) for one in listed(refunds)] if isinstance(refunds, list) else None,
        }
    )
    if "customer_note" in order:
        found["note"] = lines.text(order["customer_note"])
    if isinstance(order.get("coupon_lines"), list):
        found["discount_codes"] = [lines.text(one.get("code")) for one in listed(order["coupon_lines"])]
    return found


def _line(item: Mapping[str, Any]) -> dict[str, Any]:
    image = item.get("image")
    variation = lines.text(item.get("variation_id"))
    return present(
        {
            "product_id": lines.text(item.get("product_id")),
            "variant_id": "" if variation == "0" else variation,
            "sku": item.get("sku"),
            "name": item.get("parent_name") or item.get("name"),
            "variant": _variant(item),
            "quantity": item.get("quantity"),
            "price": item.get("price"),
            "image_url": image.get("src") if isinstance(image, Mapping) else None,
        }
    )


def _variant(item: Mapping[str, Any]) -> str:
    """What sets a variation apart ("Blue / L"): its attributes as people read them, else what its name has more than
    the product's."""
    if lines.text(item.get("variation_id")) in ("", "0"):
        return ""
    attributes = [one for one in listed(item.get("meta_data")) if lines.text(one.get("key")).startswith("pa_")]
    shown = [lines.text(one.get("display_value")) for one in attributes]
    if any(shown):
        return " / ".join(one for one in shown if one)
    parent, whole = lines.text(item.get("parent_name")), lines.text(item.get("name"))
    return whole.removeprefix(parent).removeprefix(" - ") if parent and whole.startswith(f"{parent} - ") else ""


def _page(order: Mapping[str, Any]) -> str:
    """Where the customer sees the order: its page after the checkout, beside the one for paying that WooCommerce names.
    The key in it opens it, like the one in its mails."""
    address, key = lines.text(order.get("payment_url")), lines.text(order.get("order_key"))
    front, found, _ = address.partition("order-pay")
    if not found or not key:
        return ""
    number = lines.text(order.get("id"))
    if front.endswith("?") or front.endswith("&"):  # a site without readable addresses
        return f"{front}order-received={number}&key={key}"
    return f"{front}order-received/{number}/?key={key}"


def _customer(customer: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    customer_id = lines.text(customer.get("id"))
    if not customer_id:
        return
    at = lines.moment(customer.get("date_modified_gmt")) or lines.moment(customer.get("date_created_gmt"))
    at = at or received_at
    who = _who({**customer, "customer_id": customer_id})
    key = f"customer:{customer_id}:{at.isoformat()}:{digest(customer)}"
    yield NewEvent(SOURCE, key, "identify", "", at, received_at, who, rank="shop")
    for said in consents.ticked(customer):
        basis = "off" if said.off else "state"
        told = consents.event(SOURCE, customer_id, said, who, at, received_at, basis=basis)
        if told is not None:
            yield told


def _customer_gone(customer: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    if customer_id := lines.text(customer.get("id")):
        key = f"customer:{customer_id}:deleted"
        yield _event(key, "Customer Deleted", received_at, received_at, {"customer_id": customer_id}, {})


def _product(topic: str, product: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    product_id = lines.text(product.get("id"))
    if not product_id:
        return
    if topic == "product.deleted":
        gone = {"product_id": product_id}
        key = f"product:{product_id}:deleted:{received_at.isoformat()}"
        yield _event(key, "Product Deleted", received_at, received_at, gone, {})
        return
    at = lines.moment(product.get("date_modified_gmt")) or received_at
    categories, images = listed(product.get("categories")), listed(product.get("images"))
    brands = listed(product.get("brands"))
    counted = product.get("manage_stock") is True and product.get("backorders", "no") == "no"
    stock = product.get("stock_quantity") if counted else 0 if product.get("stock_status") == "outofstock" else None
    properties = present(
        {
            "product_id": product_id,
            "handle": product.get("slug"),
            "sku": product.get("sku"),
            "name": product.get("name"),
            "brand": brands[0].get("name") if brands else None,
            "category": categories[0].get("name") if categories else None,
            "url": product.get("permalink"),
            "image_url": images[0].get("src") if images else None,
            "price": product.get("price"),
            "compare_at_price": product.get("regular_price"),
            "variant": " / ".join(
                lines.text(one.get("option")) for one in listed(product.get("attributes")) if one.get("option")
            ),
            "tags": [lines.text(one.get("name")) for one in listed(product.get("tags"))],
            "stock": stock,
            "published": product.get("status", "publish") == "publish",
            "updated_at": _utc(product.get("date_modified_gmt")),
        }
    )
    key = f"product:{product_id}:{at.isoformat()}:{digest(product)}"
    if topic == "product.restored":
        key = f"product:{product_id}:restored:{received_at.isoformat()}"
    yield _event(key, "Product Updated", at, received_at, properties, {})


def _who(given: Mapping[str, Any]) -> dict[str, Any]:
    """A guest's order has customer_id 0: the billing address is all there is."""
    found = given.get("billing")
    billing: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    email = given.get("email") or billing.get("email")
    traits = {
        "email": email,
        "firstName": given.get("first_name") or billing.get("first_name"),
        "lastName": given.get("last_name") or billing.get("last_name"),
        "phone": billing.get("phone"),
        "country": billing.get("country"),
    }
    customer_id = lines.text(given.get("customer_id"))
    return present({"userId": "" if customer_id == "0" else customer_id, "email": email, "traits": present(traits)})


def _utc(given: object) -> str | None:
    at = lines.moment(given)
    return at.isoformat() if at else None
