"""What a stranger can take from the web door by sending slowly, much, or nonsense."""

import asyncio
import time
from typing import Any

import pytest
from doorstep import Visitor, doorstep

GOOD = b"GET /hello HTTP/1.1\r\nHost: shop.example\r\n\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: shop.example\r\n"
SOON: dict[str, Any] = {"header_time": "300ms", "body_time": "500ms", "idle_time": "400ms"}


def _status(heard: bytes) -> int:
    assert heard.startswith(b"HTTP/1.1 "), heard[:80]
    return int(heard.split(b" ", 2)[1])


async def test_a_header_without_end_is_refused_after_its_first_bytes_and_costs_the_others_nothing() -> None:
    async with doorstep() as door:
        visitor = await door.visit()
        await visitor.say(b"GET /hello HTTP/1.1\r\nX-Endless: ")
        started, sent = time.monotonic(), 0
        while sent < 50_000_000 and not visitor.writer.is_closing():
            await visitor.say(b"a" * 65536)
            sent += 65536
            await asyncio.sleep(0)
        heard = await visitor.hear()
        assert heard == b"" or _status(heard) == 431  # the system throws the answer away if we are cut off meanwhile
        assert sent < 20_000_000
        assert time.monotonic() - started < 10  # it took minutes
        assert _status(await door.ask(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200


@pytest.mark.parametrize(
    "header",
    [
        b"X-Long: " + b"a" * 40_000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % number for number in range(101)),
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(40)),
    ],
    ids=["long", "many", "much"],
)
async def test_headers_that_are_too_large_or_too_many_get_a_clear_answer(header: bytes) -> None:
    async with doorstep() as door:
        heard = await door.ask(b"GET /hello HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
    assert _status(heard) == 431
    assert b'"code":"headers_too_large"' in heard


async def test_a_long_address_is_refused_like_a_long_header() -> None:
    async with doorstep() as door:
        assert _status(await door.ask(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")) == 431


async def test_headers_within_the_limits_are_taken() -> None:
    header = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 300) for number in range(90))
    async with doorstep() as door:
        visitor = await door.visit()
        for _ in range(3):
            await visitor.say(b"GET /hello HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
            assert _status(await visitor.answer()) == 200


@pytest.mark.parametrize(
    "beginning", [b"", b"G", b"GET /hello HTTP/1.1\r\n", b"GET /hello HTTP/1.1\r\nHost: x\r\nX-a:"]
)
async def test_half_a_header_is_ended_after_its_time_also_if_a_byte_comes_now_and_then(beginning: bytes) -> None:
    async with doorstep(**SOON) as door:
        still, trickling = await door.visit(), await door.visit()
        await still.say(beginning)
        heard = asyncio.create_task(still.hear())
        for byte in GOOD[:20]:
            await trickling.say(bytes([byte]))
            await asyncio.sleep(0.1)
        assert await trickling.is_closed(3)
        assert await heard == b"" if not beginning else _status(await heard) == 408


async def test_half_a_body_is_ended_after_its_time_also_if_a_byte_comes_now_and_then() -> None:
    async with doorstep(**SOON) as door:
        visitor = await door.visit()
        await visitor.say(POST + b"Content-Length: 1000\r\n\r\n")
        for _ in range(12):
            await visitor.say(b"x")
            await asyncio.sleep(0.1)
        assert _status(await visitor.hear(3)) == 408


async def test_a_connection_without_requests_is_closed_also_if_it_sends_empty_lines() -> None:
    async with doorstep(**SOON) as door:
        idle, busy = await door.visit(), await door.visit()
        for visitor in (idle, busy):
            await visitor.say(GOOD)
            assert _status(await visitor.answer()) == 200
        for _ in range(15):
            await busy.say(b"\r\n")
            await asyncio.sleep(0.1)
        assert await idle.is_closed(1)
        assert await busy.is_closed(1)


async def test_the_next_request_that_stays_half_behind_an_answer_is_ended_too() -> None:
    async with doorstep(**SOON) as door:
        visitor = await door.visit()
        await visitor.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nX-half:")
        assert _status(await visitor.answer()) == 200  # our own slowness is not the visitor's
        assert await visitor.is_closed(3)


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async with doorstep(**SOON) as door:
        visitor = await door.visit()
        await visitor.say(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(4)
        heard = b""
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            heard = await asyncio.wait_for(visitor.reader.readexactly(20_000_000), 10)
        assert not heard


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Content-Length: 17000000\r\n\r\n", 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFFF\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"e" * 60_000, 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"e" * 2000 + b"\r\nx\r\n" * 1, 408),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"e" * 2000 + b"\r\nx\r\n") * 40, 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: " + b"t" * 60_000, 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: -5\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400),
        (b"GET /hello HTTP/9.9\r\n\r\n", 400),
        (b"GET /hello\r\n\r\n", 200),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\nna me: x\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET http://other.example/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET /hello HTTP/1.0\r\n\r\n", 200),
        (b"GET /hello HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
        (POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
        (POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", 100),
    ],
)
async def test_nonsense_gets_a_short_clear_answer_and_the_connection_ends(request_: bytes, status: int) -> None:
    async with doorstep(header_time="1s", body_time="1s", idle_time="1s") as door:
        visitor = await door.visit()
        await visitor.say(request_)
        heard = await visitor.hear(8)
        assert _status(heard) == status
        assert len(heard) < 1500
        assert await visitor.is_closed(3)


async def test_a_body_beyond_the_limit_is_refused_while_it_comes() -> None:
    async with doorstep(body_bytes=200_000) as door:
        visitor = await door.visit()
        await visitor.say(POST + b"Transfer-Encoding: chunked\r\n\r\n7fffffffffff\r\n")
        for _ in range(8):
            await visitor.say(b"x" * 50_000)
            await asyncio.sleep(0.02)
        assert _status(await visitor.hear()) == 413
        assert await visitor.is_closed(3)


async def test_garbage_behind_a_good_request_does_not_spoil_its_answer() -> None:
    async with doorstep() as door:
        visitor = await door.visit()
        await visitor.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01garbage\r\n\r\n")
        heard = await visitor.hear()
    assert heard.startswith(b"HTTP/1.1 200")
    assert heard.endswith(b"at last")


async def test_a_hundred_requests_in_one_breath_are_not_lined_up() -> None:
    async with doorstep() as door:
        visitor = await door.visit()
        await visitor.say(GOOD * 5)
        for _ in range(5):
            assert _status(await visitor.answer()) == 200
        await visitor.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + GOOD * 100)
        heard = await visitor.hear()
    assert heard.count(b"HTTP/1.1 200") <= 17


async def _crowd(door: Any, count: int, source: str = "127.0.0.1") -> list[Visitor]:
    visitors = [await door.visit(source) for _ in range(count)]
    for visitor in visitors:
        await visitor.say(b"GET /hello HTTP/1.1\r\nX-half: ")
    await asyncio.sleep(0.05)
    return visitors


async def test_one_peer_has_so_many_connections_and_others_have_theirs() -> None:
    async with doorstep(connections_per_peer=10) as door:
        await _crowd(door, 10)
        refused = await (await door.visit()).hear(3)
        assert _status(refused) == 503
        assert b"retry-after" in refused
        other = await door.visit("127.0.0.2")
        await other.say(GOOD)
        assert _status(await other.answer()) == 200


async def test_a_trusted_proxy_has_as_many_as_it_needs() -> None:
    async with doorstep(connections_per_peer=10, proxies=("127.0.0.0/30",)) as door:
        await _crowd(door, 30)
        visitor = await door.visit()
        await visitor.say(GOOD)
        assert _status(await visitor.answer()) == 200


async def test_in_a_full_house_whoever_says_nothing_for_longest_makes_room() -> None:
    async with doorstep(connections=20) as door:
        first = await door.visit("127.0.0.9")
        await first.say(GOOD)
        assert _status(await first.answer()) == 200
        crowd = await _crowd(door, 19)
        new = await door.visit("127.0.0.3")
        await new.say(GOOD)
        assert _status(await new.answer()) == 200
        assert await first.is_closed(2)
        newer = await door.visit("127.0.0.4")
        await newer.say(GOOD)
        assert _status(await newer.answer()) == 200
        assert _status(await crowd[0].hear(2)) == 408


async def test_two_thousand_half_requests_keep_nobody_waiting_and_are_gone_after_their_time() -> None:
    """How long the good ones wait beside such a crowd: `tests/benchmarks/bench_crowd.py`."""
    async with doorstep(proxies=("127.0.0.1/32",), connections=2200, header_time="3s") as door:
        crowd = await _crowd(door, 2000)
        for _ in range(50):
            good = await door.visit("127.0.0.2")
            await good.say(GOOD)
            assert _status(await good.answer()) == 200
            good.writer.close()
        closed = await asyncio.gather(*(visitor.is_closed(20) for visitor in crowd))
    assert all(closed)


async def test_whoever_goes_on_asking_and_never_reads_is_cut_off() -> None:
    """Each further request took the time limit away that the first unread answer had set."""
    async with doorstep(body_time="1s") as door:
        visitor = await door.visit()
        await visitor.say(b"GET /large HTTP/1.1\r\nhost: shop\r\n\r\n")
        for _ in range(3):
            await asyncio.sleep(0.3)
            await visitor.say(b"GET /hello HTTP/1.1\r\nhost: shop\r\n\r\n")
        await asyncio.sleep(4)
        assert await visitor.is_closed(within=5)
