"""The words of the message as they leave: a mail with its way out, or a text for a chat."""

from datetime import datetime
from typing import Any

from babel.dates import format_date
from jinja2 import TemplateError

from automations.asking import conditions
from automations.gate import fitting
from automations.gate.asked import Asked, Means, No, Written
from automations.gate.batch import Batch
from automations.subjects import shown
from automations.subjects.writing import Writing
from bot.base import logs
from bot.base.errors import FindingsError
from bot.contacts import zones
from bot.outbound.email.templates import Mail
from bot.outbound.email.tracking import LinkTokens

_UNWRITTEN = (TemplateError, FindingsError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
"""What a template of the shop's own can make of values that its writer did not think of."""


def rendered(means: Means, asked: Asked, batch: Batch) -> No | None:
    links = LinkTokens.of(means.ground, asked.row["id"])
    merged = [case.context for case in fitting.also(means, asked, batch)
              if conditions.first_no(asked.step.check, asked.who, case) is None]  # fmt: skip
    writing = Writing(
        means.ground, means.care, asked.flow, asked.step, asked.who, asked.case, asked.way.address, links, merged,
        medium=asked.way.channel, coupon=_coupon(means, asked),
    )  # fmt: skip
    try:
        values = shown.build(writing)
        asked.written = (_chat if asked.way.channel == "telegram" else _mail)(means, asked, batch, writing, values)
    except _UNWRITTEN as error:
        return No("render_error", detail={"error": logs.clean(f"{type(error).__name__}: {error}")[:300]})
    return None


def expires_at(means: Means, asked: Asked) -> datetime | None:
    """The code holds from this message on; None: for good."""
    pools = means.ground.config.automations.coupons
    pool = next((one for one in pools if asked.code and one.name == asked.code.pool), None)
    return asked.now + pool.valid if pool is not None and pool.valid is not None else None


def _coupon(means: Means, asked: Asked) -> dict[str, str]:
    if asked.code is None:
        return {}
    name, until = asked.code.pool, expires_at(means, asked)
    pool = next((one for one in means.ground.config.automations.coupons if one.name == name), None)
    zone = zones.local(means.ground.config, asked.who.contact).zone
    shown_until = format_date(until.astimezone(zone), format="long", locale=asked.case.language) if until else ""
    return {
        "code": asked.code.code, "title": pool.title_in(asked.case.language) if pool else "",
        "expires_on": shown_until,
    }  # fmt: skip


def _mail(means: Means, asked: Asked, batch: Batch, writing: Writing, values: dict[str, Any]) -> Written:
    links = writing.links
    template = batch.template(means.mails, asked.step.send or "", asked.case.language)
    above = shown.heading(writing, values)
    mail = template.render(values, links, subject=asked.step.subject, heading=above)
    kept = {"template": asked.step.send, "revision": template.revision, "receiver": asked.way.address}
    payload = _payload(means, asked, mail, links)
    # The mail itself is not kept; its list names the topic that the unsubscribe link is about.
    return Written(payload, kept, {"list_id": payload["list_id"], **shown.remembered(values)}, template)


def _payload(means: Means, asked: Asked, mail: Mail, links: LinkTokens) -> dict[str, Any]:
    shop = means.ground.config.shop
    domain = next(iter(shop.hosts.domains), "localhost")
    return {
        "to": asked.way.address,
        "to_name": "" if asked.who.is_claimed else " ".join(asked.who.names).strip(),
        "from": "marketing",
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "list_unsubscribe": links.unsubscribe,
        "list_id": f"{asked.flow.topic}.{domain}",
        "feedback_id": f"{asked.flow.campaign}:{asked.step.id}:marketing:{domain.partition('.')[0]}",
        "reply_to": None,
    }


def _chat(means: Means, asked: Asked, _batch: Batch, writing: Writing, values: dict[str, Any]) -> Written:
    links = writing.links
    chat = means.chats.find(asked.step.send or "", asked.case.language).render(values, links)
    way_out = means.ground.texts.say(asked.case.language, "marketing.chat.way_out")
    payload: dict[str, Any] = {"chat_id": int(asked.way.address), "text": f"{chat.text}\n\n{way_out}"}
    if chat.button:
        payload["buttons"] = [[{"text": chat.button, "url": chat.url}]]
    # Not the chat alone: what support says there must never wait for a campaign message that has to.
    kept = {"template": asked.step.send, "receiver": f"campaign:{asked.way.address}"}
    return Written(payload, kept, {"topic": asked.flow.topic, **shown.remembered(values)})
