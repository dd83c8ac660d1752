"""Who wrote a mail: usually whoever stands in From, but forms, marketplaces and groups put their own address there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.base.ground import Ground
from bot.inbound.mailbox import headers, machines
from bot.inbound.mailbox.parsing import Mail
from bot.outbound.email import compose

_RELAYS = frozenset(
    re.findall(
        r"\S+",
        """
    123formbuilder.com allegro.pl amazonses.com bigcommerce.com cognitoforms.com ecwid.com etsy.com
    formspark.io formspree.io formsubmit.co getform.io hubspot.com ionos.com jimdo.com jotform.com
    kaufland.de myshopify.com netlify.com ninjaforms.com otto.de prestashop.com shopify.com shopware.com
    squarespace.com squarespace.info tawk.to typeform.com web3forms.com webflow.com weebly.com wix.com
    wixforms.com wixsite.com wordpress.com wufoo.com zoho.com
    """,
    )
)
"""Whose mails carry the words of others, who stand in Reply-To."""


@dataclass(frozen=True)
class Person:
    """Whom an answer is to go to; `address` may be empty. `by_form`: a form or a marketplace wrote for them."""

    address: str
    name: str
    by_form: bool = False


def person(mail: Mail, ground: Ground) -> Person:
    writes_for_others = is_relay(mail.sender, ground)
    if writes_for_others or not mail.sender or machines.is_nobody(mail.sender):
        for name, address in _others(mail):
            if address != mail.sender and not own_address(address, ground) and not machines.is_nobody(address):
                return Person(address, name, by_form=writes_for_others)
    return Person(mail.sender, mail.sender_name)


def _others(mail: Mail) -> Iterator[tuple[str, str]]:
    for name in ("Reply-To", "X-Original-From", "X-Original-Sender", "Sender", "X-Envelope-From", "Return-Path"):
        if name not in ("Sender", "X-Envelope-From", "Return-Path") or not mail.sender:
            yield from headers.addresses(list(headers.every(mail.message, name)))


def is_relay(address: str, ground: Ground) -> bool:
    """Of the shop's own domain, or of somebody known to write for others."""
    domain = address.partition("@")[2]
    config = ground.config
    ours = (config.mail.sender, config.mail.from_marketing)
    own = [compose.split_address(one)[1].partition("@")[2] for one in ours if one]
    own += [urlsplit(config.shop.url).hostname or "", *config.shop.domains]
    known = _RELAYS | {one.lower() for one in (*own, *config.mailbox.relays) if one}
    return any(domain == one or domain.endswith(f".{one}") for one in known)


def own_address(address: str, ground: Ground) -> bool:
    """One that we write from, or that bounces go to."""
    config = ground.config.mail
    own = [compose.split_address(one)[1].lower() for one in (config.sender, config.from_marketing) if one]
    local, _, domain = address.partition("@")
    plain = f"{local.partition('+')[0]}@{domain}"
    return plain in own or bool(config.bounce_domain and domain == config.bounce_domain.lower())
