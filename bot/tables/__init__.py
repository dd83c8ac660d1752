"""Every table, one file per subject; no decisions. Check input at the door: `table=True` classes do not validate."""

from bot.tables import (
    audiences,
    automations,
    broadcasts,
    catalogue,
    chat,
    coupons,
    events,
    experiments,
    feedback,
    mail,
    outbox,
    people,
    settings,
    shop,
    staff_room,
    support,
)

__all__ = [
    "audiences",
    "automations",
    "broadcasts",
    "catalogue",
    "chat",
    "coupons",
    "events",
    "experiments",
    "feedback",
    "mail",
    "outbox",
    "people",
    "settings",
    "shop",
    "staff_room",
    "support",
]
