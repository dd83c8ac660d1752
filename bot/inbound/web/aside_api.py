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


def routes(database: Database, ground: Ground) -> APIRouter:
    made = api.router(ground)
    _events(made, database)
    _webhooks(made, database)
    return made


def _events(made: APIRouter, database: Database) -> None:
    @made.get("/events")
    async def list_events(
        status: _Word = "", source: _Word = "", name: _Word = "", since: datetime | None = None,
        before: _Before = None, count: _Count = 50,
    ) -> Mapping[str, Any]:  # fmt: skip
        """Refused and failed events without their content; `before` is the number of the last one of a page."""
        asked = aside.Asked(status, source, name, _aware(since), before, count)
        async with database.reading() as session:
            return {"events": await aside.events(session, asked)}

    @made.get("/events/{number}")
    async def show_event(number: str) -> Mapping[str, Any]:
        async with database.reading() as session:
            return await _found(aside.event(session, number))

    @made.post("/events/{number}/retry")
    async def retry_event(number: str) -> Mapping[str, Any]:
        """Its rank stays: to say that it is the shop's word takes a person (`aftercart events retry`)."""
        async with database.transaction() as session:
            await _done(aside.retry_event(session, number, clock.now(), actor="api"))
        return {"retried": number}


def _webhooks(made: APIRouter, database: Database) -> None:
    @made.get("/webhooks")
    async def list_webhooks(
        status: _Word = "", source: _Word = "", name: _Word = "", since: datetime | None = None,
        before: _Before = None, count: _Count = 50,
    ) -> Mapping[str, Any]:  # fmt: skip
        """Ignored and failed webhooks; `source` is the shop system, `name` the topic."""
        asked = aside.Asked(status, source, name, _aware(since), before, count)
        async with database.reading() as session:
            return {"webhooks": await aside.webhooks(session, asked)}

    @made.get("/webhooks/{number}")
    async def show_webhook(number: str) -> Mapping[str, Any]:
        async with database.reading() as session:
            return await _found(aside.webhook(session, number))

    @made.post("/webhooks/{number}/retry")
    async def retry_webhook(number: str) -> Mapping[str, Any]:
        async with database.transaction() as session:
            await _done(aside.retry_webhook(session, number, clock.now()))
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
