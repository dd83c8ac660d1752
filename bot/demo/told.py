"""Tells the story on the terminal: one short line for each thing that came out of a door."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from bot.base import clock
from bot.demo.trouble import Trouble

_STYLES = {
    "chat": "cyan",
    "staff": "magenta",
    "shop": "green",
    "mail": "yellow",
    "web": "blue",
    "report": "bold",
}
"""The doors: a private chat, the staff group, events and webhooks, SMTP, links of mails, and the reports."""

_PIPE_WIDTH = 120
_WHO = 19
_LEFT = 8 + 1 + 6 + 1 + _WHO + 1
_LONGEST = 230


@dataclass(frozen=True)
class Line:
    """One thing that was seen. `text` is None for a heading, which stands in `who`."""

    at: datetime
    door: str
    who: str
    text: str | None


class Told:
    """Prints as it happens and remembers every line for the report. `zone` is the shop's."""

    def __init__(self, zone: ZoneInfo, console: Console | None = None) -> None:
        self.zone = zone
        self.console = console or Console(highlight=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = _PIPE_WIDTH
        self.lines: list[Line] = []

    def say(self, door: str, who: str, text: str, note: str = "") -> None:
        """`note` is an aside such as an HTTP answer."""
        words = shortened(text)
        self.lines.append(Line(clock.now().astimezone(self.zone), door, who, f"{words}  ({note})" if note else words))
        style = _STYLES[door]
        head = Text.assemble((f"{self.lines[-1].at:%H:%M:%S} ", "dim"), (f"{door:6} ", style))
        name = Text(who, f"{style} bold")
        name.truncate(_WHO, overflow="ellipsis", pad=True)
        shown = Text(words)
        if note:
            shown.append(f"  {note}", "dim")
        lines = shown.wrap(self.console, max(20, self.console.width - _LEFT), overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            start = Text.assemble(head, name, " ") if number == 0 else Text(" " * _LEFT)
            self.print(start + line)

    def heading(self, title: str) -> None:
        self.lines.append(Line(clock.now().astimezone(self.zone), "", title, None))
        self.print()
        self.print(Rule(Text(title, "bold"), align="left", style="dim", characters="─"))

    def plain(self, text: str, style: str = "") -> None:
        """Words that are not part of the story, such as where the folder is."""
        self.print(Text(text, style))

    def print(self, what: RenderableType = "") -> None:
        """Raises Trouble when nobody reads on, as `head` does."""
        try:
            self.console.print(what, soft_wrap=isinstance(what, Text))
        except SystemExit:  # rich's word for a closed pipe; from here on it prints nothing
            raise Trouble("nobody reads on") from None


def shortened(text: str) -> str:
    """On one line, and not longer than a person reads in passing."""
    one = " · ".join(part.strip() for part in text.splitlines() if part.strip())
    return one if len(one) <= _LONGEST else f"{one[: _LONGEST - 1].rstrip()}…"
