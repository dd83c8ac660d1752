"""Shopify's webhooks about goods: products with their variants, and what is counted of them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bot.events import NewEvent
from bot.shops import lines
from bot.shops.payloads import digest, listed, present
from bot.shops.shopify_lines import event


def product(topic: str, product: Mapping[str, Any], shop: str, received_at: datetime) -> Iterator[NewEvent]:
    product_id = lines.text(product.get("id"))
    if not product_id:
        return
    if topic == "products/delete":
        gone = {"product_id": product_id}
        yield event(f"product:{product_id}:deleted", "Product Deleted", received_at, received_at, gone, {})
        return
    at = lines.moment(product.get("updated_at")) or received_at
    variants = [
        {
            "variant_id": lines.text(one.get("id")),
            "sku": one.get("sku"),
            **_variant_words(product, one),
            "price": one.get("price"),
            "compare_at_price": one.get("compare_at_price"),
            **_stock(one),
        }
        for one in listed(product.get("variants"))
    ]
    first: Mapping[str, Any] = variants[0] if variants else {}
    properties = present(
        {
            "product_id": product_id,
            "handle": product.get("handle"),
            "name": product.get("title"),
            "brand": product.get("vendor"),
            "category": product.get("product_type") or _of(product.get("category"), "name"),
            "url": f"https://{shop}/products/{product['handle']}" if shop and product.get("handle") else None,
            "image_url": _picture(product),
            "sku": first.get("sku"),
            "price": first.get("price"),
            "compare_at_price": first.get("compare_at_price"),
            "tags": lines.words(product.get("tags")),
            "published": product.get("status", "active") == "active" and product.get("published_at") is not None,
            "variants": variants,
            "updated_at": product.get("updated_at"),
        }
    )
    key = f"product:{product_id}:{at.isoformat()}:{digest(product)}"
    yield event(key, "Product Updated", at, received_at, properties, {})


def _picture(product: Mapping[str, Any]) -> object:
    """The first one, in whichever of three places this version of the API tells it."""
    images, media = listed(product.get("images")), listed(product.get("media"))
    found = _of(product.get("image"), "src") or (images[0].get("src") if images else None)
    return found or (_of(media[0].get("preview_image"), "src") if media else None)


def _of(given: object, name: str) -> object:
    return given.get(name) if isinstance(given, Mapping) else None


def _variant_words(product: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    words = variant.get("title")
    if words in (None, "", "Default Title"):
        return {"name": None, "variant": None}
    return {"name": f"{product.get('title')} - {words}", "variant": words}


def _stock(variant: Mapping[str, Any]) -> dict[str, Any]:
    """Whether anybody counts stood here once (`inventory_management`), now only at the inventory item."""
    quantity, oversold = lines.pieces(variant.get("inventory_quantity")), variant.get("inventory_policy") == "continue"
    tracked = bool(variant["inventory_management"]) if "inventory_management" in variant else None
    if item_id := lines.text(variant.get("inventory_item_id")):
        return {"inventory_item_id": item_id, "quantity": quantity, "oversold": oversold, "tracked": tracked}
    return {"stock": quantity if tracked and not oversold else None}


def inventory(topic: str, given: Mapping[str, Any], received_at: datetime) -> Iterator[NewEvent]:
    at = lines.moment(given.get("updated_at")) or received_at
    if topic == "inventory_levels/update":
        item_id, name = lines.text(given.get("inventory_item_id")), "Inventory Level Updated"
        said = {"location_id": lines.text(given.get("location_id")), "available": given.get("available")}
    else:
        item_id, name = lines.text(given.get("id")), "Inventory Item Updated"
        said = {"tracked": given.get("tracked"), "sku": given.get("sku")}
    if item_id:
        key = f"inventory:{item_id}:{topic}:{at.isoformat()}:{digest(given)}"
        yield event(key, name, at, received_at, {"inventory_item_id": item_id, **said}, {})
