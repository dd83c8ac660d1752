"""Every question that a flow may ask, by what it is about. A new file is imported here."""

from automations.asking.questions import (
    care_tips,
    carts,
    goods,
    orders,
    refills,
    service,
    signing_up,
    standing,
    tags,
    views,
)

__all__ = ["care_tips", "carts", "goods", "orders", "refills", "service", "signing_up", "standing", "tags", "views"]
