"""The page of a survey, `/s/…`: a link chooses a score, only the sent form stores it (scanners open links)."""

from fastapi import APIRouter, Request, Response

from bot.base import clock
from bot.base.database import Database
from bot.base.surveys import SCORES
from bot.inbound.web import forms
from bot.inbound.web.pages import Pages
from bot.support import surveys
from bot.support.desk import Desk
from bot.support.surveys import Asked

_COMMENT_AT_MOST = 4000  # characters


def routes(database: Database, desk: Desk, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(desk.ground)

    def page(request: Request, state: str, asked: Asked | None, status: int = 200, **values: object) -> Response:
        spoken = shown.language(request, asked.contact.language if asked else None)
        scores = list(SCORES[asked.kind]) if asked else []
        kind, number = (asked.kind, asked.number) if asked else ("", "")
        return shown.answer("survey", spoken, status, state=state, scores=scores, kind=kind, number=number, **values)

    @router.api_route("/s/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request, score: str = "") -> Response:
        async with database.reading() as session:
            asked = await surveys.by_token(session, desk, token)
        if asked is None or not asked.is_open(clock.now()):
            return page(request, "gone", asked, 404)
        before = asked.answer
        chosen = _score(asked, score)
        if chosen is None and before is not None:
            chosen = before.score
        return page(request, "ask", asked, chosen=chosen, comment=before.comment if before else "")

    @router.post("/s/{token}")
    async def send(token: str, request: Request) -> Response:
        form = await forms.read(request)
        comment = form.get("comment").strip()[:_COMMENT_AT_MOST]
        now = clock.now()
        async with database.transaction() as session:
            asked = await surveys.by_token(session, desk, token, hold=True)
            if asked is None or not asked.is_open(now):
                return page(request, "gone", asked, 404)
            score = _score(asked, form.get("score"))
            if score is not None:
                await surveys.answered(session, desk, asked, score, comment, now)
        if score is None:
            return page(request, "ask", asked, 422, chosen=None, comment=comment)
        return page(request, "thanks", asked)

    return router


def _score(asked: Asked, text: str) -> int | None:
    known = text.isascii() and text.isdigit() and len(text) <= 2 and int(text) in SCORES[asked.kind]
    return int(text) if known else None
