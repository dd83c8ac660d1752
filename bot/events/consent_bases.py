"""What a shop system's word on marketing rests on, and when that is enough.

Without a basis it is somebody's word, with the moment when they gave it: the newer word holds. Else it may be told
again with every change of the order or the customer, and must not undo what they chose since in one of our mails:

`flag`   a box of an order. It may be ticked only because the shop took them for a subscriber already, so it gives a yes
         where there was no word, and takes back no no. A shop that hears of a new yes tells it with its moment.
`state`  how the customer stands, without the moment since when. A yes counts where there was no word, or after a no of
         the same shop; a no where there was no word, after a yes of the same shop, or where it is news.
`off`    nothing is ticked (any more). It is nobody's no, and takes back only a yes of the same shop.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import consent
from bot.tables.people import Consent

OF_SHOPS = ("checkout", "shop")
"""Where shop systems say that it was said."""


async def before(session: AsyncSession, secret: str, channel: str, address: str, topic: str) -> list[Consent]:
    """The words on this topic so far, the newest last."""
    said = await consent.history(session, secret, channel, address)
    return [one for one in said if one.topic == topic and one.action in consent.ANSWERS]


def counts(basis: object, wanted: bool, said: Sequence[Consent]) -> bool:
    """Whether a word that differs from the last one, or is the first, is to be written down."""
    if basis not in ("flag", "state", "off"):
        return True
    if basis == "off":
        return not wanted and bool(said) and said[-1].source in OF_SHOPS
    if not said:
        return True
    if basis == "flag":
        return False
    return said[-1].source in OF_SHOPS or (not wanted and not any(_is_no_of_shop(one) for one in said))


def _is_no_of_shop(one: Consent) -> bool:
    return one.action == "withdrawn" and one.source in OF_SHOPS
