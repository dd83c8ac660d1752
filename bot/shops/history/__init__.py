"""What a shop tells of what is long past, taken many things at a time."""

from bot.shops.history.taking import read, take

__all__ = ["read", "take"]
