"""The bodies of Segment's tracking API, made into events: lenient as their clients need it."""

import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from bot.base import clock
from bot.base.ranks import Rank
from bot.events import NewEvent, Rejected, names

EVENT_LIMIT = 32 * 1024
BATCH_LIMIT = 500 * 1024
EVENTS_LIMIT = 2500
_MESSAGE_ID_LIMIT = 100
_DERIVED = ("consent_trait:", "consent:")
"""How ids of events begin that we derive under the sender's name: nobody takes those beforehand."""
_DEPTH = 64
_DIGITS = 40
_AHEAD = timedelta(minutes=5)

CALLS = {
    "identify": "identify", "i": "identify", "track": "track", "t": "track", "page": "page", "p": "page",
    "screen": "screen", "s": "screen", "group": "group", "g": "group", "alias": "alias", "a": "alias",
    "batch": "batch", "b": "batch", "import": "batch",
}  # fmt: skip
"""Paths below /v1/, with the short ones of analytics.js and the old name of batch."""

_KINDS = frozenset(("identify", "track", "page", "screen", "group", "alias"))
_PLACED = frozenset((
    "type", "event", "name", "category", "messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt",
    "writeKey", "userId", "anonymousId", "previousId", "groupId", "properties", "traits", "context", "integrations",
    "version", "channel", "_metadata",
))  # fmt: skip


class Unreadable(Exception):  # noqa: N818 - the answer is 400 with `code` and this text
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Envelope(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    sent_at: Any = None
    write_key: Any = None
    context: Any = None


@dataclass(frozen=True, slots=True)
class Item:
    """One event as it came. `value` is whatever JSON it was; `mended` if NaN, Infinity or bad letters went."""

    value: Any
    size: int
    mended: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its events and what stands around them."""

    items: list[Item]
    write_key: Any
    sent_at: Any
    context: Any
    kind: str
    """The kind of a single call, empty in a batch (there each event says its own)."""


class Refused(Exception):  # noqa: N818 - no failure of ours: it goes to the debugger list
    """The event cannot be taken; `too_large` is said in the answer as well."""

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


def read(kind: str, body: bytes) -> Call:
    """Take a body apart; `kind` is a value of CALLS. Raises Unreadable."""
    if kind == "batch":
        return _batch(body)
    item = _item(body, nul=b"\\u0000" in body)
    if not isinstance(item.value, dict):
        raise Unreadable("invalid_request", "the body must be a JSON object")
    if item.size > EVENT_LIMIT:
        raise Unreadable("event_too_large", f"the event has {item.size:,} bytes, at most {EVENT_LIMIT:,} are taken")
    return Call([item], item.value.get("writeKey"), item.value.get("sentAt"), None, kind)


def _batch(body: bytes) -> Call:
    nul = b"\\u0000" in body
    try:
        told = msgspec.json.decode(body, type=_Envelope)
        items: Iterator[Item] = (_item(bytes(raw), nul=nul) for raw in told.batch)
        count, write_key, sent_at, context = len(told.batch), told.write_key, told.sent_at, told.context
    except msgspec.ValidationError:
        raise Unreadable("invalid_request", "the body must be an object with a list `batch`") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = _lenient(body)
        if not isinstance(whole, dict) or not isinstance(whole.get("batch"), list):
            raise Unreadable("invalid_request", "the body must be an object with a list `batch`") from None
        items = (_mended(value) for value in whole["batch"])
        count, write_key = len(whole["batch"]), whole.get("writeKey")
        sent_at, context = whole.get("sentAt"), whole.get("context")
    if context and (nul or b"\\ud" in body.lower()):
        context = _scrubbed(context)  # it goes into every event
    if count > EVENTS_LIMIT:
        raise Unreadable("batch_too_large", f"the batch has {count:,} events, at most {EVENTS_LIMIT:,} are taken")
    return Call(list(items), write_key, sent_at, context, "")


def _item(raw: bytes, *, nul: bool) -> Item:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # NaN, 1e999, half a surrogate - or garbage
        return Item(_scrubbed(_lenient(raw)), len(raw), mended=True)
    # Cheap for the many: only a body with that many brackets can be that deep.
    if raw.count(b"{") + raw.count(b"[") > _DEPTH:
        _check_depth(value)
    return Item(_scrubbed(value), len(raw), mended=True) if nul else Item(value, len(raw))


def _mended(value: Any) -> Item:
    clean = _scrubbed(value)
    _check_depth(clean)
    size = len(msgspec.json.encode(clean))
    return Item(clean, size, mended=True)


def _lenient(raw: bytes) -> Any:
    """Python's reader takes what JSON does not have; the official client writes bare NaN."""
    try:
        return json.loads(raw.decode(), parse_int=_whole)
    except (ValueError, RecursionError):
        raise Unreadable("invalid_json", "the body is not valid JSON in UTF-8") from None


def _whole(digits: str) -> int | float:
    """What is no number that anybody keeps stays in its place as one that is none, and is dropped by its name."""
    return int(digits) if len(digits) <= _DIGITS else math.inf


def _scrubbed(value: Any, depth: int = 0) -> Any:
    """Without the characters that no database takes: NUL and halves of surrogates."""
    if depth > _DEPTH:
        raise Unreadable("invalid_request", f"the event is nested deeper than {_DEPTH} levels")
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrubbed(inner, depth + 1) for inner in value]
    return value


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _DEPTH:
        raise Unreadable("invalid_request", f"the event is nested deeper than {_DEPTH} levels")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list):
                _check_depth(inner, depth + 1)


def event(call: Call, item: Item, source: str, rank: Rank, received_at: datetime) -> NewEvent:
    """The event of one item. Raises Refused with the reason for the debugger list."""
    given = item.value
    if not isinstance(given, dict):
        raise Refused("the event is not a JSON object")
    kind = call.kind or given.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Refused("the event has no `type`, or one that does not exist")
    if item.size > EVENT_LIMIT:
        raise Refused(f"the event has {item.size:,} bytes, at most {EVENT_LIMIT:,} are taken", too_large=True)
    name = _name(kind, given)
    if not any(given.get(key) not in (None, "") for key in ("userId", "anonymousId")):
        raise Refused("the event has neither `userId` nor `anonymousId`")
    if kind == "alias" and given.get("previousId") in (None, ""):
        raise Refused("the alias has no `previousId`")
    flags = ["not_a_number"] if item.mended else []
    message_id = _message_id(given)
    ts = _moment(given, call.sent_at, received_at, flags)
    body = _body(kind, name, given, call.context, flags)
    return NewEvent(source, message_id, kind, name, ts, received_at, body, rank=rank)


def _name(kind: str, given: Mapping[str, Any]) -> str:
    if kind == "track":
        said = given.get("event")
        name = names.canonical(said) if isinstance(said, str) else ""
        if not name:
            raise Refused("the track call has no `event`")
        return name
    if kind in ("page", "screen"):
        said = given.get("name")
        return names.plain(said) if isinstance(said, str) else ""
    return ""


def _message_id(given: Mapping[str, Any]) -> str:
    said = given.get("messageId")
    if isinstance(said, int) and not isinstance(said, bool):
        said = str(said)
    if isinstance(said, str) and said.strip():
        if len(said) > _MESSAGE_ID_LIMIT:
            raise Refused(f"the `messageId` is longer than {_MESSAGE_ID_LIMIT} characters", too_large=True)
        return f"given:{said}" if said.startswith(_DERIVED) else said
    if given.get("timestamp"):  # a repeated request is the same event, another moment another one
        return "made:" + sha256(msgspec.json.encode({**given, "sentAt": None})).hexdigest()[:40]
    return "made:" + uuid.uuid4().hex


def _moment(given: Mapping[str, Any], sent_at: object, received_at: datetime, flags: list[str]) -> datetime:
    """When it happened by our clock: the client's clock is off by `received_at - sent_at`."""
    said = given.get("timestamp") or given.get("originalTimestamp")
    happened, sent = _instant(said, flags), _instant(given.get("sentAt") or sent_at, flags)
    if happened is None:
        return received_at
    try:
        ts = received_at - (sent - happened) if sent is not None else happened
    except OverflowError:
        ts = received_at + 2 * _AHEAD
    if ts > received_at + _AHEAD:
        flags.append("clock_ahead")
        return received_at
    return ts


def _instant(value: object, flags: list[str]) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        return clock.parse(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        flags.append("unreadable_time")
        return None


def _body(kind: str, name: str, given: Mapping[str, Any], around: object, flags: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key in ("userId", "anonymousId", "previousId"):
        if given.get(key) not in (None, ""):
            body[key] = given[key]
    traits, properties, context = (_object(given.get(key)) for key in ("traits", "properties", "context"))
    if isinstance(around, dict):
        context = {**around, **context}
    if kind == "track":
        properties = names.properties(name, properties)
    if kind == "group" and given.get("groupId") is not None:
        properties = {**properties, "group_id": names.text_id(given["groupId"])}
    if kind in ("page", "screen") and isinstance(given.get("category"), str):
        properties = {"category": given["category"], **properties}
    email = traits.get("email") or _object(context.get("traits")).get("email") or properties.get("email")
    extra = {key: value for key, value in given.items() if key not in _PLACED}
    told = (("traits", traits), ("properties", properties), ("context", context), ("extra", extra), ("flags", flags))
    body.update((key, value) for key, value in told if value)
    if isinstance(email, str) and email:
        body["email"] = email
    return body


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def rejected(item: Item, reason: str, source: str, rank: Rank, received_at: datetime) -> Rejected:
    """A row for the debugger list, with as much of the event as helps to find the fault, and no signed identity."""
    value = item.value
    if isinstance(value, dict) and "identity" in _object(value.get("context")):
        value = {**value, "context": {**value["context"], "identity": None}}
    shown = msgspec.json.encode(value)[:2048].decode("utf-8", "ignore")
    return Rejected(source, reason, shown, received_at, rank=rank)
