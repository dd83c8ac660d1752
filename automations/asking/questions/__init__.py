"""Every question that a flow may ask, by what it is about. A new file is imported here."""

from automations.asking.questions import (
    care_tips,
    carts,
    goods,
    lapsed,
    orders,
    refills,
    reviews,
    service,
    signing_up,
    standing,
    tags,
    tiers,
    views,
)

__all__ = [
    "care_tips", "carts", "goods", "lapsed", "orders", "refills", "reviews", "service", "signing_up", "standing",
    "tags", "tiers", "views",
]  # fmt: skip
