"""What webhooks tell, as Shopify's GraphQL answers it."""

from collections.abc import Callable
from typing import Any

from bot.demo import shopify_goods as goods


class Listing:
    """A connection: the whole of it, cut into pages when it is asked for."""

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self.nodes = nodes


def product(told: dict[str, Any]) -> dict[str, Any]:
    return {
        **_same(told, "title handle vendor created_at updated_at published_at"),
        "id": _gid("Product", told["id"]), "legacyResourceId": str(told["id"]), "productType": told["product_type"],
        "status": told["status"].upper(), "tags": [tag for tag in told["tags"].split(", ") if tag],
        "featuredMedia": {"preview": {"image": {"url": told["image"]["src"]}}},
        "variants": Listing([_variant(one) for one in told["variants"]]),
    }  # fmt: skip


def _variant(told: dict[str, Any]) -> dict[str, Any]:
    item = goods.inventory_item(told)
    return {
        **_same(told, "title sku price compare_at_price inventory_quantity updated_at"),
        "legacyResourceId": str(told["id"]), "inventoryPolicy": told["inventory_policy"].upper(),
        "inventoryItem": {**_same(item, "sku tracked updated_at"), "legacyResourceId": str(item["id"])},
    }  # fmt: skip


def customer(told: dict[str, Any]) -> dict[str, Any]:
    consent = told["email_marketing_consent"]
    return {
        **_same(told, "first_name last_name note verified_email created_at updated_at"),
        "id": _gid("Customer", told["id"]), "legacyResourceId": str(told["id"]), "state": told["state"].upper(),
        "tags": [], "numberOfOrders": "1",
        "defaultEmailAddress": {
            "emailAddress": told["email"], "marketingState": consent["state"].upper(),
            "marketingOptInLevel": consent["opt_in_level"].upper(), "marketingUpdatedAt": consent["consent_updated_at"],
        },
        "defaultPhoneNumber": {"phoneNumber": told["phone"]} if told["phone"] else None,
        "defaultAddress": _place(told["default_address"]),
    }  # fmt: skip


def order(told: dict[str, Any]) -> dict[str, Any]:
    plain = "name email phone created_at updated_at processed_at cancelled_at closed_at taxes_included test note"
    parcels = {"fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED", None: "UNFULFILLED"}
    return {
        **_same(told, f"{plain} customer_locale source_name"),
        "id": _gid("Order", told["id"]), "legacyResourceId": str(told["id"]), "tags": [],
        "cancelReason": told["cancel_reason"] and told["cancel_reason"].upper(), "currencyCode": told["currency"],
        "presentmentCurrencyCode": told["presentment_currency"], "statusPageUrl": told["order_status_url"],
        "clientIp": told["browser_ip"], "customerAcceptsMarketing": told["buyer_accepts_marketing"],
        "displayFinancialStatus": told["financial_status"].upper(),
        "displayFulfillmentStatus": parcels[told["fulfillment_status"]],
        "discountCodes": [one["code"] for one in told["discount_codes"]],
        "subtotalPriceSet": _money(told["subtotal_price"]),
        "currentSubtotalPriceSet": _money(told["current_subtotal_price"]),
        "totalPriceSet": _money(told["total_price"]), "totalTaxSet": _money(told["total_tax"]),
        "totalDiscountsSet": _money(told["total_discounts"]),
        "totalShippingPriceSet": _money(told["total_shipping_price_set"]["shop_money"]["amount"]),
        "billingAddress": _place(told["billing_address"]), "shippingAddress": _place(told["shipping_address"]),
        "customer": customer(told["customer"]) if told["customer"] else None,
        "fulfillments": [_parcel(one) for one in told["fulfillments"]],
        "refunds": [refund(one) for one in told["refunds"]],
        "lineItems": Listing([_line(one) for one in told["line_items"]]),
    }  # fmt: skip


def _line(told: dict[str, Any]) -> dict[str, Any]:
    return {
        **_same(told, "title name variant_title sku vendor quantity current_quantity"),
        "id": _gid("LineItem", told["id"]), "product": {"legacyResourceId": str(told["product_id"])},
        "variant": {"legacyResourceId": str(told["variant_id"])}, "originalUnitPriceSet": _money(told["price"]),
        "totalDiscountSet": _money(told["total_discount"]),
        "taxLines": [
            {"title": one["title"], "rate": one["rate"], "priceSet": _money(one["price"])} for one in told["tax_lines"]
        ],
    }  # fmt: skip


def _parcel(told: dict[str, Any]) -> dict[str, Any]:
    tracking = {
        "company": told["tracking_company"], "number": told["tracking_number"], "url": told["tracking_url"],
    }  # fmt: skip
    return {
        **_same(told, "created_at updated_at"), "legacyResourceId": str(told["id"]),
        "status": told["status"].upper(), "displayStatus": told["shipment_status"].upper(), "trackingInfo": [tracking],
    }  # fmt: skip


def refund(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _gid("Refund", told["id"]), "legacyResourceId": str(told["id"]), "createdAt": told["created_at"],
        "refundLineItems": Listing(
            [
                {"quantity": one["quantity"], "subtotalSet": _money(one["subtotal"]),
                 "totalTaxSet": _money(one["total_tax"]), "lineItem": _line(one["line_item"])}
                for one in told["refund_line_items"]
            ]
        ),
        "refundShippingLines": Listing(
            [
                {"subtotalAmountSet": _money(one["subtotal_amount_set"]["shop_money"]["amount"])}
                for one in told["refund_shipping_lines"]
            ]
        ),
        "transactions": Listing(
            [
                {"kind": one["kind"].upper(), "status": one["status"].upper(), "amountSet": _money(one["amount"])}
                for one in told["transactions"]
            ]
        ),
    }  # fmt: skip


def _place(told: dict[str, Any] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    same = _same(told, "first_name last_name phone address1 address2 city zip province country")
    return {**same, "countryCodeV2": told["country_code"]}


def _money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def _same(told: dict[str, Any], names: str) -> dict[str, Any]:
    return {_camel(name): told[name] for name in names.split()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


NODES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "products": product, "customers": customer, "orders": order
}  # fmt: skip
