"""Requests to the API of a shop: patient with its limits, with outages and with answers that break off.

Only an address that was checked is connected to, no redirection is followed, and nothing of a key is ever written down.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from bot.base import clock, logs, values
from bot.base.errors import Finding, FindingsError
from bot.outbound import webhook

log = logs.get(__name__)

_ANSWER_WITHIN = 120.0  # a slow shop needs that for a hundred orders
_LARGEST = 64 * 1024 * 1024
_SMALL = 256 * 1024
_TRIES = 8
_LONGEST_PAUSE = 60.0
_LONGEST_WISH = 900.0
_PATIENCE = 60  # times in a row that it may ask us to come later
_LATER = frozenset({429, 503})
_BROKEN = frozenset({408, 425, 500, 502, 504, 520, 521, 522, 523, 524})

Sleep = Callable[[float], Awaitable[None]]


class ShopApiError(FindingsError):
    """The API does not do what we ask. `status` is what it answered, 0 where nothing came that can be read."""

    def __init__(self, words: str, key: str, *, status: int = 0) -> None:
        super().__init__(Finding(words, key=key))
        self.status = status


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: Any


class Connection:
    """To the API below `base`. `key` is the key of the configuration that errors name."""

    def __init__(
        self,
        base: str,
        *,
        key: str,
        allow_private: bool = False,
        headers: Mapping[str, str] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.base = base.rstrip("/")
        self.key = key
        self.sleep = sleep
        if not allow_private:
            self._refuse_unsafe()
        resolver = None if allow_private else webhook.Guard()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=4),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_WITHIN, sock_connect=15),
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "aftercart", "Accept": "application/json", **(headers or {})},
        )

    def _refuse_unsafe(self) -> None:
        if host := webhook.forbidden_number(self.base):
            words = f"{host} is not a public address; for a shop in your own network set allow_private = true"
            raise ShopApiError(words, self.key)
        if not self.base.startswith("https://"):
            raise ShopApiError("the address must begin with https://, or anybody on the way reads the key", self.key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> Answer:
        """The answer below 400. Raises ShopApiError.

        `again` False is for what must not be done twice: an answer that is lost is then an error.
        """
        failed = asked_later = 0
        while True:
            try:
                answer = await self._once(method, path, params, _content(body, form), headers or {})
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                self._give_up_if_forbidden(error)
                failed += 1
                why = f"{type(error).__name__}: {logs.clean(str(error))[:200]}"
                if failed >= _TRIES or not again:
                    raise ShopApiError(f"the shop does not answer: {why}", self.key) from error
                await self._pause(failed, why)
                continue
            if answer.status in _LATER and asked_later < _PATIENCE:
                asked_later += 1
                wait = _wished(answer.headers)
                await self._pause(asked_later, f"answered {answer.status}", wait)
            elif answer.status in _BROKEN and failed < _TRIES and again:
                failed += 1
                await self._pause(failed, f"answered {answer.status}")
            elif answer.status >= 300:
                raise self._refused(answer)
            else:
                return answer

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> Answer:
        sent = {**content, "headers": {**content.get("headers", {}), **headers}}
        asked = self._session.request(method, self.base + path, params=params, allow_redirects=False, **sent)
        async with asked as response:
            raw = await _whole(response)
            kept = {name.lower(): value for name, value in response.headers.items()}
            if response.status >= 300:
                return Answer(response.status, kept, _maybe_json(raw))
            return Answer(response.status, kept, await _read(raw) if raw else None)

    async def _pause(self, times: int, why: str, wish: float | None = None) -> None:
        wait = min(_LONGEST_PAUSE, 2.0 ** (times - 1)) * random.uniform(0.75, 1.25)  # noqa: S311
        wait = max(wait, wish) if wish is not None else wait
        log.info("the shop is asked again later", seconds=round(wait, 1), reason=why)
        await self.sleep(wait)

    def _refused(self, answer: Answer) -> ShopApiError:
        status = answer.status
        if status in (401, 403):
            words = f"the shop refuses the key ({status}{_said(answer.data)}); it needs the rights to read and write"
        elif status == 404:
            words = f"there is no such API at {self.base}"
        elif status < 400:
            words = (
                f"the shop answers with a redirection to {answer.headers.get('location', '?')[:200]}; write that one"
            )
        else:
            words = f"the shop answered {status}{_said(answer.data)}"
        return ShopApiError(words, self.key, status=status)

    def _give_up_if_forbidden(self, error: BaseException) -> None:
        found = webhook.cause(error)
        if isinstance(found, webhook.ForbiddenAddressError):
            words = f"{found}; for a shop in your own network set allow_private = true"
            raise ShopApiError(words, self.key) from error


def _content(body: Any, form: Mapping[str, str] | None) -> Mapping[str, Any]:
    if form is not None:
        return {"data": dict(form)}
    if body is None:
        return {}
    return {"data": msgspec.json.encode(body), "headers": {"Content-Type": "application/json"}}


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts, size = list[bytes](), 0
    async for part in response.content.iter_chunked(256 * 1024):
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise ValueError("the answer is larger than any that we take")
    return b"".join(parts)


async def _read(raw: bytes) -> Any:
    """A large one beside everybody else: chats are answered meanwhile."""
    return values.read_json(raw) if len(raw) <= _SMALL else await asyncio.to_thread(values.read_large_json, raw)


def _wished(headers: Mapping[str, str]) -> float | None:
    """When it wants us to come again, in seconds."""
    wish = headers.get("retry-after", "").strip()
    try:
        seconds = float(wish)
    except ValueError:
        try:
            at = parsedate_to_datetime(wish)
        except (TypeError, ValueError):
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - clock.now()).total_seconds()
    return min(max(0.0, seconds), _LONGEST_WISH) if seconds == seconds else None  # noqa: PLR0124 - not a number


def _maybe_json(raw: bytes) -> Any:
    try:
        return values.read_json(raw)
    except ValueError:
        return None


def _said(data: Any) -> str:
    """The words of an error, as both systems write them."""
    found = data.get("message") or data.get("errors") if isinstance(data, dict) else None
    return f": {logs.clean(str(found))[:200]}" if found else ""
