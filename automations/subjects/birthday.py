"""Mails about a birthday."""

from datetime import date
from typing import Any

from automations.subjects.writing import Subject, Writing
from bot.contacts import zones


def show(writing: Writing) -> dict[str, Any]:
    day = date.fromisoformat(str(writing.case.context["birthday"]))
    today = writing.case.now.astimezone(zones.local(writing.ground.config, writing.person.contact).zone).date()
    days = (day - today).days
    return {"birthday": {"date": day.isoformat(), "days": max(0, days), "belated": days < 0}}


SUBJECT = Subject(frozenset(), show, gives={"birthday": {"date": "2026-03-14", "days": 7, "belated": False}})
