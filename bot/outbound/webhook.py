"""Signed calls to systems of the shop: the sender of the channel `webhook`.

A POST of JSON whose headers say which message it is and prove that we sent it: `webhook-id` (the same however often it
is tried, so that the receiver can tell a repetition), `webhook-timestamp` (seconds since 1970) and `webhook-signature`
(`v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`). Tried again with growing distance until a 2xx answers.
"""

import asyncio
import base64
import hmac
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.base import clock
from bot.base.config.sending import Hook
from bot.outbound import special_addresses
from bot.outbound.outbox import GIVE_UP_AFTER
from bot.outbound.sender import DeliveryError, Outgoing, Receipt

CHANNEL = "webhook"
_ANSWER_WITHIN = 10.0
_LONGEST_ANSWER = 64 * 1024
_NEVER = frozenset({410})
"""Gone: the receiver says that it wants no more of this."""

_ODD_NUMBER = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*\.?", re.I | re.A)
_LOOK_AGAIN = 300.0  # seconds between tries while only the operator can mend it

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class ForbiddenAddressError(OSError):
    """The name leads to where nobody outside of our network may send us."""


def is_public(address: str) -> bool:
    """Whether anybody may send us there: see `special_addresses`."""
    return not special_addresses.is_special(ipaddress.ip_address(address.partition("%")[0]))


async def look_up(host: str, port: int) -> Sequence[str]:
    """Every address of that name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Guard(AbstractResolver):
    """Names become addresses here and nowhere else: what was checked is what is connected to, so that a name that
    changes between two looks gets nobody past. A name with one forbidden address is refused as a whole."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self.lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self.lookup(host, port)
        if inside := [address for address in addresses if not is_public(address)]:
            raise ForbiddenAddressError(f"{host} leads to {inside[0]}, which is not a public address")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """What the receiver compares with (in constant time). A secret that begins with `whsec_` is base64 behind it."""
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


class WebhookSender:
    """`hooks` are those of the configuration. The payload names its hook; all of it is the body."""

    ordered = False
    exclusive = False
    batch = 4
    claim = 8

    def __init__(
        self, hooks: Sequence[Hook], lookup: Lookup = look_up, now: Callable[[], datetime] = clock.now
    ) -> None:
        self.hooks = {hook.name: hook for hook in hooks}
        self.now = now
        self._lookup = lookup
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, message: Outgoing) -> Receipt:
        hook = self.hooks.get(str(message.payload.get("webhook") or ""))
        if hook is None:
            words = f"no webhook named {message.payload.get('webhook')} is configured"
            self._give_up(message, words)
            raise DeliveryError(words, retry_after=_LOOK_AGAIN)
        if urlsplit(hook.url).scheme not in ("http", "https"):
            raise DeliveryError(f"{hook.url} is no web address", permanent=True, reason="bad_address")
        _refuse_literal(hook)
        body = msgspec.json.encode(_told(message))
        headers = self._headers(hook, message.key, body)
        try:
            post = self._session(hook).post(hook.url, data=body, headers=headers, allow_redirects=False)
            async with post as answer:
                await answer.content.read(_LONGEST_ANSWER)
                return self._read(message, answer.status, answer.headers)
        except TimeoutError as error:
            raise DeliveryError("no answer in time", uncertain=True) from error
        except ForbiddenAddressError as error:
            raise DeliveryError(str(error), permanent=True, reason="forbidden_address") from error
        except (aiohttp.ClientConnectorError, OSError) as error:
            if isinstance(forbidden := cause(error), ForbiddenAddressError):
                raise DeliveryError(str(forbidden), permanent=True, reason="forbidden_address") from error
            raise DeliveryError(f"not reached: {type(error).__name__}") from error
        except aiohttp.ClientError as error:
            raise DeliveryError(f"no answer: {type(error).__name__}", uncertain=True) from error

    def _read(self, message: Outgoing, status: int, headers: Mapping[str, str]) -> Receipt:
        if 200 <= status < 300:
            return Receipt(self.now(), str(status))
        if status in _NEVER:
            raise DeliveryError(f"answered {status}: it wants no more of these", permanent=True, reason="gone")
        self._give_up(message, f"answered {status}")
        wait = headers.get("Retry-After", "")
        later = min(float(wait), 3600.0) if status in (429, 503) and wait.isdecimal() else None
        raise DeliveryError(f"answered {status}", retry_after=later)

    def _give_up(self, message: Outgoing, why: str) -> None:
        """Whoever asks for patience gets it for two days."""
        if message.row["created_at"] < self.now() - GIVE_UP_AFTER:
            raise DeliveryError(why, permanent=True, reason="gave_up")

    def _headers(self, hook: Hook, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = int(self.now().timestamp())
        return {
            "Content-Type": "application/json",
            "User-Agent": "aftercart",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(hook.secret.get_secret_value(), message_id, timestamp, body),
        }

    def _session(self, hook: Hook) -> aiohttp.ClientSession:
        """One for the world and one for our own network, each made when first needed. Proxies of the environment are
        not used: they would look names up themselves."""
        if hook.allow_private not in self._sessions:
            resolver = None if hook.allow_private else Guard(self._lookup)
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
            timeout = aiohttp.ClientTimeout(total=_ANSWER_WITHIN)
            self._sessions[hook.allow_private] = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[hook.allow_private]

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions = {}


def _told(message: Outgoing) -> dict[str, Any]:
    return {"id": message.key, **message.payload}


def forbidden_number(url: str) -> str:
    """The host, if it is written as a number that is no public address: such a one is never looked up, so `Guard` does
    not see it. Odd ways to write one (`2130706433`, `127.1`, `0x7f.1`) are addresses to the system, too."""
    host = URL(url).raw_host or ""  # as it will be connected to: １２７.0.0.1 is an address then
    try:
        public = is_public(host)
    except ValueError:
        public = not _ODD_NUMBER.fullmatch(host)
    return "" if public else host


def _refuse_literal(hook: Hook) -> None:
    host = forbidden_number(hook.url)
    if host and not hook.allow_private:
        words = f"{host} is not a public address; for a system of your own network set allow_private = true"
        raise DeliveryError(words, permanent=True, reason="forbidden_address")


def cause(error: BaseException) -> BaseException | None:
    """What is behind it at the end: aiohttp wraps what a resolver raises."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ForbiddenAddressError):
        wrapped = getattr(seen, "os_error", None)
        seen = seen.__cause__ or seen.__context__ or (wrapped if wrapped is not seen else None)
    return seen
