"""The words of the message as they leave: a mail with its way out, or a text for a chat."""

from datetime import datetime, timedelta
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
from bot.base.render import TooMuchError
from bot.contacts import zones
from bot.outbound.chat_templates import ChatTemplate
from bot.outbound.email.templates import Mail, MailTemplate
from bot.outbound.email.tracking import LinkTokens
from bot.outbound.outbox import UNWRITTEN

log = logs.get(__name__)

_UNWRITTEN = (TemplateError, FindingsError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
"""What a template of the shop's own can make of values that its writer did not think of."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=15)
"""Between two tries; a template that changes is tried at once."""


def rendered(means: Means, asked: Asked, batch: Batch) -> No | None:
    links = LinkTokens.of(means.ground, asked.row["id"])
    merged = [case.context for case in fitting.also(means, asked, batch)
              if conditions.first_no(asked.step.check, asked.who, case) is None]  # fmt: skip
    writing = Writing(
        means.ground, means.care, asked.flow, asked.step, asked.who, asked.case, asked.way.address, links, merged,
        medium=asked.way.channel, coupon=_coupon(means, asked),
    )  # fmt: skip
    template: MailTemplate | ChatTemplate | None = None
    try:
        template = _template(means, asked, batch)
        if means.spending.is_given_up(template, asked.step.subject):
            return _unwritten(asked, "its template asked for too much of every reader before")
        values = shown.build(writing)
        if isinstance(template, ChatTemplate):
            asked.written = _chat(means, asked, template, writing, values)
        else:
            asked.written = _mail(means, asked, template, writing, values)
    except _UNWRITTEN as error:
        words = logs.clean(f"{type(error).__name__}: {error}")[:300]
        if isinstance(error, TooMuchError) and template is not None:
            means.spending.exceeded(template, asked.step.subject, asked.who.id, words)
        if not asked.times(UNWRITTEN):
            log.error("a mail cannot be written and waits until its template is mended", message_id=asked.row["id"],
                      flow=asked.row["flow"], step=asked.row["step_id"], detail=words)  # fmt: skip
        return _unwritten(asked, words)
    means.spending.kept_within(template, asked.step.subject)
    return None


def _unwritten(asked: Asked, words: str) -> No:
    """It waits for the mend, as late as it is meanwhile: what is too late by then is not sent."""
    wait = min(_FIRST_WAIT * 2 ** min(asked.times(UNWRITTEN), 8), _LONGEST_WAIT)
    return No(UNWRITTEN, until=asked.now + wait, detail={"error": words})


def _template(means: Means, asked: Asked, batch: Batch) -> MailTemplate | ChatTemplate:
    name, language = asked.step.send or "", asked.case.language
    if asked.way.channel == "telegram":
        return means.chats.find(name, language)
    return batch.template(means.mails, name, language)


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


def _mail(means: Means, asked: Asked, template: MailTemplate, writing: Writing, values: dict[str, Any]) -> Written:
    links = writing.links
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


def _chat(means: Means, asked: Asked, template: ChatTemplate, writing: Writing, values: dict[str, Any]) -> Written:
    chat = template.render(values, writing.links)
    way_out = means.ground.texts.say(asked.case.language, "marketing.chat.way_out")
    payload: dict[str, Any] = {"chat_id": int(asked.way.address), "text": f"{chat.text}\n\n{way_out}"}
    if chat.button:
        payload["buttons"] = [[{"text": chat.button, "url": chat.url}]]
    # Not the chat alone: what support says there must never wait for a campaign message that has to.
    kept = {"template": asked.step.send, "receiver": f"campaign:{asked.way.address}"}
    return Written(payload, kept, {"topic": asked.flow.topic, **shown.remembered(values)})
