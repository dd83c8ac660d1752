"""Mails about a day that comes back: the first order, or signing up."""

from datetime import date
from typing import Any

from automations.subjects.writing import Subject, Writing
from bot.contacts import zones


def show(writing: Writing) -> dict[str, Any]:
    context = writing.case.context
    day, since = date.fromisoformat(str(context["day"])), date.fromisoformat(str(context["since"]))
    today = writing.case.now.astimezone(zones.local(writing.ground.config, writing.person.contact).zone).date()
    return {
        "anniversary": {
            "kind": str(context["kind"]),
            "date": day.isoformat(),
            "since": since.isoformat(),
            "years": day.year - since.year,
            "days": max(0, (day - today).days),
        }
    }


_DAY = {"kind": "first_order", "date": "2026-03-14", "since": "2024-03-14", "years": 2, "days": 7}

SUBJECT = Subject(frozenset(), show, gives={"anniversary": _DAY})
