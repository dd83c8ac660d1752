"""The events of a ticket in the order in which they count, with what merges, splits and spam add and take away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.support.sla.values import Event, Histories

_WORDS = ("said", "answered", "auto_answered", "not_delivered", "relayed")
_TAKEN_BACK = {"unspam": "spam", "unblocked": "blocked"}
_ENDS = ("merged", "spam", "blocked")


def of(ticket_id: int, histories: Histories) -> list[Event]:
    """What holds of the history: what was taken back (spam, a merge) is as if it had never been.

    A merge moves no history. While it lasts, later words of the merged ticket count in the other one; when it was
    taken back, the answers that were given there meanwhile count here too.
    """
    seen = _Pairs()
    for event in sorted(histories.get(ticket_id, ()), key=lambda one: one.id):
        seen.take(event)
    events = [event for event in histories.get(ticket_id, ()) if event.id not in seen.void]
    for start, end in seen.was_merged:
        into = histories.get(int(start.data.get("into", 0)), ())
        events += [one for one in into if one.name in ("answered", "not_delivered") and start.at <= one.at <= end.at]
    for merge in seen.merged_from:
        later = histories.get(int(merge.data["ticket"]), ())
        events += [one for one in later if one.name in _WORDS and one.at > merge.at]
    return sorted(events, key=_place)


def others(events: Sequence[Event]) -> Iterator[int]:
    """Tickets whose history matters for these events."""
    for event in events:
        other = event.data.get("into") if event.name == "merged" else None
        if event.name in ("merged_from", "split_from"):
            other = event.data.get("ticket")
        if other is not None:
            yield int(other)


def split_into(event: Event, ticket_id: int) -> bool:
    return event.name == "split" and int(event.data.get("into", 0)) == ticket_id


def _place(event: Event) -> tuple[object, ...]:
    """A ticket begins with its opening; at one moment, its end by a merge or as spam comes before the status of it."""
    return event.name != "opened", event.at, event.name not in _ENDS, event.id


@dataclass
class _Pairs:
    """Changes with what took them back; `void` are the ids of both."""

    void: set[int] = field(default_factory=set)
    was_merged: list[tuple[Event, Event]] = field(default_factory=list)
    merged_from: list[Event] = field(default_factory=list)
    _turns: list[Event] = field(default_factory=list)
    _open: dict[str, Event] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        if event.name in _ENDS:
            if event.name in self._open:
                self.void.add(event.id)  # twice is once
            else:
                self._open[event.name] = event
        elif event.name == "merged_from":
            self.merged_from.append(event)
        elif event.name == "unmerged":
            self._unmerged(event)
        elif (earlier := _TAKEN_BACK.get(event.name)) and (start := self._open.pop(earlier, None)):
            self._take_back(start, event)
        elif event.name == "status_changed":
            self._turns.append(event)

    def _take_back(self, start: Event, end: Event) -> None:
        """Neither they nor the statuses that came of them; the last of these is how the ticket stands again."""
        between = [one for one in self._turns if one.id > start.id]
        if between and between[-1].data["new"] != "resolved":
            between.pop()
        self.void |= {start.id, end.id, *(one.id for one in between)}

    def _unmerged(self, event: Event) -> None:
        theirs = event.data.get("from") or event.data.get("ticket")
        mine = [one for one in self.merged_from if theirs in (None, one.data["ticket"])]
        if mine and not (theirs is None and "merged" in self._open):
            self.merged_from.remove(mine[-1])
            caused = [one for one in self._turns if one.id > mine[-1].id and one.data.get("why") == "merged_from"]
            self.void |= {mine[-1].id, event.id, *(one.id for one in caused)}
        elif start := self._open.pop("merged", None):
            self._take_back(start, event)
            self.was_merged.append((start, event))
