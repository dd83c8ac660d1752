"""Events and webhooks that nobody sees, over the private API: what the commands of the same names tell and do."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from bot.base import clock
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.events import aside
from bot.inbound.web import api

_Word = Annotated[str, Query(max_length=200)]
_Count = Annotated[int, Query(ge=1, le=aside.MOST)]
_Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


_TOLD = {
    "events": "Refused and failed events without their content; `before` is the number of the last one of a page.",
    "webhooks": "Ignored and failed webhooks; `source` is the shop system, `name` the topic.",
}
_RETRIED = {
    "events": "Its rank stays: to say that it is the shop's word takes a person (`aftercart events retry`).",
    "webhooks": "It is read once more, for example by a newer version.",
}


def routes(database: Database, ground: Ground) -> APIRouter:
    made = api.router(ground)
    for name, kind in aside.KINDS.items():
        _add(made, database, name, kind)
    return made


def _add(made: APIRouter, database: Database, kinds: str, kind: aside.Kind) -> None:
    @made.get(f"/{kinds}", name=f"list_{kinds}", description=_TOLD[kinds])
    async def list_them(
        status: _Word = "", source: _Word = "", name: _Word = "", since: datetime | None = None,
        before: _Before = None, count: _Count = 50,
    ) -> Mapping[str, Any]:  # fmt: skip
        asked = aside.Asked(status, source, name, _aware(since), before, count)
        async with database.reading() as session:
            return {kinds: await kind.list(session, asked)}

    @made.get(f"/{kinds}/{{number}}", name=f"show_{kind.one}")
    async def show_it(number: str) -> Mapping[str, Any]:
        async with database.reading() as session:
            return await _found(kind.show(session, number))

    @made.post(f"/{kinds}/{{number}}/retry", name=f"retry_{kind.one}", description=_RETRIED[kinds])
    async def retry_it(number: str) -> Mapping[str, Any]:
        async with database.transaction() as session:
            await _done(kind.retry(session, number, clock.now(), "api"))
        return {"retried": number}


def _aware(since: datetime | None) -> datetime | None:
    if since is not None and since.tzinfo is None:
        raise HTTPException(422, "since: write the zone too, for example 2026-11-30T00:00:00Z")
    return since


async def _found(looking: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await looking
    except FindingsError as error:
        raise HTTPException(404, str(error)) from None


async def _done(retrying: Awaitable[None]) -> None:
    try:
        await retrying
    except FindingsError as error:
        raise HTTPException(409, str(error)) from None
