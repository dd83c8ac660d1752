"""The buttons of the card: a short row, and more of them behind "More…", all with the ticket's id in their data."""

from bot.support.desk import Desk
from bot.support.routing import departments as routing
from bot.tables.support import PRIORITIES, Ticket

SNOOZES = ("1h", "3h", "morning", "1d", "7d")
_A_ROW = 3

Button = dict[str, str]
Rows = list[list[Button]]


def button(desk: Desk, ticket: Ticket, verb: str, extra: str = "", *, words: str | None = None) -> Button:
    """`verb:ticket[:extra]` with the words `staff.button.VERB`, or those given."""
    data = f"1:{verb}:{ticket.id}" + (f":{extra}" if extra else "")
    return {"text": desk.staff(f"staff.button.{verb}") if words is None else words, "data": data}


def menu(desk: Desk, ticket: Ticket, which: str, name: str = "") -> Button:
    """Swaps the keyboard for another one."""
    return button(desk, ticket, "menu", which, words=desk.staff(f"staff.button.{name or which}"))


def in_rows(buttons: list[Button], width: int = _A_ROW) -> Rows:
    return [buttons[start : start + width] for start in range(0, len(buttons), width)]


def main(desk: Desk, ticket: Ticket) -> Rows:
    """What the card shows by itself; taking comes first while nobody has it."""
    if ticket.status == "resolved":
        return [[button(desk, ticket, "reopen"), button(desk, ticket, "note"), menu(desk, ticket, "more")]]
    first = [button(desk, ticket, "note"), button(desk, ticket, "close")]
    if ticket.assignee_id is None:
        first = [button(desk, ticket, "take"), *first]
    return [first, [menu(desk, ticket, "macro"), menu(desk, ticket, "more")]]


def more(desk: Desk, ticket: Ticket) -> Rows:
    if ticket.status == "resolved":
        return [
            [button(desk, ticket, verb) for verb in ("csat", "feedback", "complaint")],
            [menu(desk, ticket, "merge"), button(desk, ticket, "block")],
            [menu(desk, ticket, "main", "back")],
        ]
    last = [button(desk, ticket, "block"), menu(desk, ticket, "main", "back")]
    if ticket.assignee_id is not None:
        last = [button(desk, ticket, "drop"), *last]
    return [
        [menu(desk, ticket, "prio"), menu(desk, ticket, "dept"), menu(desk, ticket, "snooze")],
        [button(desk, ticket, "noreply"), button(desk, ticket, "suggest")],
        [button(desk, ticket, "feedback"), button(desk, ticket, "complaint")],
        [menu(desk, ticket, "merge"), *last[:-1]],
        [last[-1]],
    ]


def priorities(desk: Desk, ticket: Ticket) -> Rows:
    choices = [
        button(desk, ticket, "prio", name, words=_marked(desk.staff(f"staff.priority.{name}"), name == ticket.priority))
        for name in reversed(PRIORITIES)
    ]
    return [*in_rows(choices, 2), [menu(desk, ticket, "more", "back")]]


def snoozes(desk: Desk, ticket: Ticket) -> Rows:
    choices = [
        button(desk, ticket, "snooze", name, words=desk.staff(f"staff.button.snooze.{name}")) for name in SNOOZES
    ]
    return [*in_rows(choices), [menu(desk, ticket, "more", "back")]]


def departments(desk: Desk, ticket: Ticket) -> Rows:
    """Empty but for the way back where there are none."""
    known = routing.names(desk) if desk.ground.config.support.departments else []
    choices = [
        button(desk, ticket, "dept", name or "-", words=_marked(routing.title(desk, name), name == ticket.department))
        for name in known
    ]
    return [*in_rows(choices, 2), [menu(desk, ticket, "more", "back")]]


def _marked(words: str, now: bool) -> str:
    return f"• {words}" if now else words
