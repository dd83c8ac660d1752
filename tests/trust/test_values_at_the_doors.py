"""Every address of the application, asked with what no database keeps: a clear answer, and never a failure of ours."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from doorstep import Doorstep, doorstep
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from bot import app as application
from bot import start
from bot.base import config as settings

POISON = {
    "5,000 digits": "9" * 5000,
    "20 digits": "9" * 20,
    "minus": "-1",
    "half a surrogate": "%ED%A0%80",
    "NUL": "%00",
    "no UTF-8": "%FF%FE",
    "very long": "a" * 20_000,
    "dots": "..%2f..%2fetc%2fpasswd",
    "newline": "a%0d%0aX-Injected:%20yes",
    "quote": "%27%22%3Cscript%3E",
    "other digits": "%D9%A1%C2%B2",
    "infinity": "Infinity",
    "a time": "9999-12-31T23:59:59.999999-23:59",
    "empty": "",
}
CONFIG: dict[str, Any] = {
    "web": {"api_key": "an api key of the tests"},
    "events": {"write_keys": ["wk_test"]},
    "shops": {"shopify": {"secrets": ["a secret of shopify"]}, "woocommerce": {"secrets": ["a secret of woo"]}},
    "telegram": {
        "token": "123456:ABC-DEF",
        "mode": "webhook",
        "webhook_secret": "a-word-of-sixteen-letters",
        "staff_chat_id": -1001,
    },
}


@pytest.fixture
async def door(empty_url: str) -> AsyncIterator[tuple[Doorstep, FastAPI]]:
    config = settings.Config.model_validate({**CONFIG, "database": {"url": empty_url}})
    await start.migrate(config)
    async with AsyncExitStack() as stack:
        database, ground = await stack.enter_async_context(start.ready(config))
        built = application.App(config)
        house = await built._build(stack, database, ground, {"web"})
        web = await application._web(stack, house)
        opened = await stack.enter_async_context(doorstep(app=web, header_bytes=64 * 1024))
        yield opened, web


def _routes(app: FastAPI) -> Iterator[tuple[str, str, list[str]]]:
    """Method, path and names of query parameters of every route, those of included routers too."""
    found = list(app.router.routes)
    while found:
        route = found.pop()
        found.extend(getattr(getattr(route, "original_router", None), "routes", None) or ())
        if isinstance(route, Route):
            names = [one.alias for one in route.dependant.query_params] if isinstance(route, APIRoute) else []
            for method in sorted(route.methods or {"GET"}):
                yield method, route.path, names


def _requests(app: FastAPI) -> Iterator[tuple[str, str]]:
    for method, path, names in _routes(app):
        for bad in POISON.values():
            filled = re.sub(r"\{[^}]*\}", bad, path)
            if filled != path or not names:
                yield method, filled
            for name in names:
                good = "&".join(f"{other}=x" for other in names if other != name)
                yield method, f"{re.sub(r'{[^}]*}', 'x', path)}?{name}={bad}&{good}"


async def _ask(door: Doorstep, method: str, target: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"
        "Authorization: Bearer an api key of the tests\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return await door.ask(head.encode("ascii") + body, 30)


async def test_no_address_of_ours_fails_whatever_stands_in_it(door: tuple[Doorstep, FastAPI]) -> None:
    opened, app = door
    asked = sorted(set(_requests(app)))
    assert len({path for _, path, _ in _routes(app)}) > 20
    assert len(asked) > 400
    failed = []
    for at in range(0, len(asked), 8):
        part = asked[at : at + 8]
        heard = await asyncio.gather(*(_ask(opened, method, target) for method, target in part))
        failed += [
            (method, target[:80], said[:60])
            for (method, target), said in zip(part, heard, strict=True)
            if not re.match(rb"HTTP/1.1 [234]\d\d ", said) or b"X-Injected: yes" in said.split(b"\r\n\r\n")[0]
        ]
    assert not failed


BODIES = {
    "digits": b"score=" + b"9" * 5000 + b"&comment=" + b"9" * 5000 + b"&email=" + b"9" * 5000 + b"&topic=1&topic=2",
    "surrogates": b"score=%ED%A0%80&comment=%ED%A0%80&email=%ED%A0%80@x.example&topic=%ED%A0%80&language=%ED%A0%80",
    "NUL": b"score=%00&comment=a%00b&email=a%00b@x.example&topic=%00&text_version=%00&%00=1",
    "JSON": b'{"email": "\\ud800\\u0000@x.example", "score": ' + b"9" * 5000 + b', "topic": ["\\udfff", 1e999]}',
    "deep": b"[" * 10_000,
    "no UTF-8": b"\xff\xfe=\xff&email=\xff",
    "nothing": b"",
}


async def test_no_address_of_ours_fails_whatever_is_sent_to_it(door: tuple[Doorstep, FastAPI]) -> None:
    opened, app = door
    taking = sorted({path for method, path, _ in _routes(app) if method in ("POST", "PUT", "PATCH", "DELETE")})
    assert len(taking) > 8
    failed = []
    for path in taking:
        for name, body in BODIES.items():
            for kind in (
                b"application/json",
                b"application/x-www-form-urlencoded",
                b"multipart/form-data; boundary=\xff",
            ):
                head = (
                    f"POST {re.sub(r'{[^}]*}', 'x', path)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    f"Authorization: Bearer an api key of the tests\r\nContent-Length: {len(body)}\r\n"
                )
                said = await opened.ask(head.encode() + b"Content-Type: " + kind + b"\r\n\r\n" + body, 30)
                if not re.match(rb"HTTP/1.1 [234]\d\d ", said):
                    failed.append((path, name, kind, said[:60]))
    assert not failed
