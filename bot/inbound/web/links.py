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

from bot.base import clock, ids
from bot.base.config.topics import GENERAL
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.contacts import topics
from bot.inbound.web import choosing, clicks, forms, unsubscribe
from bot.inbound.web.pages import Pages
from bot.inbound.web.unsubscribe import Subject
from bot.outbound.email import tracking
from bot.outbound.email.tracking import CANARY, Target
from bot.tables.mail import TemplateRevision
from bot.tables.outbox import Message
from bot.tables.people import Contact

_messages = table(Message)
_revisions = table(TemplateRevision)
_SAID = {"come_back": unsubscribe.come_back, "leave_all": unsubscribe.leave_all}
"""What a form of ours says; everything else that is posted unsubscribes from the topic of the mail."""


def routes(database: Database, ground: Ground, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(ground)
    shop = ground.config.shop

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
        if target.unchecked and not tracking.may_lead(url, shop.hosts, ground.config.web.url):
            url = shop.url  # of a mail from before hosts were asked about: the reader finds the shop, and nothing else
        if request.method != "HEAD":
            async with database.transaction() as session:
                seen_as = clicks.label(request.headers)
                await clicks.record(session, message, target.number, url, seen_as, clock.now())
        if target.number == CANARY:
            return Response(status_code=204)
        campaign = message["flow"] or message["purpose"]
        tags = tracking.utm(shop.name, campaign, message["step_id"] or message["template"] or "")
        leads_to = tracking.with_utm(url, tags, shop.hosts)
        headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(leads_to, 302, headers)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request) -> Response:
        message_id = ids.unsign("unsubscribe", token, ground.secret)
        if message_id is None:
            return shown.answer("gone", shown.language(request), 404)
        async with database.reading() as session:
            subject, language = await _subject(session, message_id)
            off = subject is None or await unsubscribe.is_off(session, ground, subject, clock.now())
        return _page(shown, request, language, subject, message_id, off=off)

    @router.post("/u/{token}")
    async def act(token: str, request: Request) -> Response:
        message_id = ids.unsign("unsubscribe", token, ground.secret)
        if message_id is None:
            return shown.answer("gone", shown.language(request), 404)
        form = await forms.read(request)
        source = "one_click" if "List-Unsubscribe" in form else "unsubscribe_page"
        back = form.get("action") == "come_back"
        say = _SAID.get(form.get("action"), unsubscribe.leave)
        how = choosing.how(source, request, "unsubscribe.undo" if back else None)
        async with database.transaction() as session:
            subject, language = await _subject(session, message_id)
            if subject is not None:
                await say(session, ground, subject, how, clock.now())
            off = subject is None or await unsubscribe.is_off(session, ground, subject, clock.now())
        return _page(shown, request, language, subject, message_id, off=off, back=back)

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


def _page(
    shown: Pages,
    request: Request,
    language: str | None,
    subject: Subject | None,
    message_id: int,
    *,
    off: bool,
    back: bool = False,
) -> Response:
    spoken = shown.language(request, language)
    known = subject is not None and subject.address is not None
    (topic,) = topics.shown(shown.ground, spoken, [subject.topic if subject else GENERAL])
    return shown.answer(
        "unsubscribe",
        spoken,
        off=off,
        back=back and not off,
        address=choosing.masked(subject.address) if subject and subject.address else "",
        topic="" if topic.name == GENERAL else topic.title,
        preferences=f"/preferences/{ids.sign('preferences', message_id, shown.ground.secret)}" if known else "",
    )
