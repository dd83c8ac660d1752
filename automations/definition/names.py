"""Names that flows may use: events as they are kept, and the parts of a key."""

from bot.events import names

EVENTS = frozenset(names.EVENTS)
ALIASES = names.ALIASES

KEY_PARTS = frozenset({
    "contact", "address_hash", "local_date", "event_id", "cart_id", "checkout_id", "order_id", "product_id",
    "variant_id", "category", "kind", "year", "price", "family", "tier", "date",
})  # fmt: skip
"""What may stand in braces in a key, and what an exit may match on."""
