"""The sections [support.retention] and [support.privacy]: how long what people wrote is kept, and who decides."""

from bot.base.config.tickets import DurationOrOff
from bot.base.config.types import Section


class Retention(Section):
    """After so long the words go and the numbers stay; None keeps them."""

    conversations: DurationOrOff = None
    messages: DurationOrOff = None
    events: DurationOrOff = None
    audit: DurationOrOff = None


class Privacy(Section):
    """What a shop system asks in a customer's name. With an order younger than this, staff say when they are forgotten;
    None: it is done at once."""

    recent_orders: DurationOrOff = None
