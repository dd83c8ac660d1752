"""What Shopify's API answers, in the shape of its webhooks: names and words of those, numbers for ids."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.shops.payloads import listed

Node = Mapping[str, Any]
_PARCELS = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked"}


def product(node: Node) -> dict[str, Any]:
    media = _below(node, "featuredMedia", "preview", "image")
    return {
        "id": _number(node),
        "title": node.get("title"),
        "handle": node.get("handle"),
        "vendor": node.get("vendor"),
        "product_type": node.get("productType"),
        "status": _lower(node.get("status")),
        "tags": _together(node.get("tags")),
        "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"),
        "published_at": node.get("publishedAt"),
        "image": {"src": media["url"]} if media.get("url") else None,
        "variants": [_variant(one, node) for one in nodes(node, "variants")],
    }


def _variant(node: Node, parent: Node) -> dict[str, Any]:
    return {
        "id": _number(node),
        "product_id": _number(parent),
        "title": node.get("title"),
        "sku": node.get("sku"),
        "price": node.get("price"),
        "compare_at_price": node.get("compareAtPrice"),
        "inventory_item_id": _number(_below(node, "inventoryItem")),
        "inventory_policy": _lower(node.get("inventoryPolicy")),
        "inventory_quantity": node.get("inventoryQuantity"),
        "updated_at": node.get("updatedAt"),
    }


def inventory_item(node: Node) -> dict[str, Any]:
    return {
        "id": _number(node),
        "sku": node.get("sku"),
        "tracked": node.get("tracked"),
        "updated_at": node.get("updatedAt"),
    }


def customer(node: Node) -> dict[str, Any]:
    mail = _below(node, "defaultEmailAddress")
    consent = {
        "state": _lower(mail.get("marketingState")),
        "opt_in_level": _lower(mail.get("marketingOptInLevel")),
        "consent_updated_at": mail.get("marketingUpdatedAt"),
    }
    return {
        "id": _number(node),
        "email": mail.get("emailAddress"),
        "first_name": node.get("firstName"),
        "last_name": node.get("lastName"),
        "phone": _below(node, "defaultPhoneNumber").get("phoneNumber"),
        "state": _lower(node.get("state")),
        "tags": _together(node.get("tags")),
        "note": node.get("note"),
        "verified_email": node.get("verifiedEmail"),
        "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"),
        "default_address": _place(node.get("defaultAddress")),
        "email_marketing_consent": consent if mail else None,
    }


def order(node: Node, refunds: Sequence[Node]) -> dict[str, Any]:
    money = {
        name: _amount(node, f"{field}Set")
        for name, field in (
            ("subtotal_price", "subtotalPrice"), ("current_subtotal_price", "currentSubtotalPrice"),
            ("total_price", "totalPrice"), ("total_tax", "totalTax"), ("total_discounts", "totalDiscounts"),
        )
    }  # fmt: skip
    buyer = node.get("customer")
    return {
        "id": _number(node),
        "name": node.get("name"),
        "email": node.get("email"),
        "contact_email": node.get("email"),
        "phone": node.get("phone"),
        "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"),
        "processed_at": node.get("processedAt"),
        "cancelled_at": node.get("cancelledAt"),
        "cancel_reason": _lower(node.get("cancelReason")),
        "closed_at": node.get("closedAt"),
        "currency": node.get("currencyCode"),
        "presentment_currency": node.get("presentmentCurrencyCode"),
        "taxes_included": node.get("taxesIncluded"),
        "test": node.get("test"),
        "tags": _together(node.get("tags")),
        "note": node.get("note"),
        "customer_locale": node.get("customerLocale"),
        "order_status_url": node.get("statusPageUrl"),
        "browser_ip": node.get("clientIp"),
        "source_name": node.get("sourceName"),
        "buyer_accepts_marketing": node.get("customerAcceptsMarketing"),
        "financial_status": _lower(node.get("displayFinancialStatus")),
        "fulfillment_status": _PARCELS.get(str(node.get("displayFulfillmentStatus"))),
        "discount_codes": [{"code": code} for code in node.get("discountCodes") or ()],
        **money,
        "total_shipping_price_set": _set(node, "totalShippingPriceSet"),
        "billing_address": _place(node.get("billingAddress")),
        "shipping_address": _place(node.get("shippingAddress")),
        "customer": customer(buyer) if isinstance(buyer, Mapping) else None,
        "line_items": [_line(one) for one in nodes(node, "lineItems")],
        "fulfillments": [_parcel(one, node) for one in listed(node.get("fulfillments"))],
        "refunds": [_refund(one, node) for one in refunds],
    }


def _line(node: Node) -> dict[str, Any]:
    return {
        "id": _of_gid(node.get("id")),
        "product_id": _number(_below(node, "product")),
        "variant_id": _number(_below(node, "variant")),
        "sku": node.get("sku"),
        "title": node.get("title"),
        "name": node.get("name"),
        "variant_title": node.get("variantTitle"),
        "vendor": node.get("vendor"),
        "quantity": node.get("quantity"),
        "current_quantity": node.get("currentQuantity"),
        "price": _amount(node, "originalUnitPriceSet"),
        "total_discount": _amount(node, "totalDiscountSet"),
        "tax_lines": [
            {"title": one.get("title"), "rate": one.get("rate"), "price": _amount(one, "priceSet")}
            for one in listed(node.get("taxLines"))
        ],
    }


def _parcel(node: Node, parent: Node) -> dict[str, Any]:
    tracking = next(iter(listed(node.get("trackingInfo"))), {})
    return {
        "id": _number(node),
        "order_id": _number(parent),
        "status": _lower(node.get("status")),
        "shipment_status": _lower(node.get("displayStatus")),
        "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"),
        "tracking_company": tracking.get("company"),
        "tracking_number": tracking.get("number"),
        "tracking_url": tracking.get("url"),
    }


def _refund(node: Node, parent: Node) -> dict[str, Any]:
    return {
        "id": _number(node),
        "order_id": _number(parent),
        "created_at": node.get("createdAt"),
        "processed_at": node.get("createdAt"),
        "refund_line_items": [
            {
                "line_item_id": _of_gid(_below(one, "lineItem").get("id")),
                "quantity": one.get("quantity"),
                "subtotal": _amount(one, "subtotalSet"),
                "total_tax": _amount(one, "totalTaxSet"),
                "line_item": _line(_below(one, "lineItem")),
            }
            for one in nodes(node, "refundLineItems")
        ],
        "refund_shipping_lines": [
            {"subtotal_amount_set": _set(one, "subtotalAmountSet")} for one in nodes(node, "refundShippingLines")
        ],
        "transactions": [
            {
                "kind": _lower(one.get("kind")),
                "status": _lower(one.get("status")),
                "amount": _amount(one, "amountSet"),
                "currency": _below(one, "amountSet", "shopMoney").get("currencyCode"),
            }
            for one in nodes(node, "transactions")
        ],
    }


def _place(given: Any) -> dict[str, Any] | None:
    if not isinstance(given, Mapping):
        return None
    return {
        "first_name": given.get("firstName"),
        "last_name": given.get("lastName"),
        "phone": given.get("phone"),
        "address1": given.get("address1"),
        "address2": given.get("address2"),
        "city": given.get("city"),
        "zip": given.get("zip"),
        "province": given.get("province"),
        "country": given.get("country"),
        "country_code": given.get("countryCodeV2"),
    }


def nodes(node: Node, name: str) -> list[Node]:
    return listed(_below(node, name).get("nodes"))


def _below(node: Node, *path: str) -> Node:
    for name in path:
        found = node.get(name)
        node = found if isinstance(found, Mapping) else {}
    return node


def _amount(node: Node, name: str) -> str | None:
    found = _below(node, name, "shopMoney").get("amount")
    return None if found is None else str(found)


def _set(node: Node, name: str) -> dict[str, Any] | None:
    money = _below(node, name, "shopMoney")
    if not money:
        return None
    return {"shop_money": {"amount": money.get("amount"), "currency_code": money.get("currencyCode")}}


def _number(node: Node) -> int | None:
    found = str(node.get("legacyResourceId") or "")
    return int(found) if found.isdecimal() and len(found) < 20 else None


def _of_gid(gid: object) -> int | None:
    """`gid://shopify/LineItem/466157049`."""
    return _number({"legacyResourceId": str(gid or "").rpartition("/")[2].partition("?")[0]})


def _together(tags: object) -> str:
    return ", ".join(str(tag) for tag in tags) if isinstance(tags, list) else ""


def _lower(word: object) -> str | None:
    return word.lower() if isinstance(word, str) else None
