"""How the stand-in for Telegram says no: refusals as the Bot API words them, and faults that a test or demo orders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):  # noqa: N818 - an answer of the Bot API, not a failure of ours
    """An answer with `ok: false`."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = dict(parameters or {})

    @property
    def json(self) -> dict[str, Any]:
        answer = {"ok": False, "error_code": self.code, "description": self.description}
        return {**answer, "parameters": self.parameters} if self.parameters else answer


@dataclass
class Fault:
    """What goes wrong for the next `times` calls that match.

    `kind`: `flood` (429, wait `seconds`), `bad_gateway` (502 with an HTML page), `broken` (500 in JSON), `lost` (done,
    but the answer never comes), `refused` (400 with `words`).
    """

    kind: str
    method: str | None = None
    chat_id: int | None = None
    times: int = 1
    seconds: int = 1
    words: str = ""

    def hits(self, method: str, values: Mapping[str, Any]) -> bool:
        if self.times <= 0 or (self.method and self.method != method):
            return False
        return self.chat_id is None or str(values.get("chat_id")) == str(self.chat_id)


@dataclass
class Faults:
    """The faults in order. `getUpdates` is spared unless a fault names it."""

    ordered: list[Fault] = field(default_factory=list)

    def add(self, kind: str, **how: Any) -> Fault:
        fault = Fault(kind, **how)
        self.ordered.append(fault)
        return fault

    def next(self, method: str, values: Mapping[str, Any]) -> Fault | None:
        spared = method == "getUpdates"
        for fault in self.ordered:
            if fault.hits(method, values) and (not spared or fault.method == method):
                fault.times -= 1
                return fault
        return None


class FloodGate:
    """Telegram's own limits, for tests that want them: 30 a second over all, 20 a minute into a group."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: list[tuple[float, int]] = []

    def pass_through(self, chat_id: int) -> None:
        now = self._clock()
        self._sent = [(at, chat) for at, chat in self._sent if at > now - 60]
        if sum(at > now - 1 for at, _ in self._sent) >= 30:
            raise Refused(429, "Too Many Requests: retry after 1", {"retry_after": 1})
        here = [at for at, chat in self._sent if chat == chat_id]
        if chat_id < 0 and len(here) >= 20:
            wait = int(here[0] + 60 - now) + 1
            raise Refused(429, f"Too Many Requests: retry after {wait}", {"retry_after": wait})
        self._sent.append((now, chat_id))
