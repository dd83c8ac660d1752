"""How the stand-in for Telegram says no: refusals as the Bot API words them, and faults that a test or demo orders."""

from collections.abc import Mapping
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


def bad(words: str) -> Refused:
    return Refused(400, f"Bad Request: {words}")


def too_many(seconds: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


@dataclass
class Fault:
    """What goes wrong for the next `times` calls that match, or for every n-th of them (`every`).

    `kind`: `flood` (429, wait `seconds`), `bad_gateway` (502 with an HTML page), `broken` (500 in JSON), `lost` (done,
    but the answer never comes), `refused` (400 with `words`; 403 if they begin with Forbidden).
    """

    kind: str
    method: str | None = None
    chat_id: int | None = None
    times: int = 1
    seconds: int = 1
    words: str = ""
    every: int = 1
    seen: int = 0

    def hits(self, method: str, values: Mapping[str, Any]) -> bool:
        if self.times <= 0 or (self.method and self.method != method):
            return False
        if self.chat_id is not None and str(values.get("chat_id")) != str(self.chat_id):
            return False
        self.seen += 1
        return self.seen % self.every == 0


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
            if (not spared or fault.method == method) and fault.hits(method, values):
                fault.times -= 1
                return fault
        return None
