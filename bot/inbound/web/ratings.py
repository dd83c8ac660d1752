"""The page of a rating, `/r/…`: a link may pre-select a score, only the sent form stores it (scanners open links)."""

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.formparsers import MultiPartException

from bot.base import clock, values
from bot.base.database import Database
from bot.inbound.web.pages import Pages
from bot.support.desk import Desk
from bot.support.feedback import ratings
from bot.support.tickets.asking import SCORES

_FORM_AT_MOST = 16_384  # bytes
_COMMENT_AT_MOST = 4000  # characters


def routes(database: Database, desk: Desk, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(desk.ground)

    def page(request: Request, state: str, language: str | None, status: int = 200, **values: object) -> Response:
        spoken = shown.language(request, language)
        return shown.answer("rating", spoken, status, state=state, scores=list(SCORES), **values)

    @router.api_route("/r/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request, score: str = "") -> Response:
        async with database.reading() as session:
            found = await ratings.by_token(session, desk, token)
        if found is None or not ratings.is_open(found[0], clock.now()):
            return page(request, "gone", found[1].language if found else None, 404)
        rating, ticket = found
        chosen = given if (given := values.number(score)) in SCORES else rating.score
        return page(request, "ask", ticket.language, number=ticket.number, chosen=chosen, comment=rating.comment)

    @router.post("/r/{token}")
    async def send(token: str, request: Request) -> Response:
        score, comment = await _form(request)
        async with database.transaction() as session:
            found = await ratings.by_token(session, desk, token)
            if found is None or not ratings.is_open(found[0], clock.now()):
                return page(request, "gone", found[1].language if found else None, 404)
            rating, ticket = found
            if score is not None:
                await ratings.rate(session, desk, rating, score, clock.now(), comment=comment)
        if score is None:
            return page(
                request, "ask", ticket.language, 422, number=ticket.number, chosen=rating.score, comment=comment
            )
        return page(request, "thanks", ticket.language)

    return router


async def _form(request: Request) -> tuple[int | None, str]:
    """The score, None if there is none that we know, and the comment."""
    size = request.headers.get("content-length", "0")
    if (length := values.number(size)) is None or length > _FORM_AT_MOST:
        return None, ""
    try:
        async with request.form(max_files=0, max_fields=5, max_part_size=_FORM_AT_MOST) as form:
            score, comment = str(form.get("score", "")), str(form.get("comment", ""))
    except (MultiPartException, HTTPException, ValueError):
        return None, ""
    known = (given := values.number(score)) in SCORES
    return given if known else None, values.text(comment).strip()[:_COMMENT_AT_MOST]
