"""The webhook: an update is stored before Telegram hears 200; whoever cannot name the secret gets nowhere."""

import hmac
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from bot.base import clock, values
from bot.base.database import Database
from bot.inbound.telegram import inbox
from bot.inbound.web import each_request

_LIMIT = 1024 * 1024  # an update is some kilobytes
_HEADER = "X-Telegram-Bot-Api-Secret-Token"


def path(secret: str) -> str:
    """Where Telegram posts: `/telegram/` and a word that only the secret gives."""
    return f"/telegram/{_word(secret)}"


def _word(secret: str) -> str:
    return hmac.new(secret.encode(), b"telegram webhook path", sha256).hexdigest()[:32]


def routes(database: Database, secret: str) -> APIRouter:
    """POST `/telegram/{word}`. 404 for a wrong word, 403 for a wrong secret, 400 for what is no update."""
    router = APIRouter()
    word = _word(secret)

    @router.post("/telegram/{given}", include_in_schema=False)
    async def take(given: str, request: Request) -> Response:
        if not hmac.compare_digest(given.encode(), word.encode()):
            raise HTTPException(404)
        if not hmac.compare_digest(request.headers.get(_HEADER, "").encode(), secret.encode()):
            raise HTTPException(403)
        update = _update(await each_request.read(request, _LIMIT))
        async with database.transaction() as session:
            await inbox.store(session, [update], clock.now())
        return Response(status_code=200)

    return router


def _update(body: bytes) -> dict[str, Any]:
    try:
        update = values.read_json(body)
    except ValueError:
        raise HTTPException(400, "not JSON") from None
    if (
        not isinstance(update, dict)
        or type(update.get("update_id")) is not int
        or abs(update["update_id"]) > values.LARGEST
    ):
        raise HTTPException(400, "not an update")
    return update
