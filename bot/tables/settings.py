"""What the program remembers about itself: its generated secret, the last finished sweep."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from bot.base.personal import NotPersonal
from bot.tables.columns import json_value, moment


class Setting(SQLModel, table=True):
    __personal__ = NotPersonal("what the program remembers of itself")

    name: str = Field(primary_key=True)
    value: Any = json_value()
    changed_at: datetime = moment()
