"""Events that say "Subscribed": asked back where the shop wants a second yes, and when they begin the welcome."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from automations.consent import opt_in
from bot.base.ground import Ground
from bot.contacts import profile
from bot.events import Happened, people
from bot.events.choices import How
from bot.outbound.email.templates import MailTemplates

_HISTORY = timedelta(hours=24)
_OURS = "aftercart"


class OnSubscribed:
    """A handler of events. Shop systems are believed, they asked themselves; from a page anybody may have typed it."""

    def __init__(self, ground: Ground, mails: MailTemplates) -> None:
        self.ground = ground
        self.mails = mails

    async def __call__(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.name != "Subscribed" or not people.needs_a_second_yes(happened):
            return
        if happened.rank != "page" and not self.ground.config.automations.double_opt_in:
            return  # written down as it came
        address = await people.address(session, happened)
        if address is None or happened.properties.get("channel", "email") != "email":
            return
        language = profile.language(happened.context.get("locale")) or self.ground.config.shop.language
        fresh = happened.received_at - happened.ts <= _HISTORY
        how = How(people.source(happened), **people.proof(happened))
        topic = people.topic(happened)
        if topic not in self.ground.config.automations.topic_names:
            return  # the mail names what is asked for: only in the shop's own words
        asked = opt_in.Asked(
            address, [topic], language, how, happened.contact_id, fresh,
            network=happened.network, key=happened.source,
        )  # fmt: skip
        await opt_in.ask(session, self.ground, self.mails, asked, now)


def welcomes(happened: Happened, *, double_opt_in: bool) -> bool:
    """Whether this event begins the welcome: they confirmed it, or it asks for that and no confirmation is needed.

    An import and a plain call of the API begin nothing: those people did not just sign up.
    """
    if happened.name != "Subscribed":
        return False
    said: Any = happened.properties
    if said.get("channel", "email") != "email":
        return False  # it is a mail
    if happened.source == _OURS:
        return said.get("confirmed") is True or said.get("trigger_flows") is True
    if happened.rank == "page":
        return False  # it begins with the second yes
    if happened.source in people.SHOPS:
        return str(said.get("opt_in") or "") == "confirmed_opt_in"
    return said.get("trigger_flows") is True and not double_opt_in
