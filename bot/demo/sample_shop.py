"""The sample shop Juniper & Oak: its shelves and a web site of its own, so that the demo needs no network."""

import asyncio
import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from math import hypot
from urllib.parse import parse_qs, urlsplit

from jinja2 import Template
from markupsafe import Markup

from bot.base import money, paths, render

_SIZE = 240  # pixels, square


@dataclass(frozen=True)
class Ware:
    """A product on the shelf; `price` in euros as the shop's web site sends it."""

    product_id: str
    sku: str
    name: str
    category: str
    price: float
    shape: str
    colour: tuple[int, int, int]


WARES = (
    Ware("1001", "JO-MUG-OAK", "Stoneware mug", "kitchen", 18.00, "mug", (59, 93, 80)),
    Ware("1002", "JO-LAMP-01", "Desk lamp, brass", "lighting", 89.00, "lamp", (176, 129, 56)),
    Ware("1003", "JO-CHAIR-02", "Oak chair", "furniture", 149.00, "chair", (152, 108, 70)),
    Ware("1004", "JO-SCARF-RED", "Merino scarf", "clothing", 39.50, "scarf", (156, 61, 34)),
    Ware("1005", "JO-FERN-M", "Boston fern", "plants", 24.00, "plant", (76, 122, 70)),
)


def ware(product_id: str) -> Ware:
    return next(one for one in WARES if one.product_id == product_id)


@dataclass(frozen=True)
class Tells:
    """Where the pages of the shop tell what is done in them, and with which key."""

    door: str
    key: str


@asynccontextmanager
async def web_site(tells: Tells) -> AsyncIterator[str]:
    """The shop's web site on a free port of this machine: its shelf, a page per product, a cart. Gives its URL."""
    server = await asyncio.start_server(partial(_answer, tells), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(tells: Tells, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):  # browsers open more connections than they use
        writer.close()
        return
    kind, body = _page(head.split(b" ", 2)[1].decode("latin-1"), tells)
    writer.write(
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()
    writer.close()


def _page(target: str, tells: Tells) -> tuple[str, bytes]:
    asked = urlsplit(target)
    fields = parse_qs(asked.query)
    in_cart = asked.path == "/cart"
    product_id = fields.get("id", [""])[0] if in_cart else asked.path.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]
    known = next((one for one in WARES if one.product_id == product_id), None)
    if known and asked.path.startswith("/pictures/"):
        return "image/png", picture(known.shape, known.colour)
    wanted = fields.get("quantity", ["1"])[0]
    page = _template().render(
        title=known.name if known and not in_cart else "Juniper & Oak",
        ware=known,
        described=Markup(_described(known)) if known else "",  # noqa: S704 - JSON whose < is written out
        quantity=int(wanted) if in_cart and wanted in "123456789" else int(in_cart),
        wares=WARES,
        euros=_euros,
        door=tells.door,
        key=tells.key,
    )
    return "text/html; charset=utf-8", page.encode()


@cache
def _template() -> Template:
    return render.environment(html=True).from_string((paths.templates() / "demo" / "shop.html").read_text("utf-8"))


def _euros(one: Ware, pieces: int) -> str:
    return money.shown(money.to_minor(f"{one.price * pieces:.2f}", "EUR"), "EUR", "en")


def _described(known: Ware) -> str:
    """The product as search engines and `/aftercart.js` read it (schema.org)."""
    offer = {"@type": "Offer", "price": f"{known.price:.2f}", "priceCurrency": "EUR"}
    said = {
        "@context": "https://schema.org",
        "@type": "Product",
        "productID": known.product_id,
        "sku": known.sku,
        "name": known.name,
        "category": known.category,
        "image": f"/pictures/{known.product_id}.png",
        "url": f"/products/{known.product_id}",
        "offers": offer,
    }
    return json.dumps(said).replace("<", "\\u003c")


Shape = Callable[[float, float], float]
"""Distance to a shape in a unit square, negative inside."""


def _box(left: float, top: float, right: float, bottom: float, corner: float = 0.02) -> Shape:
    middle_x, middle_y, half_x, half_y = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2

    def distance(x: float, y: float) -> float:
        dx, dy = abs(x - middle_x) - half_x + corner, abs(y - middle_y) - half_y + corner
        return hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - corner

    return distance


def _disc(x0: float, y0: float, radius: float) -> Shape:
    return lambda x, y: hypot(x - x0, y - y0) - radius


def _ring(x0: float, y0: float, radius: float, width: float) -> Shape:
    return lambda x, y: abs(hypot(x - x0, y - y0) - radius) - width / 2


_SHAPES: dict[str, list[Shape]] = {
    "mug": [_box(0.28, 0.32, 0.62, 0.74, 0.06), _ring(0.64, 0.52, 0.11, 0.05)],
    "lamp": [_box(0.36, 0.2, 0.64, 0.42, 0.1), _box(0.48, 0.4, 0.52, 0.74), _box(0.34, 0.72, 0.66, 0.78, 0.03)],
    "chair": [
        _box(0.32, 0.18, 0.38, 0.8), _box(0.32, 0.22, 0.66, 0.34), _box(0.32, 0.5, 0.7, 0.57), _box(0.64, 0.5, 0.7, 0.8)
    ],
    "scarf": [_box(0.26, 0.28, 0.74, 0.4, 0.06), _box(0.32, 0.34, 0.44, 0.8, 0.02), _box(0.52, 0.34, 0.64, 0.7, 0.02)],
    "plant": [
        _disc(0.5, 0.34, 0.14), _disc(0.36, 0.42, 0.11), _disc(0.64, 0.42, 0.11), _disc(0.5, 0.48, 0.12),
        _box(0.38, 0.58, 0.62, 0.8, 0.03),
    ],
}  # fmt: skip


@cache
def picture(shape: str, colour: tuple[int, int, int]) -> bytes:
    """A PNG of the shape on a pale ground."""
    parts, ground, rows = _SHAPES[shape], (243, 240, 234), []
    for y in range(_SIZE):
        row = bytearray(b"\0")
        for x in range(_SIZE):
            distance = min(part((x + 0.5) / _SIZE, (y + 0.5) / _SIZE) for part in parts) * _SIZE
            ink = max(0.0, min(1.0, 0.5 - distance))
            row += bytes(round(back + (front - back) * ink) for back, front in zip(ground, colour, strict=True))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
