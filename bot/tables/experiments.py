"""Who came to the step of a flow where the arms of an experiment part, and what was seen at each planned look."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, NotPersonal, One, Personal
from bot.tables.columns import json_value, moment, reference, row_id


class Exposure(SQLModel, table=True):
    """The first time that a person came to a step that differs; written once for each person and experiment."""

    __personal__ = Personal(
        "experiments", (By("contact_id"),), ours="experiment variant flow", merge=One(("experiment",), first="at")
    )

    __table_args__ = (sa.UniqueConstraint("experiment", "contact_id"),)

    id: int | None = row_id()
    experiment: str
    contact_id: int = reference("contact.id")
    variant: str
    flow: str = Field(index=True)
    enrolment_id: int | None = reference("enrolment.id", null=True, index=False)
    at: datetime = moment()


class ExperimentLook(SQLModel, table=True):
    """A planned look at an experiment, written once and never changed: whoever looks again changes nothing.

    `planned` are the people of all arms that the experiment was to have, `people` those of each arm at this look.
    `against` has a dict for each treated variant: variant, difference, z, low, high. `bound` is what |z| had to pass.
    `winner` is empty while nothing is decided.
    """

    __personal__ = NotPersonal("numbers of an experiment")

    __table_args__ = (sa.UniqueConstraint("experiment", "number"),)

    id: int | None = row_id()
    experiment: str
    number: int
    metric: str
    planned: int
    people: dict[str, int] = json_value()
    bound: float
    against: list[dict[str, Any]] = json_value(list)
    winner: str = ""
    at: datetime = moment()
