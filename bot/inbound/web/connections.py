"""Who is connected: how many each peer and all may have, and what is closed when its time is over or room is needed."""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.base import logs
from bot.base.config.web_limits import WebLimits

log = logs.get(__name__)

_TOLD_EVERY = 60.0  # seconds between two lines in the log about what was turned away
_SLOW = ("header", "body", "first")


class Connection(Protocol):
    """What we know of one. `phase` is first (nothing came yet), header, body, answer, idle or ending; `until` is when
    that must be over (monotonic seconds), None where only we are to blame; `since` is when it began."""

    phase: str
    since: float
    until: float | None
    host: str
    peer: str

    @property
    def is_unread(self) -> bool:
        """What we answered piles up, as nobody reads it."""

    def give_up(self) -> None:
        """Its time is over: answer shortly if there is something to answer, and end it."""

    def make_room(self) -> None:
        """End it at once, others need the place."""


@dataclass(frozen=True)
class Limits:
    """`WebLimits` in the units that a connection counts in."""

    header_bytes: int
    header_count: int
    body_bytes: int
    header_time: float
    body_time: float
    idle_time: float
    connections: int
    connections_per_peer: int
    trusted: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()

    @classmethod
    def of(cls, said: WebLimits, trusted_proxies: Sequence[str] = ()) -> "Limits":
        def seconds(length: timedelta) -> float:
            return length.total_seconds()

        return cls(
            said.header_bytes,
            said.header_count,
            said.body_bytes,
            seconds(said.header_time),
            seconds(said.body_time),
            seconds(said.idle_time),
            said.connections,
            said.connections_per_peer,
            [ipaddress.ip_network(network) for network in trusted_proxies],
        )


class Connections:
    """Every connection of one server. `sweep` runs beside it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open: set[Connection] = set()
        self._of_peer: Counter[str] = Counter()
        self._turned_away: Counter[str] = Counter()
        self._told_at = 0.0

    def enter(self, connection: Connection) -> bool:
        """False: there is no room for it. A full house makes room by closing what has kept it waiting longest."""
        counted = self._of_peer[connection.peer]
        if counted >= self.limits.connections_per_peer and not self.is_proxy(connection.host):
            self.turned_away("too many of one peer")
            return False
        if len(self.open) >= self.limits.connections and not self._make_room():
            self.turned_away("too many in all")
            return False
        self.open.add(connection)
        self._of_peer[connection.peer] += 1
        return True

    def leave(self, connection: Connection) -> None:
        if connection not in self.open:
            return
        self.open.discard(connection)
        self._of_peer[connection.peer] -= 1
        if not self._of_peer[connection.peer]:
            del self._of_peer[connection.peer]

    def turned_away(self, why: str) -> None:
        self._turned_away[why] += 1

    def is_proxy(self, host: str) -> bool:
        """Behind a trusted proxy stand many: it counts for itself whom it lets in."""
        address = _address(host)
        return address is not None and any(address in network for network in self.limits.trusted)

    def _make_room(self) -> bool:
        """Close the connection that says nothing for longest; of two kinds, one without a request first."""
        waiting = [one for one in self.open if one.phase in ("first", "idle", "header", "body") or one.is_unread]
        if not waiting:
            return False
        longest = min(waiting, key=lambda one: (one.phase == "body", one.since))
        self.leave(longest)
        self.turned_away("made room")
        longest.make_room()
        return True

    async def sweep(self) -> None:
        """Close what is over its time. Runs until it is cancelled."""
        shortest = min(self.limits.header_time, self.limits.body_time, self.limits.idle_time)
        while True:
            await asyncio.sleep(max(0.02, min(1.0, shortest / 4)))
            now = time.monotonic()
            for connection in [one for one in self.open if one.until is not None and one.until <= now]:
                if connection.phase in _SLOW:
                    self.turned_away(f"too slow: {connection.phase}")
                connection.give_up()
            self._tell(now)

    def _tell(self, now: float) -> None:
        """One line for many: what somebody does to us a thousand times a second must not fill the disk."""
        if self._turned_away and now - self._told_at >= _TOLD_EVERY:
            log.warning("connections were turned away", why=dict(self._turned_away), open=len(self.open))
            self._turned_away.clear()
            self._told_at = now


def peer_of(host: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 network of an IPv6 one, of which everybody has as many addresses
    as he likes."""
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address or host)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
