"""What every shop system's webhooks need to be read."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from bot.events import NewEvent, names


def present(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the shop left empty: an absent trait leaves what we know, a null would delete it."""
    return {key: value for key, value in given.items() if value not in (None, "", {})}


def listed(given: object) -> list[Mapping[str, Any]]:
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def digest(payload: Mapping[str, Any]) -> str:
    return sha256(msgspec.json.encode(payload)).hexdigest()[:16]


def event(
    source: str, key: str, name: str, at: datetime, received_at: datetime, properties: Mapping[str, Any],
    who: Mapping[str, Any],
) -> NewEvent:  # fmt: skip
    """What the shop tells, under an id (`key`) that stays the same however often it is told."""
    body = {**who, "properties": names.properties(name, properties)}
    return NewEvent(source, key, "track", name, at, received_at, body, rank="shop")
