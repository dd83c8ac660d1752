from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import PlainTextResponse

from bot.inbound.web import each_request

router = APIRouter()


@router.get("/who")
async def _who(request: Request) -> dict[str, Any]:
    return {"host": request.client.host if request.client else None, "scheme": request.url.scheme}


@router.get("/number/{number}")
async def _number(number: int) -> dict[str, int]:
    return {"number": number}


@router.get("/broken")
async def _broken() -> None:
    raise RuntimeError("ada@example.org is in the message of this error")


@router.get("/own")
async def _own() -> PlainTextResponse:
    return PlainTextResponse("x", headers={"content-security-policy": "default-src 'self'"})


def _client(app: FastAPI, peer: str = "203.0.113.7") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://shop.example")


async def test_every_answer_carries_the_security_headers_and_a_door_may_set_its_own() -> None:
    async with _client(each_request.build([router])) as client:
        for path in ("/who", "/nowhere", "/broken"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
        assert (await client.get("/own")).headers["content-security-policy"] == "default-src 'self'"


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/number/x", 400), ("/broken", 500)])
async def test_errors_tell_nothing_of_our_insides(path: str, status: int) -> None:
    async with _client(each_request.build([router])) as client:
        answer = await client.get(path)
    assert (answer.status_code, set(answer.json())) == (status, {"code", "message"})
    assert "ada@" not in answer.text
    assert "Traceback" not in answer.text


async def test_only_a_trusted_proxy_is_believed_about_the_visitor() -> None:
    app = each_request.build([router], trusted_proxies=["10.0.0.0/8"])
    told = {"x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https"}
    async with _client(app, "10.0.0.1") as client:
        answer = await client.get("/who", headers=told)
        assert answer.json() == {"host": "198.51.100.1", "scheme": "https"}
        assert "strict-transport-security" in answer.headers
    async with _client(app) as client:
        assert (await client.get("/who", headers=told)).json() == {"host": "203.0.113.7", "scheme": "http"}


async def test_there_are_no_pages_about_the_interface() -> None:
    async with _client(each_request.build([router])) as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(path)).status_code == 404
