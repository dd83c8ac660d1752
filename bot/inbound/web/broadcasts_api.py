"""Broadcasts over the private API: put one down, start it, let it rest, cancel it, see how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.segment_files import Segments
from automations.broadcasts import broadcast_files, control, preview
from automations.broadcasts.broadcast import LocalTime
from automations.broadcasts.broadcast_files import Around
from automations.broadcasts.control import Standing
from automations.subjects.wordings import Wordings
from bot.base import clock, texts
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.inbound.web import api
from bot.outbound.email.templates import MailTemplates


class _Start(BaseModel):
    """`at` is a local time instead of its `when`."""

    model_config = ConfigDict(extra="forbid")
    at: LocalTime | None = None


class _Resume(BaseModel):
    model_config = ConfigDict(extra="forbid")
    late: Literal["skip", "send"] | None = None


@dataclass(frozen=True)
class _Room:
    database: Database
    ground: Ground
    segments: Segments

    def around(self) -> Around:
        mails = self.mails()
        return broadcast_files.around(self.ground.config, mails.names(), Wordings(mails.folders))

    def mails(self) -> MailTemplates:
        config = self.ground.config
        return MailTemplates(texts.folders(config.templates.folder), config.shop.language)

    async def find(self, session: AsyncSession, name: str) -> Standing:
        config = self.ground.config
        try:
            return await control.find(session, config, name, self.around())
        except FindingsError as error:
            missing = await control.unknown(session, config, name)
            raise HTTPException(404 if missing else 422, str(error)) from None

    async def told(self, name: str) -> dict[str, Any]:
        async with self.database.reading() as session:
            return {"name": name, **_told(await self.find(session, name))}

    async def put_down(self, name: str, definition: dict[str, Any]) -> dict[str, Any]:
        """Raises FindingsError."""
        now, around = clock.now(), self.around()
        given = broadcast_files.of_tree(name, definition, around)
        async with self.database.transaction() as session:
            await control.put(session, given, now)
        async with self.database.reading() as session:
            standing = await control.find(session, self.ground.config, name, around)
            people = await preview.count(session, self.ground, self.segments, standing, now)
        return {"name": name, **_told(standing), "people": people}


def routes(database: Database, ground: Ground, segments: Segments) -> APIRouter:
    made, room = api.router(ground), _Room(database, ground, segments)
    _looking(made, room)
    _acting(made, room)
    return made


def _looking(made: APIRouter, room: _Room) -> None:
    @made.get("/broadcasts")
    async def every_broadcast() -> dict[str, Any]:
        """Name and status of each, with the figures of when it was last looked at."""
        async with room.database.reading() as session:
            known = await control.every(session, room.ground.config)
        return {"broadcasts": [
            {"name": name, **(_told(one) if one else {"status": "draft"})} for name, one in sorted(known.items())
        ]}  # fmt: skip

    @made.get("/broadcasts/{name}")
    async def one_broadcast(name: str) -> dict[str, Any]:
        """How far it is, counted now."""
        async with room.database.reading() as session:
            standing = await room.find(session, name)
            return {"name": name, **_told(await control.counted(session, standing, clock.now()))}

    @made.put("/broadcasts/{name}")
    async def put_down(name: str, definition: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """The content of a file, as JSON. It does nothing until it is started; until then it may be put again."""
        try:
            return await room.put_down(name, definition)
        except FindingsError as error:
            raise HTTPException(422, str(error)) from None


def _acting(made: APIRouter, room: _Room) -> None:
    database = room.database

    @made.post("/broadcasts/{name}/start")
    async def start(name: str, how: Annotated[_Start | None, Body()] = None) -> dict[str, Any]:
        """From now on it goes by itself. `first` is when the first mail may leave."""
        async with database.transaction() as session:
            standing = await room.find(session, name)
            with _Conflicts():
                at = how.at if how else None
                if standing.status == "draft":  # a mail that cannot be written must not use the broadcast up
                    await preview.look(session, room.ground, room.segments, room.mails(), standing, clock.now())
                first = await control.start(session, room.ground.config, standing, clock.now(), at)
        return {**await room.told(name), "first": _instant(first)}

    @made.post("/broadcasts/{name}/pause")
    async def pause(name: str) -> dict[str, Any]:
        async with database.transaction() as session:
            await room.find(session, name)
            with _Conflicts():
                await control.pause(session, name, clock.now())
        return await room.told(name)

    @made.post("/broadcasts/{name}/resume")
    async def resume(name: str, how: Annotated[_Resume | None, Body()] = None) -> dict[str, Any]:
        async with database.transaction() as session:
            await room.find(session, name)
            with _Conflicts():
                await control.resume(session, name, clock.now(), how.late if how else None)
        return await room.told(name)

    @made.post("/broadcasts/{name}/cancel")
    async def cancel(name: str) -> dict[str, Any]:
        async with database.transaction() as session:
            await room.find(session, name)
            with _Conflicts():
                await control.cancel(session, name, clock.now())
        return await room.told(name)


class _Conflicts:
    """What cannot be done with a broadcast as it stands is answered with 409 and the words."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FindingsError):
            raise HTTPException(409, str(error)) from None


def _told(standing: Standing) -> dict[str, Any]:
    row: Mapping[str, Any] = standing.row or {}
    told = {"title": standing.broadcast.title, "status": standing.status, "segment": standing.broadcast.segment}
    more = {key: _instant(row[key]) for key in ("started_at", "counted_at", "ended_at") if row.get(key)}
    more |= {key: row[key] for key in ("expected", "decision", "error") if row.get(key)}
    return {**told, **more, **({"progress": dict(standing.counts)} if standing.counts else {})}


def _instant(moment: datetime) -> str:
    return moment.isoformat()
