"""The section [automations.sign_up_limits]: how many mails may ask for a second yes."""

from typing import Annotated

from pydantic import Field

from bot.base.config.types import Section

_Count = Annotated[int, Field(ge=1)]


class SignUpLimits(Section):
    unanswered_per_address: _Count = 3
    network_per_hour: _Count = 10
    key_per_hour: _Count = 60
    all_per_hour: _Count = 120
    all_per_day: _Count = 600
