"""The private API, `/api/v1/…`, for programs of the shop: one key, in `Authorization: Bearer`."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import SecretStr

from automations.reports import people
from bot.base import clock
from bot.base.database import Database
from bot.base.ground import Ground


class Key:
    """Lets a request through that carries the key; without one in the configuration nobody gets in."""

    def __init__(self, key: SecretStr | None) -> None:
        self._mark = sha256(key.get_secret_value().encode()).digest() if key else None

    def __call__(self, request: Request) -> None:
        if self._mark is None:
            raise HTTPException(404, "the API is off until web.api_key is set")
        if not self.opens(request):
            raise HTTPException(401, "send Authorization: Bearer and the key of web.api_key")

    def opens(self, request: Request) -> bool:
        if self._mark is None:
            return False
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(sha256(given.strip().encode()).digest(), self._mark)
        return scheme.lower() == "bearer" and same


def router(ground: Ground) -> APIRouter:
    """A router below `/api/v1` whose every path asks for the key."""
    return APIRouter(prefix="/api/v1", dependencies=[Depends(Key(ground.config.web.api_key))])


def routes(database: Database, ground: Ground) -> APIRouter:
    made = router(ground)

    @made.get("/why")
    async def why_did_they_get_it(
        who: Annotated[str, Query(min_length=1, max_length=320)], flow: Annotated[str | None, Query()] = None
    ) -> Mapping[str, Any]:
        """What the automations did for `who` (a mail address, or KIND:VALUE) or left undone, and what is coming.

        Browsers of which only a page said that they are of `who` are others, and stand apart in `claimed`.
        """
        kind, _, value = who.partition(":") if ":" in who else ("email", "", who)
        async with database.reading() as session:
            found = await people.explain(session, ground.config, kind, value, flow, clock.now())
        if found is None:
            raise HTTPException(404, "nobody is known by this")
        return found.plain()

    return made
