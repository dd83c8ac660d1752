"""A mail to a whole segment: it shows what every mail may, and what the shop writes into its template."""

from typing import Any

from automations.subjects.writing import Subject, Writing


def show(_writing: Writing) -> dict[str, Any]:
    return {}


SUBJECT = Subject(frozenset(), show)
