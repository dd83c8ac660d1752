"""Events a second into `/v1/batch` until they are committed, against the same endpoint that only decodes them."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from figures import Figure
from program import free_port

from bot.base.config.events import EventKey
from bot.base.config.web_limits import WebLimits
from bot.base.database import Database
from bot.events import Ingest
from bot.inbound.web import each_request, events_api, server
from bot.inbound.web.connections import Limits

EVENTS_IN_BATCH = 100
BATCHES = 600
CONNECTIONS = 8


class DecodeOnly:
    """Takes events and forgets them: what remains is HTTP and decoding."""

    async def add(self, events: Any, refused: Any = ()) -> None:
        return None


async def run() -> list[Figure]:
    decoded, stored = await _rate("decode"), await _rate("store")
    return [
        Figure(
            f"events/s into /v1/batch, committed to SQLite ({EVENTS_IN_BATCH} a request)", f"{stored:,.0f}",
            f"{decoded:,.0f} (decodes only)", f"{stored / decoded:.2f}",
        )
    ]  # fmt: skip


async def _rate(mode: str) -> float:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, mode, str(port), f"{folder}/bench.db"]
        process = subprocess.Popen(command)
        try:
            await _listening(port)
            await _send(port, [_batch(number) for number in range(20)])
            share = BATCHES // CONNECTIONS
            bodies = [_batch(100 + number) for number in range(share * CONNECTIONS)]
            start = time.perf_counter()
            await asyncio.gather(*(_send(port, bodies[n::CONNECTIONS]) for n in range(CONNECTIONS)))
            return len(bodies) * EVENTS_IN_BATCH / (time.perf_counter() - start)
        finally:
            process.kill()
            process.wait()


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server did not come up")


async def _send(port: int, bodies: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in bodies:
        head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b'{"success":true}')
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    writer.close()


def _batch(number: int) -> bytes:
    """A batch as the Python client sends it: each event of another person, about 600 bytes."""
    properties = {
        "product_id": "507f1f77bcf86cd799439011", "sku": "G-32", "category": "Furniture", "name": "Oak chair",
        "brand": "Juniper", "variant": "natural", "price": 149.0, "quantity": 1, "coupon": "SPRING",
        "url": "https://shop.example/products/oak-chair", "image_url": "https://shop.example/oak-chair.jpg",
    }  # fmt: skip
    events = [
        {
            "type": "track", "event": "Product Viewed", "userId": f"u{number}-{item}", "anonymousId": None,
            "messageId": f"m-{number}-{item}", "timestamp": "2026-11-22T07:26:49.765+00:00", "properties": properties,
            "context": {"library": {"name": "analytics-python", "version": "2.3.4"}}, "integrations": {},
        }
        for item in range(EVENTS_IN_BATCH)
    ]  # fmt: skip
    return msgspec.json.encode({"batch": events, "sentAt": "2026-11-22T07:26:50.2+00:00", "writeKey": "key"})


async def _serve(mode: str, port: int, file: str) -> None:
    from pydantic import SecretStr
    from sqlmodel import SQLModel

    from bot import tables

    assert tables
    database = Database(f"sqlite:///{file}")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    ingest: Any = DecodeOnly()
    if mode == "store":
        ingest = Ingest(database)
        ingest.start()
    app = each_request.build([events_api.routes(ingest, [EventKey(key=SecretStr("key"), name="bench", kind="page")])])
    await server.serve(app, server.listen("127.0.0.1", port), asyncio.Event(), Limits.of(WebLimits()))


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), str(Path(sys.argv[3]))))
