"""Names that one part of the file gives and another one uses: a misspelt one would silently fit nothing."""

from collections.abc import Collection, Iterator, Sequence

from rapidfuzz import fuzz, process

from bot.base.config.events import Events
from bot.base.config.sections import Shops
from bot.base.config.support import Support

Place = tuple[str | int, ...]
_ALIKE = 50


def unknown(support: Support) -> Iterator[tuple[Place, str]]:
    """Every use of a calendar, department or policy that the file does not have: where it stands, and the mend."""
    for part, where, key, value in _uses(support):
        names = [one.name for one in getattr(support, part)]
        if value and value not in names:
            main = ' (the main desk is "")' if key == "department" else ""
            yield where, f"no [[support.{part}]] is named {value!r}{main}; {_mend(value, names, f'support.{part}')}"


def unknown_stores(events: Events, shops: Shops) -> Iterator[tuple[Place, str]]:
    """Every key whose store the file does not declare."""
    declared = [one.name for one in shops.stores]
    for number, one in enumerate(events.keys):
        if one.store and one.store not in declared:
            mend = _mend(one.store, declared, "shops.stores")
            yield ("events", "keys", number, "store"), f"no [[shops.stores]] is named {one.store!r}; {mend}"


def _uses(support: Support) -> Iterator[tuple[str, Place, str, str]]:
    uses: Sequence[tuple[str, str, str]] = (
        ("departments", "calendar", "calendars"),
        ("sla", "calendar", "calendars"),
        ("sla", "department", "departments"),
        ("ladder", "department", "departments"),
        ("ladder", "policy", "sla"),
    )
    for using, key, part in uses:
        for number, one in enumerate(getattr(support, using)):
            yield part, ("support", using, number, key), key, getattr(one, key) or ""


def _mend(value: str, names: Collection[str], part: str) -> str:
    if not names:
        return f"add a [[{part}]] of that name"
    near = process.extractOne(value.lower(), list(names), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"
