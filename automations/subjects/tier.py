"""Mails about a member tier that somebody came into."""

from collections.abc import Mapping
from typing import Any

from automations.asking.facts import Person
from automations.asking.questions import standing
from automations.care import Care
from automations.definition.flow import Flow
from automations.subjects.writing import Subject, Writing


def show(writing: Writing) -> dict[str, Any]:
    stands = standing.of(writing.person)
    name, language = str(writing.case.context.get("tier") or ""), writing.case.language
    now = stands.tier if stands.rank > stands.rank_of(name) else name  # they may have climbed on since
    return {
        "tier": {
            "name": now,
            "title": stands.title(now, language),
            "previous": stands.title(str(writing.case.context.get("previous") or ""), language),
            "brings": stands.brings(now, language),
            "next": stands.title(str(stands.next["name"]), language) if stands.next else "",
            "missing": stands.missing or 0,
            "currency": stands.ladder.currency,
        }
    }


def reasons(_flow: Flow, _person: Person, context: Mapping[str, Any], _care: Care) -> list[dict[str, Any]]:
    """An event that names no tier is about nothing."""
    return [dict(context)] if context.get("tier") else []


_TIER = {
    "name": "gold", "title": "Gold", "previous": "Silver", "brings": "Free shipping.", "next": "Platinum",
    "missing": 51200, "currency": "EUR",
}  # fmt: skip

SUBJECT = Subject(frozenset({"standing"}), show, reasons, gives={"tier": _TIER})
