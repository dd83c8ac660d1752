"""Events by the address of a picture, for places without script: `data` in base64 as Segment has it, or fields."""

import base64
import binascii
from typing import Any

import msgspec
from starlette.datastructures import QueryParams

from bot.inbound.web.segment_calls import Unreadable

PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""One transparent point, as GIF."""

_DEEPEST = 5  # parts of a name: `context.traits.email`


def body(query: QueryParams) -> bytes:
    """The JSON body that a POST would have had. Raises Unreadable."""
    if "data" in query:
        return _decoded(query["data"])
    found: dict[str, Any] = {}
    for name, value in query.multi_items():
        _put(found, name.split(".", _DEEPEST - 1), value)
    return msgspec.json.encode(found)


def _decoded(data: str) -> bytes:
    plain = data.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("invalid_base64", "`data` must be JSON in base64") from None


def _put(found: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = found.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        found = inner
    found.setdefault(path[-1], value)
