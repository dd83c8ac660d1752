"""Segments over the private API: which there are, and whom a definition would mean before it is used."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException

from automations.audiences import preview, segment_files
from automations.audiences.compiling import Compiler
from automations.audiences.segment import Segment
from automations.audiences.segment_files import Segments
from bot.base import clock
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.inbound.web import api


def routes(database: Database, ground: Ground, segments: Segments) -> APIRouter:
    made = api.router(ground)

    async def _answer(segment: Segment, sample: int) -> dict[str, Any]:
        compiler = Compiler(segments, ground.config, clock.now())
        async with database.reading() as session:
            count = await preview.count(session, compiler, segment)
            shown = await preview.sample(session, compiler, segment, sample) if sample else []
            of = await preview.everybody(session)
        return {"count": count, "of": of, "sample": [asdict(one) for one in shown]}

    @made.get("/segments")
    async def every_segment() -> dict[str, Any]:
        """Name, title, description and definition of each."""
        return {"segments": [_told(segments, name) for name in sorted(segments)]}

    @made.get("/segments/{name}")
    async def one_segment(name: str, sample: int = 10) -> dict[str, Any]:
        if name not in segments.by_name:
            raise HTTPException(404, f"there is no segment {name!r}")
        return {**_told(segments, name), **await _answer(segments.by_name[name], min(max(sample, 0), 100))}

    @made.post("/segments/preview")
    async def preview_of(definition: Annotated[dict[str, Any], Body()], sample: int = 10) -> dict[str, Any]:
        """Counts what a file with this content would mean. Mistakes are told as in a file, by their keys."""
        try:
            segment = segment_files.of_tree(definition, ground.config, segments)
        except FindingsError as error:
            raise HTTPException(422, str(error)) from None
        return await _answer(segment, min(max(sample, 0), 100))

    return made


def _told(segments: Segments, name: str) -> dict[str, Any]:
    segment = segments.by_name[name]
    return {"name": name, "title": segment.title, "description": segment.description,
            "definition": segments.definitions[name]}  # fmt: skip
