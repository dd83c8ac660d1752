"""Requests about personal data over the private API: what is open, and doing it. The copy is the answer itself."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response

from bot.base import clock
from bot.base.database import Database
from bot.contacts import requests
from bot.inbound.web import api
from bot.support.desk import Desk
from bot.support.privacy import requested


def routes(database: Database, desk: Desk) -> APIRouter:
    made = api.router(desk.ground)

    @made.get("/privacy")
    async def open_requests(every: Annotated[bool, Query(alias="all")] = False) -> Mapping[str, Any]:
        """The open requests, the most urgent first; `all`: those that are done, too."""
        async with database.reading() as session:
            return {"requests": [requested.shown(desk, one) for one in await requests.listed(session, every=every)]}

    @made.post("/privacy/{number}/run")
    async def run_request(number: int) -> Response:
        """Do it: a zip for a copy, 204 for somebody who was forgotten. A store is erased by command only."""
        async with database.transaction() as session:
            task = await requested.held(session, number)
            if task is None:
                raise HTTPException(404, "there is no such request")
            if task.status != "open":
                raise HTTPException(409, f"it is done: {task.outcome}")
            if task.kind == "wipe":
                raise HTTPException(409, f"a store is erased by command only: aftercart privacy run {number}")
            if task.kind == requests.BROWSERS:
                raise HTTPException(409, "what a forgetting left goes on by itself")
            data = await requested.run(session, desk, task, "api", clock.now())
        return Response(data, media_type="application/zip") if data is not None else Response(status_code=204)

    return made
