"""Shopify webhooks as events.

Every order webhook carries the whole order and any of them may be lost or late, so each tells all that it knows: the
order itself once, its state by the shop's time, its refunds by their ids.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from bot.events import NewEvent, names
from bot.shops import lines

SOURCE = "shopify"
_ORDER_TOPICS = frozenset(
    f"orders/{word}" for word in ("create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled")
)
_WAS_PAID = ("paid", "partially_refunded", "refunded")
_NO_PARCEL = ("cancelled", "error", "failure")
_OPEN = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "")


def translate(
    topic: str, payload: Mapping[str, Any], shop: str, received_at: datetime, version: str = ""
) -> list[NewEvent]:
    """The events of one delivery; none for a topic or a body that tells nothing we keep.

    `shop` is its domain (`x.myshopify.com`); `version` when the shop made the delivery, finer than the second of the
    body. Compliance topics are none of ours: see inbox.py.
    """
    if topic in _ORDER_TOPICS:
        return list(_order(payload, received_at, version))
    if topic == "orders/delete":
        return list(_deleted(payload, received_at))
    if topic == "fulfillment_events/create":
        return list(_underway(payload, received_at))
    if topic == "refunds/create":
        return list(_refund(payload, received_at))
    if topic in ("checkouts/create", "checkouts/update"):
        return list(_checkout(payload, received_at))
    if topic in ("carts/create", "carts/update"):
        return list(_cart(payload, received_at))
    if topic in ("fulfillments/create", "fulfillments/update"):
        return list(_parcel(payload, received_at))
    if topic in ("customers/create", "customers/update"):
        return list(_customer(payload, received_at))
    if topic == "customers_email_marketing_consent/update":
        consent = payload.get("email_marketing_consent")
        return list(_consent(payload.get("customer_id"), payload.get("email_address"), consent, received_at))
    if topic in ("inventory_items/create", "inventory_items/update", "inventory_levels/update"):
        return list(_inventory(topic, payload, received_at))
    if topic in ("products/create", "products/update", "products/delete"):
        return list(_product(topic, payload, shop, received_at))
    return []


def _order(order: Mapping[str, Any], received_at: datetime, version: str) -> Iterator[NewEvent]:
    order_id = lines.text(order.get("id"))
    if not order_id or order.get("test") is True:  # of a gateway that takes no money
        return
    created = lines.moment(order.get("created_at")) or received_at
    updated = lines.moment(order.get("updated_at")) or created
    who = _who(order)
    properties = _state(order, version)
    if order.get("cancelled_at") is None and (order.get("financial_status") or "") in _OPEN:
        yield _event(f"order:{order_id}:completed", "Order Completed", created, received_at, properties, who)
    key = f"order:{order_id}:{updated.isoformat()}:{_digest(order)}"
    yield _event(key, "Order Updated", updated, received_at, properties, who)
    for refund in _list(order.get("refunds")):
        yield from _refund(
            {"order_id": order_id, **refund}, received_at, who, lines.text(order.get("currency")),
            taxed=order.get("taxes_included") is True,
        )  # fmt: skip
    yield from _ticked(order, created, received_at, who)


def _ticked(
    order: Mapping[str, Any], created: datetime, received_at: datetime, who: Mapping[str, Any]
) -> Iterator[NewEvent]:
    """The box at the checkout. What the shop keeps of the customer goes before it: that has its own date, and the
    shop may be waiting for their second yes."""
    email = who.get("email")
    customer = order.get("customer")
    known = customer.get("email_marketing_consent") if isinstance(customer, Mapping) else None
    if isinstance(known, Mapping) and known.get("state"):
        yield from _consent(who.get("userId"), email, known, received_at)
    elif order.get("buyer_accepts_marketing") is True and email:
        said = {"email": email, "source": "checkout"}
        key = f"consent:order:{lines.text(order.get('id'))}"
        yield _event(key, "Subscribed", created, received_at, said, {**who, **_seen(order)})


def _state(order: Mapping[str, Any], version: str) -> dict[str, Any]:
    shipping = order.get("total_shipping_price_set")
    money = shipping.get("shop_money") if isinstance(shipping, Mapping) else None
    listed = _list(order.get("fulfillments"))
    parcels = [one for one in listed if one.get("status") not in _NO_PARCEL]
    shipped = order.get("fulfillment_status") in ("fulfilled", "partial")
    delivered = bool(parcels) and all(one.get("shipment_status") == "delivered" for one in parcels)
    newest: Mapping[str, Any] = parcels[-1] if parcels else {}
    return _present(
        {
            "order_id": order.get("id"),
            "order_number": order.get("name") or order.get("order_number"),
            "version": version,
            "digest": _digest(order),
            "checkout_id": order.get("checkout_token") or order.get("checkout_id"),
            "cart_id": order.get("cart_token"),
            "status": order.get("financial_status"),
            "parcel": "delivered" if shipped and delivered else "shipped" if shipped else "none",
            "currency": order.get("currency"),
            **_worth(order),
            "tax": order.get("total_tax"),
            "shipping": money.get("amount") if isinstance(money, Mapping) else None,
            "discount": order.get("total_discounts"),
            "created_at": order.get("created_at"),
            "updated_at": order.get("updated_at"),
            "paid_at": order.get("processed_at") if order.get("financial_status") in _WAS_PAID else None,
            "cancelled_at": order.get("cancelled_at"),
            "products": [_ordered(item, order) for item in _list(order.get("line_items"))],
            "refund_ids": [lines.text(one.get("id")) for one in _list(order.get("refunds"))]
            if isinstance(order.get("refunds"), list)
            else None,
            "parcel_ids": [lines.text(one.get("id")) for one in parcels]
            if isinstance(order.get("fulfillments"), list)
            else None,
            **_tracking(newest),
        }
    )


def _worth(order: Mapping[str, Any]) -> dict[str, Any]:
    """`revenue` without tax and `gross` with it: the goods as edited, before anything was paid back.

    `subtotal_price` is of the order as it was made, `current_subtotal_price` of what is left of it: the difference
    that no refund with money explains was edited away (`edited`), or added.
    """
    taxed = order.get("taxes_included") is True
    subtotal, total = lines.decimal(order.get("subtotal_price")), lines.decimal(order.get("total_price"))
    if subtotal is None:
        return {"total": order.get("total_price")}
    taxes = [lines.decimal(tax.get("price")) or Decimal(0)
             for item in _list(order.get("line_items")) for tax in _list(item.get("tax_lines"))]  # fmt: skip
    tax = sum(taxes, Decimal(0))
    gross, net = (subtotal, subtotal - tax) if taxed else (subtotal + tax, subtotal)
    current = lines.decimal(order.get("current_subtotal_price"))
    edited = Decimal(0)
    if current is not None and subtotal:
        gone = subtotal - current
        if gone > 0:  # what went back for money is gone from there as well
            back = sum((_worth_back(one) for one in _list(order.get("refunds")) if _paid_back(one)), Decimal(0))
            gone = max(Decimal(0), gone - back)
        part = gone / subtotal
        edited = gross * part
        gross, net = gross - edited, net * (1 - part)
    return {
        "revenue": str(net), "gross": str(gross), "edited": str(edited) if edited > 0 else None,
        "total": None if total is None else str(total - edited),
    }  # fmt: skip


def _ordered(item: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """A line as edited; what went back for money is in it still, and counted as refunded."""
    line = _line(item)
    left = item.get("current_quantity")
    if isinstance(left, int) and not isinstance(left, bool):
        back = sum(
            lines.count(one.get("quantity"))
            for refund in _list(order.get("refunds"))
            if _paid_back(refund)
            for one in _list(refund.get("refund_line_items"))
            if lines.text(one.get("line_item_id")) == lines.text(item.get("id"))
        )
        line["quantity"] = min(lines.count(item.get("quantity")), left + back)
    return line


def _paid_back(refund: Mapping[str, Any]) -> Decimal:
    paid = [
        lines.decimal(one.get("amount")) or Decimal(0)
        for one in _list(refund.get("transactions"))
        if one.get("kind") == "refund" and one.get("status", "success") == "success"
    ]
    return sum(paid, Decimal(0))


def _worth_back(refund: Mapping[str, Any]) -> Decimal:
    """What the lines of a refund cost, as `subtotal_price` counts."""
    found = Decimal(0)
    for one in _list(refund.get("refund_line_items")):
        worth = lines.decimal(one.get("subtotal"))
        if worth is None:
            item = one.get("line_item")
            price = lines.decimal(item.get("price")) if isinstance(item, Mapping) else None
            worth = (price or Decimal(0)) * lines.count(one.get("quantity"))
        found += worth
    return found


def _refund(
    refund: Mapping[str, Any],
    received_at: datetime,
    who: Mapping[str, Any] | None = None,
    currency: str = "",
    *,
    taxed: bool = True,
) -> Iterator[NewEvent]:
    """`total` is the money that was paid back, `goods` what of it is not for the shipping.

    Lines without money are an edit, or money that is still on its way: nothing went back so far.
    """
    refund_id, order_id = lines.text(refund.get("id")), lines.text(refund.get("order_id"))
    if not refund_id or not order_id:
        return
    given = _list(refund.get("refund_line_items"))
    transactions = refund.get("transactions")
    total = _paid_back(refund)
    if not isinstance(transactions, list) and given:
        taxes = sum((lines.decimal(one.get("total_tax")) or Decimal(0) for one in given), Decimal(0))
        total = _worth_back(refund) + (0 if taxed else taxes)
    elif not total:
        return
    goods = max(Decimal(0), total - _shipping_back(refund))
    paid = next((one.get("currency") for one in _list(transactions)), None)
    properties = _present(
        {
            "order_id": order_id,
            "refund_id": refund_id,
            "total": str(total),
            "goods": str(goods) if given or goods != total else None,
            "currency": currency or paid,
            "products": [_refunded(one) for one in given],
        }
    )
    at = lines.moment(refund.get("processed_at")) or lines.moment(refund.get("created_at")) or received_at
    yield _event(f"refund:{refund_id}:{total}", "Order Refunded", at, received_at, properties, who or {})


def _shipping_back(refund: Mapping[str, Any]) -> Decimal:
    found = Decimal(0)
    for one in _list(refund.get("order_adjustments")):
        if one.get("kind") == "shipping_refund":
            amounts = (lines.decimal(one.get(name)) or Decimal(0) for name in ("amount", "tax_amount"))
            found += abs(sum(amounts, Decimal(0)))
    for one in _list(refund.get("refund_shipping_lines")):
        money = one.get("subtotal_amount_set")
        shop = money.get("shop_money") if isinstance(money, Mapping) else None
        found += (lines.decimal(shop.get("amount")) or Decimal(0)) if isinstance(shop, Mapping) else Decimal(0)
    return found


def _refunded(one: Mapping[str, Any]) -> dict[str, Any]:
    item = one.get("line_item")
    pieces, worth = lines.count(one.get("quantity")), lines.decimal(one.get("subtotal"))
    line = _line(item if isinstance(item, Mapping) else {})
    return {**line, "quantity": pieces, **({"price": str(worth / pieces)} if worth is not None and pieces else {})}


def _deleted(order: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    if order_id := lines.text(order.get("id")):
        said = {"order_id": order_id, "reason": "deleted"}
        yield _event(f"order:{order_id}:deleted", "Order Cancelled", received_at, received_at, said, {})


def _underway(event: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    """What the carrier says of a parcel; only that it came is of use here."""
    parcel_id, order_id = lines.text(event.get("fulfillment_id")), lines.text(event.get("order_id"))
    if parcel_id and order_id and event.get("status") == "delivered":
        at = lines.moment(event.get("happened_at")) or lines.moment(event.get("created_at")) or received_at
        said = {"order_id": order_id, "fulfillment_id": parcel_id}
        yield _event(f"fulfillment:{parcel_id}:delivered", "Order Delivered", at, received_at, said, {})


def _checkout(checkout: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    token = lines.text(checkout.get("token"))
    if not token:
        return
    created = lines.moment(checkout.get("created_at")) or received_at
    updated = lines.moment(checkout.get("updated_at")) or created
    who = _who(checkout)
    properties = _present(
        {
            "checkout_id": token,
            "cart_id": checkout.get("cart_token"),
            "currency": checkout.get("currency") or checkout.get("presentment_currency"),
            "total": checkout.get("total_price"),
            "checkout_url": checkout.get("abandoned_checkout_url"),
            "created_at": checkout.get("created_at"),
            "updated_at": checkout.get("updated_at"),
            "completed_at": checkout.get("completed_at"),
            "products": [_line(item) for item in _list(checkout.get("line_items"))],
        }
    )
    # The address is often typed after the checkout began: it has started for us when we know who it is.
    if (who.get("email") or who.get("userId")) and not checkout.get("completed_at"):
        yield _event(f"checkout:{token}:started", "Checkout Started", created, received_at, properties, who)
    key = f"checkout:{token}:{updated.isoformat()}:{_digest(checkout)}"
    yield _event(key, "Checkout Updated", updated, received_at, properties, who)
    if checkout.get("buyer_accepts_marketing") is True and who.get("email"):
        said = {"email": who["email"], "source": "checkout"}
        key = f"consent:checkout:{token}:{sha256(who['email'].encode()).hexdigest()[:12]}"
        yield _event(key, "Subscribed", updated, received_at, said, {**who, **_seen(checkout)})


def _cart(cart: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    token = lines.text(cart.get("token") or cart.get("id"))
    if not token:
        return
    at = lines.moment(cart.get("updated_at")) or received_at
    properties = _present(
        {
            "cart_id": token,
            "updated_at": cart.get("updated_at"),
            "currency": cart.get("currency"),
            "products": [_line(item) for item in _list(cart.get("line_items"))],
        }
    )
    yield _event(f"cart:{token}:{at.isoformat()}:{_digest(cart)}", "Cart Updated", at, received_at, properties, {})


def _parcel(parcel: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    parcel_id, order_id = lines.text(parcel.get("id")), lines.text(parcel.get("order_id"))
    if not parcel_id or not order_id:
        return
    created = lines.moment(parcel.get("created_at")) or received_at
    updated = lines.moment(parcel.get("updated_at")) or created
    if parcel.get("status") in _NO_PARCEL:
        said = {"order_id": order_id, "fulfillment_id": parcel_id}
        key = f"fulfillment:{parcel_id}:cancelled"
        yield _event(key, "Order Fulfillment Cancelled", updated, received_at, said, {})
        return
    items = [_line(item) for item in _list(parcel.get("line_items"))]
    properties = _present({"order_id": order_id, "fulfillment_id": parcel_id, "products": items, **_tracking(parcel)})
    who = {"email": parcel["email"]} if parcel.get("email") else {}
    yield _event(f"fulfillment:{parcel_id}:shipped", "Order Fulfilled", created, received_at, properties, who)
    if parcel.get("shipment_status") == "delivered":
        yield _event(f"fulfillment:{parcel_id}:delivered", "Order Delivered", updated, received_at, properties, who)


def _customer(customer: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    customer_id = lines.text(customer.get("id"))
    if not customer_id:
        return
    at = lines.moment(customer.get("updated_at")) or received_at
    who = _who({"customer": customer, "email": customer.get("email")})
    key = f"customer:{customer_id}:{at.isoformat()}:{_digest(customer)}"
    yield NewEvent(SOURCE, key, "identify", "", at, received_at, who, rank="shop")
    consent = customer.get("email_marketing_consent")
    if not isinstance(consent, Mapping) and isinstance(customer.get("accepts_marketing"), bool):
        consent = {  # API versions before 2022-04
            "state": "subscribed" if customer["accepts_marketing"] else "unsubscribed",
            "consent_updated_at": customer.get("accepts_marketing_updated_at"),
        }
    yield from _consent(customer_id, customer.get("email"), consent, received_at)


def _consent(customer_id: object, email: object, consent: object, received_at: datetime) -> Iterator[NewEvent]:
    """Only `subscribed` and `unsubscribed` are an answer; pending is not confirmed, not_subscribed was never asked."""
    if not isinstance(consent, Mapping) or not isinstance(email, str):
        return
    name = {"subscribed": "Subscribed", "unsubscribed": "Unsubscribed"}.get(lines.text(consent.get("state")).lower())
    at = lines.moment(consent.get("consent_updated_at"))
    if name is None or at is None:  # a state without the moment it was chosen may be older than what we know
        return
    said = {"email": email, "source": "shop", "opt_in": lines.text(consent.get("opt_in_level"))}
    who = _present({"userId": lines.text(customer_id), "email": email})
    key = f"consent:{lines.text(customer_id)}:{name.lower()}:{at.isoformat()}"
    yield _event(key, name, at, received_at, said, who)


def _product(topic: str, product: Mapping[str, Any], shop: str, received_at: datetime) -> Iterator[NewEvent]:
    product_id = lines.text(product.get("id"))
    if not product_id:
        return
    if topic == "products/delete":
        gone = {"product_id": product_id}
        yield _event(f"product:{product_id}:deleted", "Product Deleted", received_at, received_at, gone, {})
        return
    at = lines.moment(product.get("updated_at")) or received_at
    image = product.get("image")
    variants = [
        {
            "variant_id": lines.text(one.get("id")),
            "sku": one.get("sku"),
            "name": f"{product.get('title')} - {one.get('title')}" if one.get("title") != "Default Title" else None,
            "price": one.get("price"),
            **_stock(one),
        }
        for one in _list(product.get("variants"))
    ]
    first: Mapping[str, Any] = variants[0] if variants else {}
    properties = _present(
        {
            "product_id": product_id,
            "name": product.get("title"),
            "brand": product.get("vendor"),
            "category": product.get("product_type"),
            "url": f"https://{shop}/products/{product['handle']}" if shop and product.get("handle") else None,
            "image_url": image.get("src") if isinstance(image, Mapping) else None,
            "sku": first.get("sku"),
            "price": first.get("price"),
            "published": product.get("status", "active") == "active" and product.get("published_at") is not None,
            "variants": variants,
            "updated_at": product.get("updated_at"),
        }
    )
    key = f"product:{product_id}:{at.isoformat()}:{_digest(product)}"
    yield _event(key, "Product Updated", at, received_at, properties, {})


def _stock(variant: Mapping[str, Any]) -> dict[str, Any]:
    """Whether anybody counts stood here once (`inventory_management`), now only at the inventory item."""
    quantity, oversold = lines.pieces(variant.get("inventory_quantity")), variant.get("inventory_policy") == "continue"
    tracked = bool(variant["inventory_management"]) if "inventory_management" in variant else None
    if item_id := lines.text(variant.get("inventory_item_id")):
        return {"inventory_item_id": item_id, "quantity": quantity, "oversold": oversold, "tracked": tracked}
    return {"stock": quantity if tracked and not oversold else None}


def _inventory(topic: str, given: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    at = lines.moment(given.get("updated_at")) or received_at
    if topic == "inventory_levels/update":
        item_id, name = lines.text(given.get("inventory_item_id")), "Inventory Level Updated"
        said = {"location_id": lines.text(given.get("location_id")), "available": given.get("available")}
    else:
        item_id, name = lines.text(given.get("id")), "Inventory Item Updated"
        said = {"tracked": given.get("tracked"), "sku": given.get("sku")}
    if item_id:
        key = f"inventory:{item_id}:{topic}:{at.isoformat()}:{_digest(given)}"
        yield _event(key, name, at, received_at, {"inventory_item_id": item_id, **said}, {})


def _who(given: Mapping[str, Any]) -> dict[str, Any]:
    """Whom an order, checkout or customer is about. A guest has no customer: the typed address is all there is."""
    found = given.get("customer")
    customer: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    places = [given.get("billing_address"), given.get("shipping_address"), customer.get("default_address")]
    place: Mapping[str, Any] = next((one for one in places if isinstance(one, Mapping)), {})
    email = given.get("email") or given.get("contact_email") or customer.get("email")
    traits = {
        "email": email,
        "firstName": customer.get("first_name") or place.get("first_name"),
        "lastName": customer.get("last_name") or place.get("last_name"),
        "phone": given.get("phone") or customer.get("phone") or place.get("phone"),
        "country": place.get("country_code") or place.get("country"),
        "language": given.get("customer_locale"),
    }
    return _present({"userId": lines.text(customer.get("id")), "email": email, "traits": _present(traits)})


def _seen(given: Mapping[str, Any]) -> dict[str, Any]:
    """From where and with what they ordered, as far as the shop says: the proof of what they ticked."""
    found = given.get("client_details")
    client: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    ip = lines.text(given.get("browser_ip") or client.get("browser_ip"))
    context = _present({"ip": ip, "userAgent": lines.text(client.get("user_agent"))})
    return {"context": context} if context else {}


def _line(item: Mapping[str, Any]) -> dict[str, Any]:
    return _present(
        {
            "product_id": lines.text(item.get("product_id")),
            "variant_id": lines.text(item.get("variant_id")),
            "sku": item.get("sku"),
            "name": item.get("title") or item.get("name"),
            "quantity": item.get("quantity"),
            "price": item.get("price"),
        }
    )


def _tracking(parcel: Mapping[str, Any]) -> dict[str, Any]:
    return _present(
        {
            "carrier": parcel.get("tracking_company"),
            "tracking_number": parcel.get("tracking_number"),
            "tracking_url": parcel.get("tracking_url"),
        }
    )


def _event(
    key: str,
    name: str,
    at: datetime,
    received_at: datetime,
    properties: Mapping[str, Any],
    who: Mapping[str, Any],
) -> NewEvent:
    body = {**who, "properties": names.properties(name, properties)}
    return NewEvent(SOURCE, key, "track", name, at, received_at, body, rank="shop")


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the shop left empty: an absent trait leaves what we know, a null would delete it."""
    return {key: value for key, value in given.items() if value not in (None, "", {})}


def _list(given: object) -> list[Mapping[str, Any]]:
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def _digest(payload: Mapping[str, Any]) -> str:
    return sha256(msgspec.json.encode(payload)).hexdigest()[:16]
