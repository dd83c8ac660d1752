"""Who came to the step of a flow where the arms of an experiment part."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.tables.columns import moment, reference, row_id


class Exposure(SQLModel, table=True):
    """The first time that a person came to a step that differs; written once for each person and experiment."""

    __table_args__ = (sa.UniqueConstraint("experiment", "contact_id"),)

    id: int | None = row_id()
    experiment: str
    contact_id: int = reference("contact.id")
    variant: str
    flow: str = Field(index=True)
    enrolment_id: int | None = reference("enrolment.id", null=True, index=False)
    at: datetime = moment()
