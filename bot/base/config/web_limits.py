"""What one visitor of the web door, and all together, may take up."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.base.config.types import Duration, Section


def _some(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError('write a time above nothing, such as "10s"')
    return length


_Length = Annotated[Duration, AfterValidator(_some)]
_MIB = 1024 * 1024


class WebLimits(Section):
    """`[web.limits]`. Peers in `trusted_proxies` may have any number of connections up to `connections`."""

    header_bytes: Annotated[int, Field(ge=2048, le=_MIB)] = 32 * 1024
    header_count: Annotated[int, Field(ge=16, le=10_000)] = 100
    body_bytes: Annotated[int, Field(ge=1024, le=16 * _MIB)] = 16 * _MIB
    header_time: _Length = timedelta(seconds=10)
    body_time: _Length = timedelta(seconds=60)
    idle_time: _Length = timedelta(seconds=75)
    connections: Annotated[int, Field(ge=10, le=100_000)] = 2000
    connections_per_peer: Annotated[int, Field(ge=4, le=100_000)] = 200
