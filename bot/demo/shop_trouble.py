"""What the API of a shop does to its callers on a bad day: limits, outages, answers that break off."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

_KINDS = ("throttled", "down", "bad_gateway", "cut", "no_answer")


class Trouble:
    """Each request has a chance of `rate` to meet one of `kinds`; `seed` makes it the same each time. `met` counts."""

    def __init__(self, rate: float = 0.0, *, seed: int = 0, kinds: Sequence[str] = _KINDS) -> None:
        self.rate = rate
        self.kinds = kinds
        self.met: dict[str, int] = {}
        self._random = random.Random(seed)  # noqa: S311 - troubles, no secrets

    async def answer(self, request: web.Request, data: Any, headers: Mapping[str, str]) -> web.StreamResponse:
        """The answer, or what comes of it."""
        body = msgspec.json.encode(data)
        kind = self._random.choice(self.kinds) if self._random.random() < self.rate else ""
        if kind:
            self.met[kind] = self.met.get(kind, 0) + 1
        if kind == "throttled":
            return web.json_response({"message": "Too many requests"}, status=429, headers={"Retry-After": "1"})
        if kind == "down":
            return web.Response(text="Briefly unavailable for scheduled maintenance.", status=503)
        if kind == "bad_gateway":
            return web.Response(text="<html>502 Bad Gateway</html>", status=502, content_type="text/html")
        if kind == "cut":
            return await self._cut(request, body, headers)
        if kind == "no_answer" and request.transport is not None:
            request.transport.close()
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _cut(self, request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
        half = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
        half.content_length = len(body)
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return half
