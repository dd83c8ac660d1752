"""The section [support.retention]: how long what people wrote is kept."""

from bot.base.config.tickets import DurationOrOff
from bot.base.config.types import Section


class Retention(Section):
    """After so long the words go and the numbers stay; None keeps them."""

    conversations: DurationOrOff = None
    messages: DurationOrOff = None
    events: DurationOrOff = None
    audit: DurationOrOff = None
