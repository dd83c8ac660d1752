"""What shop systems say about marketing by mail, SMS and WhatsApp, read alike: yes or no, since when, on what it rests.

Shopify keeps a state of each channel with its own moment. WooCommerce keeps none: the usual plug-ins write what was
ticked into the meta data of the order and of the customer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.base import answers
from bot.events import NewEvent
from bot.shops import lines
from bot.shops.payloads import listed, present

_STATES = {
    "subscribed": True,
    "unsubscribed": False,
    "redacted": False,  # their data was erased: with it the yes
}
"""Others are no answer: pending is not confirmed, not_subscribed was never asked, invalid is about the address."""
_OBJECTS = {"email": "email_marketing_consent", "sms": "sms_marketing_consent",
            "whatsapp": "whats_app_marketing_consent"}  # fmt: skip
_META = {
    "mailchimp_woocommerce_is_subscribed": "email",  # Mailchimp for WooCommerce, on orders and customers
    "woo_ml_subscribe": "email",  # MailerLite
    "ws_opt_in": "email",  # Brevo at the classic checkout
    "sendinbluewoocommerce/newsletter_opt_in": "email",  # and at the block checkout
    "ckwc_opt_in": "email",  # Kit
    "kl_newsletter_checkbox": "email",  # Klaviyo, of checkouts that keep its field
    "kl_sms_consent_checkbox": "sms",
    "mailpoet_woocommerce_checkout_optin": "email",  # MailPoet, likewise
    "skyverge/twilio-opt-in": "sms",
}
"""Keys of meta data, without what checkouts put before them."""
_BEFORE = ("_wc_other/", "_wc_billing/", "_billing_", "billing_", "_")


@dataclass(frozen=True)
class Said:
    """`at` None: since when it is so is not told. `off`: nothing is ticked, which is nobody's no."""

    channel: str
    wanted: bool
    at: datetime | None = None
    opt_in: str = ""
    off: bool = False


def stated(payload: Mapping[str, Any]) -> Iterator[Said]:
    """What the consent objects of a customer of Shopify say; nothing for a state that is no answer."""
    for channel, name in _OBJECTS.items():
        told = payload.get(name)
        if not isinstance(told, Mapping):
            continue
        wanted = _STATES.get(lines.text(told.get("state")).lower())
        at = lines.moment(told.get("consent_updated_at") or told.get("updated_at"))
        if wanted is not None:
            yield Said(channel, wanted, at, lines.text(told.get("opt_in_level")).lower())


def has_state(payload: Mapping[str, Any], channel: str = "email") -> bool:
    told = payload.get(_OBJECTS[channel])
    return isinstance(told, Mapping) and bool(told.get("state"))


def ticked(payload: Mapping[str, Any]) -> Iterator[Said]:
    """What the meta data of an order or a customer of WooCommerce says, each channel once: a no outweighs the yes of
    another plug-in beside it."""
    found: dict[str, Said] = {}
    for one in listed(payload.get("meta_data")):
        channel = _META.get(_plain(lines.text(one.get("key"))))
        said = _read(channel, one.get("value")) if channel else None
        if said is not None and (said.channel not in found or _weight(said) > _weight(found[said.channel])):
            found[said.channel] = said
    yield from found.values()


def event(
    source: str, key: str, said: Said, who: Mapping[str, Any], at: datetime, received_at: datetime,
    *, where: str = "shop", basis: str = "",
) -> NewEvent | None:  # fmt: skip
    """As `Subscribed` or `Unsubscribed`; None where no address is named. `who` is the body of the event: userId, email,
    traits; `where` it was said; `basis` as in `bot.events.consent_bases`."""
    name = "Subscribed" if said.wanted else "Unsubscribed"
    traits = who.get("traits")
    phone = traits.get("phone") if isinstance(traits, Mapping) else None
    address = {"email": who.get("email")} if said.channel == "email" else {"phone": phone, "channel": said.channel}
    if not isinstance(next(iter(address.values())), str):
        return None
    properties = present({**address, "source": where, "opt_in": said.opt_in, "basis": basis})
    named = f"consent:{'' if said.channel == 'email' else f'{said.channel}:'}{key}:{name.lower()}:{at.isoformat()}"
    return NewEvent(
        source, named, "track", name, at, received_at, {**who, "properties": properties}, rank="shop"
    )  # fmt: skip


def _plain(key: str) -> str:
    name = key.lower()
    for before in _BEFORE:
        name = name.removeprefix(before)
    return name


def _read(channel: str, value: object) -> Said | None:
    """`1`, `yes`, `true`; `unsubscribed` is a no; `0` and nothing are a box that was left as it was."""
    word = lines.text(value).strip().lower()
    if word in ("unsubscribed", "cleaned"):
        return Said(channel, False)
    wanted = True if word == "checked" else answers.read(value)
    if wanted is None and word:
        return None
    return Said(channel, True) if wanted else Said(channel, False, off=True)


def _weight(said: Said) -> int:
    return 2 if not said.wanted and not said.off else 1 if said.wanted else 0
