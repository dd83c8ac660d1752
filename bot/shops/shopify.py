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
_OPEN = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "")


def translate(topic: str, payload: Mapping[str, Any], shop: str, received_at: datetime) -> list[NewEvent]:
    """The events of one delivery; none for a topic or a body that tells nothing we keep.

    `shop` is its domain (`x.myshopify.com`). Compliance topics are none of ours: see inbox.py.
    """
    if topic in _ORDER_TOPICS:
        return list(_order(payload, received_at))
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
    if topic in ("products/create", "products/update", "products/delete"):
        return list(_product(topic, payload, shop, received_at))
    return []


def _order(order: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    order_id = lines.text(order.get("id"))
    if not order_id:
        return
    created = lines.moment(order.get("created_at")) or received_at
    updated = lines.moment(order.get("updated_at")) or created
    who = _who(order)
    properties = _state(order)
    if order.get("cancelled_at") is None and (order.get("financial_status") or "") in _OPEN:
        yield _event(f"order:{order_id}:completed", "Order Completed", created, received_at, properties, who)
    key = f"order:{order_id}:{updated.isoformat()}:{_digest(order)}"
    yield _event(key, "Order Updated", updated, received_at, properties, who)
    for refund in _list(order.get("refunds")):
        yield from _refund({"order_id": order_id, **refund}, received_at, who, lines.text(order.get("currency")))
    if order.get("buyer_accepts_marketing") is True and who.get("email"):
        said = {"email": who["email"], "source": "checkout"}
        yield _event(f"consent:order:{order_id}", "Subscribed", created, received_at, said, {**who, **_seen(order)})


def _state(order: Mapping[str, Any]) -> dict[str, Any]:
    taxed = order.get("taxes_included") is True
    items = _list(order.get("line_items"))
    revenue = lines.decimal(order.get("subtotal_price"))
    if revenue is not None and taxed:
        taxes = [
            lines.decimal(tax.get("price")) or Decimal(0) for item in items for tax in _list(item.get("tax_lines"))
        ]
        revenue -= sum(taxes, Decimal(0))
    shipping = order.get("total_shipping_price_set")
    money = shipping.get("shop_money") if isinstance(shipping, Mapping) else None
    parcels = [one for one in _list(order.get("fulfillments")) if one.get("status") != "cancelled"]
    shipped = order.get("fulfillment_status") in ("fulfilled", "partial")
    delivered = bool(parcels) and all(one.get("shipment_status") == "delivered" for one in parcels)
    newest: Mapping[str, Any] = parcels[-1] if parcels else {}
    return _present(
        {
            "order_id": order.get("id"),
            "order_number": order.get("name") or order.get("order_number"),
            "checkout_id": order.get("checkout_token") or order.get("checkout_id"),
            "cart_id": order.get("cart_token"),
            "status": order.get("financial_status"),
            "parcel": "delivered" if shipped and delivered else "shipped" if shipped else None,
            "currency": order.get("currency"),
            "total": order.get("total_price"),
            "revenue": None if revenue is None else str(revenue),
            "tax": order.get("total_tax"),
            "shipping": money.get("amount") if isinstance(money, Mapping) else None,
            "discount": order.get("total_discounts"),
            "created_at": order.get("created_at"),
            "updated_at": order.get("updated_at"),
            "paid_at": order.get("processed_at") if order.get("financial_status") == "paid" else None,
            "cancelled_at": order.get("cancelled_at"),
            "products": [_line(item) for item in items],
            **_tracking(newest),
        }
    )


def _refund(
    refund: Mapping[str, Any], received_at: datetime, who: Mapping[str, Any] | None = None, currency: str = ""
) -> Iterator[NewEvent]:
    refund_id, order_id = lines.text(refund.get("id")), lines.text(refund.get("order_id"))
    if not refund_id or not order_id:
        return
    back = []
    total = Decimal(0)
    for one in _list(refund.get("refund_line_items")):
        item = one.get("line_item")
        line = _line(item if isinstance(item, Mapping) else {})
        pieces, worth = lines.count(one.get("quantity")), lines.decimal(one.get("subtotal"))
        if worth is None:
            worth = (lines.decimal(line.get("price")) or Decimal(0)) * pieces
        total += worth
        back.append({**line, "quantity": pieces, "price": str(worth / pieces) if pieces else "0"})
    paid_back = [
        lines.decimal(one.get("amount")) or Decimal(0)
        for one in _list(refund.get("transactions"))
        if one.get("kind") == "refund" and one.get("status", "success") == "success"
    ]
    if not back:
        total = sum(paid_back, Decimal(0))
    paid = next((one.get("currency") for one in _list(refund.get("transactions"))), None)
    properties = _present(
        {
            "order_id": order_id,
            "refund_id": refund_id,
            "total": str(total),
            "currency": currency or paid,
            "products": back,
        }
    )
    at = lines.moment(refund.get("processed_at")) or lines.moment(refund.get("created_at")) or received_at
    yield _event(f"refund:{refund_id}", "Order Refunded", at, received_at, properties, who or {})


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
    if not parcel_id or not order_id or parcel.get("status") in ("cancelled", "error", "failure"):
        return
    created = lines.moment(parcel.get("created_at")) or received_at
    updated = lines.moment(parcel.get("updated_at")) or created
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
            # No count is kept, or the shop sells on below zero: always to be had
            "stock": lines.pieces(one.get("inventory_quantity"))
            if one.get("inventory_management") and one.get("inventory_policy") != "continue"
            else None,
        }
        for one in _list(product.get("variants"))
    ]
    counts = [one["stock"] for one in variants]
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
            "stock": sum(counts) if counts and None not in counts else None,
            "published": product.get("status", "active") == "active" and product.get("published_at") is not None,
            "variants": variants,
            "updated_at": product.get("updated_at"),
        }
    )
    key = f"product:{product_id}:{at.isoformat()}:{_digest(product)}"
    yield _event(key, "Product Updated", at, received_at, properties, {})


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
