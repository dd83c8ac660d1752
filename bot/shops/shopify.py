"""Shopify webhooks as events.

Every order webhook carries the whole order and any of them may be lost or late, so each tells all that it knows: the
order itself once, its state by the shop's time, its refunds by their ids.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from bot.events import NewEvent
from bot.shops import consents, lines, shopify_goods, shopify_lines
from bot.shops.payloads import digest, listed, present
from bot.shops.shopify_lines import SOURCE, event

_ORDER_TOPICS = frozenset(
    f"orders/{word}" for word in ("create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled")
)
_CONSENT_TOPICS = (
    "customers_email_marketing_consent/update", "customers_marketing_consent/update",
    "customers_whats_app_marketing_consent/update",
)  # fmt: skip
_WAS_PAID = ("paid", "partially_refunded", "refunded")
_MERGED = ("completed", "succeeded")
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
    if topic in ("fulfillment_events/create", "fulfillment_events/delete"):
        return list(_underway(topic, payload, received_at, version))
    if topic == "orders/edited":
        return list(_edited(payload, received_at))
    if topic in ("customers/merge", "customers/delete"):
        return list(_customer_gone(topic, payload, received_at, version))
    if topic in ("customer.tags_added", "customer.tags_removed"):
        return list(_tagged(topic, payload, received_at))
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
    if topic in _CONSENT_TOPICS:
        return list(_consent_changed(payload, received_at, version))
    if topic in ("inventory_items/create", "inventory_items/update", "inventory_levels/update"):
        return list(shopify_goods.inventory(topic, payload, received_at))
    if topic in ("products/create", "products/update", "products/delete"):
        return list(shopify_goods.product(topic, payload, shop, received_at))
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
        yield event(f"order:{order_id}:completed", "Order Completed", created, received_at, properties, who)
    key = f"order:{order_id}:{updated.isoformat()}:{digest(order)}"
    yield event(key, "Order Updated", updated, received_at, properties, who)
    for refund in listed(order.get("refunds")):
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
    customer = order.get("customer")
    known = customer if isinstance(customer, Mapping) else {}
    yield from _consent(known, who, received_at)
    if order.get("buyer_accepts_marketing") is True and not consents.has_state(known):
        key = f"order:{lines.text(order.get('id'))}"
        yield from _flag(key, {**who, **_seen(order)}, created, received_at)


def _flag(key: str, who: Mapping[str, Any], at: datetime, received_at: datetime) -> Iterator[NewEvent]:
    """It is ticked as well where the shop took them for a subscriber all the time."""
    said = consents.Said("email", True)
    told = consents.event(SOURCE, key, said, who, at, received_at, where="checkout", basis="flag")
    if told is not None:
        yield told


def _state(order: Mapping[str, Any], version: str) -> dict[str, Any]:
    shipping = order.get("total_shipping_price_set")
    money = shipping.get("shop_money") if isinstance(shipping, Mapping) else None
    parcels = [one for one in listed(order.get("fulfillments")) if one.get("status") not in _NO_PARCEL]
    shipped = order.get("fulfillment_status") in ("fulfilled", "partial")
    delivered = bool(parcels) and all(one.get("shipment_status") == "delivered" for one in parcels)
    newest: Mapping[str, Any] = parcels[-1] if parcels else {}
    found = present(
        {
            "order_id": order.get("id"),
            "order_number": order.get("name") or order.get("order_number"),
            "order_url": order.get("order_status_url"),
            "version": version,
            "digest": digest(order),
            "checkout_id": order.get("checkout_token") or order.get("checkout_id"),
            "cart_id": order.get("cart_token"),
            "status": order.get("financial_status"),
            "parcel": "delivered" if shipped and delivered else "shipped" if shipped else "none",
            "currency": order.get("currency"),
            **shopify_lines.worth(order),
            "tax": order.get("total_tax"),
            "shipping": money.get("amount") if isinstance(money, Mapping) else None,
            "discount": order.get("total_discounts"),
            "created_at": order.get("created_at"),
            "updated_at": order.get("updated_at"),
            "paid_at": order.get("processed_at") if order.get("financial_status") in _WAS_PAID else None,
            "cancelled_at": order.get("cancelled_at"),
            "products": [shopify_lines.ordered(item, order) for item in listed(order.get("line_items"))],
            "refund_ids": [lines.text(one.get("id")) for one in listed(order.get("refunds"))]
            if isinstance(order.get("refunds"), list)
            else None,
            "parcel_ids": [lines.text(one.get("id")) for one in parcels]
            if isinstance(order.get("fulfillments"), list)
            else None,
            **_tracking(newest),
        }
    )
    return found | _words(order)


def _words(order: Mapping[str, Any]) -> dict[str, Any]:
    """What may be taken back: nothing where the order names it says that there is none."""
    found: dict[str, Any] = {}
    if "note" in order:
        found["note"] = lines.text(order["note"])
    if "tags" in order:
        found["tags"] = lines.words(order["tags"])
    if isinstance(order.get("discount_codes"), list):
        found["discount_codes"] = [lines.text(one.get("code")) for one in listed(order["discount_codes"])]
    return found


def _refund(
    refund: Mapping[str, Any],
    received_at: datetime,
    who: Mapping[str, Any] | None = None,
    currency: str = "",
    *,
    taxed: bool = True,
) -> Iterator[NewEvent]:
    refund_id, order_id = lines.text(refund.get("id")), lines.text(refund.get("order_id"))
    back = shopify_lines.refunded(refund, taxed=taxed)
    if not refund_id or not order_id or back is None:
        return
    properties = present(
        {"order_id": order_id, "refund_id": refund_id, **back, "currency": currency or back.get("currency")}
    )
    at = lines.moment(refund.get("processed_at")) or lines.moment(refund.get("created_at")) or received_at
    yield event(f"refund:{refund_id}:{back['total']}", "Order Refunded", at, received_at, properties, who or {})


def _deleted(order: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    if order_id := lines.text(order.get("id")):
        said = {"order_id": order_id, "reason": "deleted"}
        yield event(f"order:{order_id}:deleted", "Order Cancelled", received_at, received_at, said, {})


def _underway(topic: str, scan: Mapping[str, Any], received_at: datetime, version: str) -> Iterator[NewEvent]:
    """What the carrier says of a parcel; only that it came is of use here, and that this was taken back."""
    parcel_id, order_id = lines.text(scan.get("fulfillment_id")), lines.text(scan.get("order_id"))
    if not parcel_id or not order_id or scan.get("status") != "delivered":
        return
    said = {"order_id": order_id, "fulfillment_id": parcel_id}
    if topic == "fulfillment_events/delete":
        at = lines.moment(version) or received_at
        key = f"fulfillment:{parcel_id}:not delivered:{lines.text(scan.get('id'))}"
        yield event(key, "Order Not Delivered", at, received_at, said, {})
        return
    at = lines.moment(scan.get("happened_at")) or lines.moment(scan.get("created_at")) or received_at
    key = f"fulfillment:{parcel_id}:delivered:{lines.text(scan.get('id'))}"
    yield event(key, "Order Delivered", at, received_at, said, {})


def _edited(payload: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    """That it was edited; how it stands since is told by `orders/updated`."""
    found = payload.get("order_edit")
    edit: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    if not (order_id := lines.text(edit.get("order_id"))):
        return
    given = edit.get("line_items")
    changes: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    said = {"order_id": order_id, "edit_id": lines.text(edit.get("id")),
            **{name: len(listed(changes.get(name))) for name in ("additions", "removals")}}  # fmt: skip
    at = lines.moment(edit.get("committed_at")) or lines.moment(edit.get("created_at")) or received_at
    yield event(f"order:{order_id}:edited:{said['edit_id']}", "Order Edited", at, received_at, said, {})


def _customer_gone(topic: str, payload: Mapping[str, Any], received_at: datetime, version: str) -> Iterator[NewEvent]:
    at = lines.moment(version) or received_at
    if topic == "customers/delete":
        if customer_id := lines.text(payload.get("id")):
            said = {"customer_id": customer_id}
            yield event(f"customer:{customer_id}:deleted", "Customer Deleted", at, received_at, said, {})
        return
    kept, gone = (_number(payload.get(f"admin_graphql_api_customer_{one}_id")) for one in ("kept", "deleted"))
    if kept and gone and kept != gone and lines.text(payload.get("status")).lower() in _MERGED:
        said = {"customer_id": kept, "joined_id": gone}
        key = f"customer:{kept}:merged:{gone}"
        yield event(key, "Customer Merged", at, received_at, said, {"userId": kept})


def _tagged(topic: str, payload: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    """Since 2025 a customer's own webhooks have no tags."""
    customer_id, tags = _number(payload.get("customerId")), lines.words(payload.get("tags"))
    if not customer_id or not tags:
        return
    what = "added" if topic == "customer.tags_added" else "removed"
    at = lines.moment(payload.get("occurredAt")) or received_at
    key = f"customer:{customer_id}:tags {what}:{at.isoformat()}:{digest(payload)}"
    said = {"customer_id": customer_id, what: tags}
    yield event(key, "Customer Tags Changed", at, received_at, said, {"userId": customer_id})


def _number(gid: object) -> str:
    """`gid://shopify/Customer/7` as the other webhooks write it: 7."""
    return lines.text(gid).rpartition("/")[2]


def _checkout(checkout: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    token = lines.text(checkout.get("token"))
    if not token:
        return
    created = lines.moment(checkout.get("created_at")) or received_at
    updated = lines.moment(checkout.get("updated_at")) or created
    who = _who(checkout)
    properties = present(
        {
            "checkout_id": token,
            "cart_id": checkout.get("cart_token"),
            "currency": checkout.get("currency") or checkout.get("presentment_currency"),
            "total": checkout.get("total_price"),
            "checkout_url": checkout.get("abandoned_checkout_url"),
            "created_at": checkout.get("created_at"),
            "updated_at": checkout.get("updated_at"),
            "completed_at": checkout.get("completed_at"),
            "products": [shopify_lines.line(item) for item in listed(checkout.get("line_items"))],
        }
    )
    # The address is often typed after the checkout began: it has started for us when we know who it is.
    if (who.get("email") or who.get("userId")) and not checkout.get("completed_at"):
        yield event(f"checkout:{token}:started", "Checkout Started", created, received_at, properties, who)
    key = f"checkout:{token}:{updated.isoformat()}:{digest(checkout)}"
    yield event(key, "Checkout Updated", updated, received_at, properties, who)
    if checkout.get("buyer_accepts_marketing") is True and who.get("email"):
        key = f"checkout:{token}:{sha256(who['email'].encode()).hexdigest()[:12]}"
        yield from _flag(key, {**who, **_seen(checkout)}, created, received_at)


def _cart(cart: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    token = lines.text(cart.get("token") or cart.get("id"))
    if not token:
        return
    at = lines.moment(cart.get("updated_at")) or received_at
    properties = present(
        {
            "cart_id": token,
            "updated_at": cart.get("updated_at"),
            "currency": cart.get("currency"),
            "products": [shopify_lines.line(item) for item in listed(cart.get("line_items"))],
        }
    )
    yield event(f"cart:{token}:{at.isoformat()}:{digest(cart)}", "Cart Updated", at, received_at, properties, {})


def _parcel(parcel: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    parcel_id, order_id = lines.text(parcel.get("id")), lines.text(parcel.get("order_id"))
    if not parcel_id or not order_id:
        return
    created = lines.moment(parcel.get("created_at")) or received_at
    updated = lines.moment(parcel.get("updated_at")) or created
    if parcel.get("status") in _NO_PARCEL:
        said = {"order_id": order_id, "fulfillment_id": parcel_id}
        key = f"fulfillment:{parcel_id}:cancelled"
        yield event(key, "Order Fulfillment Cancelled", updated, received_at, said, {})
        return
    items = [shopify_lines.line(item) for item in listed(parcel.get("line_items"))]
    properties = present({"order_id": order_id, "fulfillment_id": parcel_id, "products": items, **_tracking(parcel)})
    who = {"email": parcel["email"]} if parcel.get("email") else {}
    yield event(f"fulfillment:{parcel_id}:shipped", "Order Fulfilled", created, received_at, properties, who)
    if parcel.get("shipment_status") == "delivered":
        yield event(f"fulfillment:{parcel_id}:delivered", "Order Delivered", updated, received_at, properties, who)


def _customer(customer: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    customer_id = lines.text(customer.get("id"))
    if not customer_id:
        return
    at = lines.moment(customer.get("updated_at")) or received_at
    who = _who({"customer": customer, "email": customer.get("email")})
    who["traits"] = {**who.get("traits", {}), **_of_shop(customer)}
    key = f"customer:{customer_id}:{at.isoformat()}:{digest(customer)}"
    yield NewEvent(SOURCE, key, "identify", "", at, received_at, who, rank="shop")
    if not isinstance(customer.get("email_marketing_consent"), Mapping) and isinstance(
        customer.get("accepts_marketing"), bool
    ):  # API versions before 2022-04
        customer = {**customer, "email_marketing_consent": {
            "state": "subscribed" if customer["accepts_marketing"] else "unsubscribed",
            "consent_updated_at": customer.get("accepts_marketing_updated_at"),
        }}  # fmt: skip
    yield from _consent(customer, who, received_at)


def _of_shop(customer: Mapping[str, Any]) -> dict[str, Any]:
    """What its people wrote about a customer. Tags stand here before 2025 only, then they come by themselves."""
    found: dict[str, Any] = {}
    if "note" in customer:
        found["shop_note"] = lines.text(customer["note"]) or None
    if "tags" in customer:
        found["shop_tags"] = lines.words(customer["tags"]) or None
    return found


def _consent(customer: Mapping[str, Any], who: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    """A state without the moment when it was chosen may be older than what we know. It is about the customer's own
    address and number, which an order may name others beside."""
    own = present({"email": customer.get("email") or who.get("email"), "phone": customer.get("phone")})
    whose = present({"userId": who.get("userId"), "email": own.get("email"), "traits": own})
    for said in consents.stated(customer):
        if said.at is not None:
            told = consents.event(SOURCE, lines.text(who.get("userId")), said, whose, said.at, received_at)
            if told is not None:
                yield told


def _consent_changed(changed: Mapping[str, Any], received_at: datetime, version: str) -> Iterator[NewEvent]:
    """Told when it changes: a no without its moment is of now, a yes needs one."""
    customer_id = lines.text(changed.get("customer_id") or changed.get("id"))
    phone = changed.get("phone_number") or changed.get("phone")
    traits = present({"phone": phone})
    who = present({"userId": customer_id, "email": changed.get("email_address"), "traits": traits})
    for said in consents.stated(changed):
        at = said.at or (None if said.wanted else lines.moment(version) or received_at)
        if at is not None and (told := consents.event(SOURCE, customer_id, said, who, at, received_at)) is not None:
            yield told


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
    return present({"userId": lines.text(customer.get("id")), "email": email, "traits": present(traits)})


def _seen(given: Mapping[str, Any]) -> dict[str, Any]:
    """From where and with what they ordered, as far as the shop says: the proof of what they ticked."""
    found = given.get("client_details")
    client: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    ip = lines.text(given.get("browser_ip") or client.get("browser_ip"))
    context = present({"ip": ip, "userAgent": lines.text(client.get("user_agent"))})
    return {"context": context} if context else {}


def _tracking(parcel: Mapping[str, Any]) -> dict[str, Any]:
    return present(
        {
            "carrier": parcel.get("tracking_company"),
            "tracking_number": parcel.get("tracking_number"),
            "tracking_url": parcel.get("tracking_url"),
        }
    )
