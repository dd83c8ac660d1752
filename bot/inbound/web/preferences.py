"""The page where somebody chooses what they get, `/preferences/…`: looking changes nothing, saving what differs."""

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock, ids
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.contacts import topics
from bot.inbound.web import choosing, forms
from bot.inbound.web.choosing import Chooser
from bot.inbound.web.pages import Pages
from bot.tables.outbox import Message


def routes(database: Database, ground: Ground, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(ground)

    @router.api_route("/preferences/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request) -> Response:
        async with database.reading() as session:
            who = await _who(session, ground, token)
            if who is None:
                return shown.answer("gone", shown.language(request), 404)
            return await _page(session, ground, shown, request, who, "")

    @router.post("/preferences/{token}")
    async def save(token: str, request: Request) -> Response:
        form = await forms.read(request)
        async with database.transaction() as session:
            who = await _who(session, ground, token)
            if who is None:
                return shown.answer("gone", shown.language(request), 404)
            language = shown.language(request, who.language)
            said = choosing.how("preference_page", request, choosing.wording(ground, language))
            now = clock.now()
            if form.get("action") == "nothing":
                await choosing.nothing(session, ground, who, said, now)
                done = "stopped"
            elif form.get("action") == "save":
                done = "saved" if await choosing.save(session, ground, who, form, said, now) else "same"
            else:
                done = ""  # whatever was sent, it was not this form
        async with database.reading() as session:
            who = await _who(session, ground, token) or who
            return await _page(session, ground, shown, request, who, done)

    return router


async def _who(session: AsyncSession, ground: Ground, token: str) -> Chooser | None:
    """The person behind the link. Somebody forgotten has a page too; it says that nothing is sent."""
    message_id = ids.unsign("preferences", token, ground.secret)
    if message_id is not None:
        columns = [table(Message).c[name] for name in ("contact_id", "receiver", "channel")]
        row = (await session.execute(sa.select(*columns).where(table(Message).c.id == message_id))).one_or_none()
        if row is None:
            return Chooser(None, None, {})
        address = contacts.normalise("email", row.receiver) if row.channel == "email" else None
        return await choosing.chooser(session, row.contact_id, address)
    contact_id = ids.unsign(topics.THEIR_PAGE, token, ground.secret)
    return None if contact_id is None else await choosing.chooser(session, contact_id)


async def _page(
    session: AsyncSession, ground: Ground, shown: Pages, request: Request, who: Chooser, done: str
) -> Response:
    spoken = shown.language(request, who.language)
    channels = [await choosing.shown(session, ground, who, channel, spoken, clock.now()) for channel in who.addresses]
    return shown.answer(
        "preferences",
        spoken,
        channels=channels,
        languages=ground.texts.languages,
        chosen_language=spoken,
        preferred=who.preferred,
        done=done,
    )
