"""Mail templates as they were sent: where each numbered link of a mail leads, long after the file was edited."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from bot.tables.columns import json_value, moment, row_id


class TemplateRevision(SQLModel, table=True):
    """One compiled mail template, written down when it is first used. `links[n]` is the URL of link `n`.

    An empty URL: the link's target differs from mail to mail and travels in the link itself, under its own signature.
    """

    id: int | None = row_id()
    template: str
    language: str
    digest: str = Field(unique=True)
    links: list[str] = json_value(list)
    used_at: datetime = moment()
