"""Links of our mails: `/c/…` counts a click and leads on, `/u/…` shows how to unsubscribe and does it when asked to.

Looking never changes what somebody gets: scanners open every link. Only a POST unsubscribes, from the page or from the
mail program itself (RFC 8058: no cookie, no redirect, urlencoded or multipart, again and again).
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from bot.base import clock, ids
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.inbound.web import clicks, unsubscribe
from bot.inbound.web.pages import Pages
from bot.inbound.web.unsubscribe import Proof, Subject
from bot.outbound.email import tracking
from bot.outbound.email.tracking import CANARY, Target
from bot.tables.mail import TemplateRevision
from bot.tables.outbox import Message
from bot.tables.people import Contact

_messages = table(Message)
_revisions = table(TemplateRevision)
_FORM_AT_MOST = 16_384  # bytes; a one-click body has 26


def routes(database: Database, ground: Ground, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(ground)
    own_domains = tracking.own_domains(ground.config.shop.url)

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    async def click(token: str, request: Request, u: str | None = None) -> Response:
        target = tracking.resolve(token, u, ground.secret)
        if target is None:
            return shown.answer("gone", shown.language(request), 404)
        async with database.reading() as session:
            found = await _destination(session, target)
        if found is None:
            return shown.answer("gone", shown.language(request), 404)
        message, url = found
        if request.method != "HEAD":
            async with database.transaction() as session:
                seen_as = clicks.label(request.headers)
                await clicks.record(session, message, target.number, url, seen_as, clock.now())
        if target.number == CANARY:
            return Response(status_code=204)
        campaign = message["flow"] or message["purpose"]
        tags = tracking.utm(ground.config.shop.name, campaign, message["step_id"] or message["template"] or "")
        leads_to = tracking.with_utm(url, tags, own_domains)
        headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(leads_to, 302, headers)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request) -> Response:
        message_id = ids.unsign("unsubscribe", token, ground.secret)
        if message_id is None:
            return shown.answer("gone", shown.language(request), 404)
        async with database.reading() as session:
            subject, language = await _subject(session, message_id)
            off = subject is None or await unsubscribe.is_off(session, ground.secret, subject, clock.now())
        return _page(shown, request, language, subject, off=off)

    @router.post("/u/{token}")
    async def act(token: str, request: Request) -> Response:
        message_id = ids.unsign("unsubscribe", token, ground.secret)
        if message_id is None:
            return shown.answer("gone", shown.language(request), 404)
        form = await _form(request)
        source = "one_click" if "List-Unsubscribe" in form else "unsubscribe_page"
        proof = Proof(source, request.client.host if request.client else None, request.headers.get("user-agent"))
        back = form.get("action") == "come_back"
        async with database.transaction() as session:
            subject, language = await _subject(session, message_id)
            if subject is not None:
                say = unsubscribe.come_back if back else unsubscribe.leave
                await say(session, ground.secret, subject, proof, clock.now())
            off = subject is None or await unsubscribe.is_off(session, ground.secret, subject, clock.now())
        return _page(shown, request, language, subject, off=off, back=back)

    return router


async def _destination(session: AsyncSession, target: Target) -> tuple[Mapping[str, Any], str] | None:
    """The message and the URL that its link leads to; None if either is not there (any more)."""
    columns = [_messages.c[name] for name in ("id", "contact_id", "flow", "step_id", "template", "revision", "purpose")]
    found = await session.execute(sa.select(*columns).where(_messages.c.id == target.message_id))
    row = found.mappings().one_or_none()
    if row is None:
        return None
    message = dict(row)
    if target.url is not None:
        return message, target.url
    if target.number == CANARY:
        return message, ""
    links = await session.scalar(sa.select(_revisions.c.links).where(_revisions.c.digest == message["revision"]))
    url = links[target.number] if links and target.number < len(links) else ""
    return (message, url) if url else None


async def _subject(session: AsyncSession, message_id: int) -> tuple[Subject | None, str | None]:
    columns = [_messages.c[name] for name in ("id", "contact_id", "receiver", "payload")]
    found = await session.execute(sa.select(*columns).where(_messages.c.id == message_id))
    message = found.mappings().one_or_none()
    if message is None:
        return None, None
    contacts = table(Contact)
    language = await session.scalar(sa.select(contacts.c.language).where(contacts.c.id == message["contact_id"]))
    return Subject.of(dict(message)), language


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; a body that is none has no fields, and still asks to unsubscribe."""
    size = request.headers.get("content-length", "0")
    if not size.isdigit() or int(size) > _FORM_AT_MOST:
        return {}
    try:
        async with request.form(max_files=1, max_fields=20, max_part_size=_FORM_AT_MOST) as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    except (MultiPartException, HTTPException, ValueError):
        return {}


def _page(
    shown: Pages, request: Request, language: str | None, subject: Subject | None, *, off: bool, back: bool = False
) -> Response:
    spoken = shown.language(request, language)
    address = _masked(subject.address) if subject and subject.address else ""
    return shown.answer("unsubscribe", spoken, off=off, back=back and not off, address=address)


def _masked(address: str) -> str:
    """`m…a@shop.example`: enough for its owner, not for whoever got the mail forwarded."""
    local, _, domain = address.partition("@")
    return f"{local[0]}…{local[-1] if len(local) > 2 else ''}@{domain}"
