"""What can be typed here, and what somebody meant who typed something else."""

from collections.abc import Collection, Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.support import typed
from bot.support.desk import Desk

_ALIKE = 0.6
ORDER = (
    "take", "drop", "assign", "note", "m", "suggest", "close", "reopen", "prio", "snooze", "wait", "noreply", "dept",
    "tag", "merge", "split", "link", "undo", "del", "sla", "history", "orders", "whois", "lang", "block", "unblock",
    "csat", "feedback", "export", "forget", "queue", "mine", "overdue", "who", "away", "back",
)  # fmt: skip
"""The usual ones first, in the order in which a ticket meets them; whatever is not named here follows by name."""


def told(desk: Desk, commands: Iterable[typed.Command], in_topic: bool) -> str:
    """One short line per command that fits the place."""
    here = [one for one in commands if one.where in ("anywhere", "topic" if in_topic else "general")]
    here.sort(key=lambda one: (ORDER.index(one.name) if one.name in ORDER else len(ORDER), one.name))
    known = desk.ground.texts.names(desk.staff_language)
    lines = [desk.staff("staff.help.topic" if in_topic else "staff.help.general")]
    for command in here:
        about = f" – {desk.staff(f'command.{command.name}')}" if f"command.{command.name}" in known else ""
        lead = f" ({desk.staff('staff.help.lead')})" if command.lead else ""
        lines.append(f"/{command.name}{about}{lead}")
    return "\n".join(lines)


def nearest(name: str, known: Collection[str]) -> str | None:
    """The command that was meant, if one is near enough: a slip of the finger, or the beginning of its name."""
    begun = sorted(one for one in known if len(name) >= 2 and one.startswith(name))
    if begun:
        return begun[0]
    best = process.extractOne(name, sorted(known), scorer=OSA.normalized_similarity, score_cutoff=_ALIKE)
    return best[0] if best else None
