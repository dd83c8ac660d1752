"""Events of somebody who is logged in: with a signed identity they come from that person, whatever else they name."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.events import NewEvent
from bot.inbound.web import page_identity
from bot.inbound.web.page_identity import Expired, Forged
from bot.inbound.web.segment_calls import Refused

KEY = "identity"
"""Where it stands in the context of a call. It is never kept: whoever has it is that person for a day."""


def as_signed(event: NewEvent, secret: str, now: datetime) -> NewEvent:
    """The event as its rank has it. Raises Refused for an identity that the shop did not sign.

    One that has expired, or that nobody here can check, leaves it what it is without: a page's.
    """
    context = event.body.get("context") or {}
    if KEY not in context:
        return event
    body = {**event.body, "context": {key: value for key, value in context.items() if key != KEY}}
    if event.rank != "page":
        return dataclasses.replace(event, body=body)
    if not secret:
        return dataclasses.replace(event, body=_flagged(body, "identity_not_checked"))
    try:
        signed = page_identity.read(secret, context[KEY], now)
    except Expired:
        return dataclasses.replace(event, body=_flagged(body, "identity_expired"))
    except Forged as error:
        raise Refused(str(error)) from None
    return dataclasses.replace(event, rank="person", body=_named(body, signed))


def _flagged(body: Mapping[str, Any], flag: str) -> dict[str, Any]:
    return {**body, "flags": [*body.get("flags", ()), flag]}


def _named(body: Mapping[str, Any], signed: page_identity.Signed) -> dict[str, Any]:
    """Only what was signed says who it is."""
    named = {key: value for key, value in body.items() if key not in ("email", "previousId")}
    named["userId"] = signed.user_id
    for place in ("traits", "properties"):
        if "email" in (named.get(place) or {}):
            named[place] = {key: value for key, value in named[place].items() if key != "email"}
    named["context"] = {key: value for key, value in named["context"].items() if key != "traits"}
    if signed.email:
        named["email"] = signed.email
    return named
