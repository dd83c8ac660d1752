"""The script for pages of the shop, `/aftercart.js`, as every origin may load it."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.inbound.web import cross_origin

PACKED_AT_MOST = 3 * 1024
"""Bytes of the packed script: a page of the shop waits for them."""

_HEADERS = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
    "vary": "Accept-Encoding",
    "timing-allow-origin": "*",
    **cross_origin.ANYBODY,
}


@dataclass(frozen=True)
class Script:
    plain: bytes
    packed: bytes
    digest: str


@cache
def script() -> Script:
    source = (Path(__file__).parent / "scripts" / "aftercart.js").read_text("utf-8")
    plain = without_comments(source).encode()
    return Script(plain, gzip.compress(plain, 9, mtime=0), sha256(plain).hexdigest()[:32])


def without_comments(source: str) -> str:
    """Without lines that are only a comment, and without what is indented. No text in the source goes over lines."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def routes() -> list[BaseRoute]:
    return [Route("/aftercart.js", _answer, methods=["GET", "HEAD"])]


async def _answer(request: Request) -> Response:
    found = script()
    packed = "gzip" in request.headers.get("accept-encoding", "").lower()
    # Each form has a tag of its own: a cache between us must not take one for the other.
    tag = f'"{found.digest}{"-gz" if packed else ""}"'
    headers = {**_HEADERS, "etag": tag}
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers={name: headers[name] for name in headers if name != "content-type"})
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(found.packed if packed else found.plain, headers=headers)
