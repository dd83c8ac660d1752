"""The sample shop Juniper & Oak: its shelves and a web site of its own, so that the demo needs no network."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from math import hypot
from urllib.parse import urlsplit

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


@asynccontextmanager
async def web_site() -> AsyncIterator[str]:
    """The shop's web site on a free port of this machine: a page per product and its picture. Gives its URL."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    path = urlsplit(head.split(b" ", 2)[1].decode("latin-1")).path
    kind, body = _page(path)
    writer.write(
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()
    writer.close()


def _page(path: str) -> tuple[str, bytes]:
    product_id = path.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]
    known = next((one for one in WARES if one.product_id == product_id), None)
    if known and path.startswith("/pictures/"):
        return "image/png", picture(known.shape, known.colour)
    title = known.name if known else "Juniper & Oak"
    return "text/html; charset=utf-8", f"<!doctype html><title>{title}</title><h1>{title}</h1>".encode()


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
