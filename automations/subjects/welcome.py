"""The first mail to somebody who signed up."""

from typing import Any

from automations.subjects.writing import Subject, Writing
from bot.contacts import topics


def show(writing: Writing) -> dict[str, Any]:
    (topic,) = topics.shown(writing.ground, writing.case.language, [writing.flow.topic])
    return {"welcome": {"topic": topic.title, "about": topic.about}}


SUBJECT = Subject(frozenset(), show, gives={"welcome": {"topic": "News", "about": "What is new in the shop."}})
