"""Small forms, read leniently: what is none has no fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from bot.base import values

AT_MOST = 16_384  # bytes


@dataclass(frozen=True)
class Fields:
    """Texts by name. `many` has all of them where a name comes several times."""

    many: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.many

    def get(self, name: str) -> str:
        return self.many.get(name, ("",))[0]

    def every(self, name: str) -> tuple[str, ...]:
        return self.many.get(name, ())


async def read(request: Request, most: int = 60) -> Fields:
    """Urlencoded or multipart, at most `most` fields. A body that is neither has none, and may still mean something."""
    size = request.headers.get("content-length", "0")
    if (length := values.number(size)) is None or length > AT_MOST:
        return Fields()
    found: dict[str, tuple[str, ...]] = {}
    try:
        async with request.form(max_files=1, max_fields=most, max_part_size=AT_MOST) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    found[values.text(name)] = (*found.get(values.text(name), ()), values.text(value))
    except (MultiPartException, HTTPException, ValueError):
        return Fields()
    return Fields(found)
