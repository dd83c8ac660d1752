"""Scripts for pages of the shop, as every origin may load them: our own `/aftercart.js`, Segment's from a folder."""

import gzip
import re
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.inbound.web import cross_origin

PACKED_AT_MOST = 3 * 1024
"""Bytes of the packed script: a page of the shop waits for them."""

SEGMENTS_SCRIPT = "standalone.js"
"""The file of `[events] analytics_js` that Segment's snippet loads; the parts that it loads itself lie beside it."""

_AN_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_GOOD = "public, max-age=31536000, immutable"
_PART = re.compile(r"[A-Za-z0-9-]{1,60}\.bundle\.[0-9a-f]{8,64}\.js")
"""The digest of a part stands in its name."""
_COMMENT = re.compile(r"(?:^|\s+)//(?: .*)?$")
_HEADERS = {
    "content-type": "text/javascript; charset=utf-8",
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
    return _script(without_comments(source).encode())


def _script(plain: bytes) -> Script:
    return Script(plain, gzip.compress(plain, 9, mtime=0), sha256(plain).hexdigest()[:32])


@cache
def _of_segment(file: Path, _changed_at: float) -> Script:
    return _script(file.read_bytes())


def without_comments(source: str) -> str:
    """Without comments and indents. No text in the source goes over lines or has a blank before `//`."""
    lines = (_COMMENT.sub("", line).strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line)


def routes(analytics_js: Path | None = None) -> list[BaseRoute]:
    """`analytics_js` is where the parts of Segment's client lie: then its snippet may load all of it from here."""
    ours = [Route("/aftercart.js", _own, methods=["GET", "HEAD"])]
    if analytics_js is None:
        return [*ours]
    main, part = partial(_segment, analytics_js), partial(_segment_part, analytics_js)
    return [
        *ours,
        Route("/analytics.js/v1/{key}/analytics.min.js", main, methods=["GET", "HEAD"]),
        Route("/analytics-next/bundles/{name}", part, methods=["GET", "HEAD"]),
    ]


async def _own(request: Request) -> Response:
    return _answer(request, script(), _AN_HOUR)


async def _segment(folder: Path, request: Request) -> Response:
    return _answer_file(request, folder / SEGMENTS_SCRIPT, _AN_HOUR)


async def _segment_part(folder: Path, request: Request) -> Response:
    name = request.path_params["name"]
    if not _PART.fullmatch(name):
        raise HTTPException(404)
    return _answer_file(request, folder / name, _FOR_GOOD)


def _answer_file(request: Request, file: Path, keep: str) -> Response:
    try:
        found = _of_segment(file, file.stat().st_mtime)
    except OSError:
        raise HTTPException(404) from None
    return _answer(request, found, keep)


def _answer(request: Request, found: Script, keep: str) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "").lower()
    # Each form has a tag of its own: a cache between us must not take one for the other.
    tag = f'"{found.digest}{"-gz" if packed else ""}"'
    headers = {**_HEADERS, "cache-control": keep, "etag": tag}
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers={name: headers[name] for name in headers if name != "content-type"})
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(found.packed if packed else found.plain, headers=headers)
