"""Good requests beside two thousand half ones: `python tests/benchmarks/bench_crowd.py`. The server is a process of
its own; every half request comes through a trusted proxy's address, so that none is turned away."""

import asyncio
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

from doorstep import Doorstep, Visitor, doorstep  # noqa: E402 - the path first

CROWD, GOOD, AT_ONCE = 2000, 2000, 4
ASK = b"GET /hello HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"


async def _serve(port: "multiprocessing.Queue[int]") -> None:
    async with doorstep(proxies=("127.0.0.1/32",), connections=CROWD + 100, header_time="60s") as door:
        port.put(door.port)
        await asyncio.sleep(3600)


def _server(port: "multiprocessing.Queue[int]") -> None:
    import uvloop

    uvloop.run(_serve(port))


async def _waits(door: Doorstep) -> list[float]:
    """Milliseconds from connecting to the end of the answer."""
    found: list[float] = []

    async def some() -> None:
        for _ in range(GOOD // AT_ONCE):
            began = time.perf_counter()
            visitor = await door.visit("127.0.0.2")
            await visitor.say(ASK)
            assert (await visitor.hear()).startswith(b"HTTP/1.1 200")
            visitor.writer.close()
            found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return found


async def _crowd(door: Doorstep) -> list[Visitor]:
    crowd = [await door.visit() for _ in range(CROWD)]
    for visitor in crowd:
        await visitor.say(b"GET /hello HTTP/1.1\r\nX-half: ")
    return crowd


async def _trickle(crowd: list[Visitor]) -> None:
    while True:
        for visitor in crowd:
            await visitor.say(b"a")
            await asyncio.sleep(0.0005)


def _said(what: str, waits: list[float]) -> float:
    cuts = statistics.quantiles(waits, n=100)
    print(f"{what:40} p50 {cuts[49]:7.2f} ms   p99 {cuts[98]:7.2f} ms   {len(waits)} requests", flush=True)
    return cuts[98]


async def _measure(port: int) -> None:
    door = Doorstep(port)
    await _waits(door)  # warm
    idle = _said("alone", await _waits(door))
    crowd = await _crowd(door)
    beside = _said(f"beside {CROWD} half requests", await _waits(door))
    trickling = asyncio.create_task(_trickle(crowd))
    busy = _said("... that send a byte now and then", await _waits(door))
    trickling.cancel()
    print(f"p99 beside / alone: {beside / idle:.2f}, trickling {busy / idle:.2f} (aim: below 2)")


if __name__ == "__main__":
    told: "multiprocessing.Queue[int]" = multiprocessing.Queue()
    serving = multiprocessing.Process(target=_server, args=(told,), daemon=True)
    serving.start()
    try:
        import uvloop

        uvloop.run(_measure(told.get()))
    finally:
        serving.kill()
