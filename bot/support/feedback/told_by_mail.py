"""The mail for whoever asked for something and cannot be reached where they asked."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.base import logs, render
from bot.base.errors import FindingsError
from bot.outbound.email.tracking import LinkTokens
from bot.outbound.outbox import Send, Skip
from bot.support.desk import Desk
from bot.tables.people import Contact

log = logs.get(__name__)
_TEMPLATE = "told"
_LIST = "feedback"


def written(
    desk: Desk, row: Mapping[str, Any], contact: Contact, language: str, asked: str, outcome: str
) -> Send | Skip:
    """The mail as it leaves. Its unsubscribe link is about the topic `feedback` alone."""
    config = desk.ground.config
    links = LinkTokens.of(desk.ground, row["id"])
    values = {
        "customer": {"first_name": contact.first_name},
        "asked": asked,
        "outcome": outcome,
        "shop": {"name": config.shop.name, "url": config.shop.url},
        "unsubscribe_url": links.unsubscribe,
    }
    try:
        template = desk.mails.find(_TEMPLATE, language)
        mail = template.render(values, None)
    except (render.TemplateError, FindingsError) as error:
        log.error(
            "the mail about an improvement cannot be rendered",
            message_id=row["id"],
            reason=logs.clean(str(error))[:300],
        )
        return Skip("error")
    topic = {"list_id": f"{_LIST}.{urlsplit(config.shop.url).hostname or 'shop'}"}
    payload = {
        "to": row["payload"]["to"],
        "to_name": f"{contact.first_name} {contact.last_name}".strip(),
        "from": "service",
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "list_unsubscribe": links.unsubscribe,
        **topic,
    }
    # The mail itself is not kept; its list names the topic that the unsubscribe link is about.
    return Send(payload, {"template": _TEMPLATE, "payload": {**row["payload"], **topic}})
