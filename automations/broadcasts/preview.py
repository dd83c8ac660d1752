"""A look before it is started: how many, some of them, and the mail as the first of them would get it."""

from dataclasses import dataclass
from datetime import datetime

from jinja2 import TemplateError
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.matter import Case
from automations.audiences import preview as segments
from automations.audiences.compiling import Compiler
from automations.audiences.preview import Sample
from automations.audiences.segment import Segment
from automations.audiences.segment_files import Segments
from automations.broadcasts import broadcast as broadcasts
from automations.broadcasts.control import Standing
from automations.care import Care
from automations.subjects import shown
from automations.subjects.writing import Writing
from bot.base import logs
from bot.base.errors import Finding, FindingsError
from bot.base.ground import Ground
from bot.outbound.email.templates import Mail, MailTemplates
from bot.outbound.email.tracking import LinkTokens
from bot.outbound.previews import Previews

SAMPLES = 5


@dataclass(frozen=True)
class Preview:
    """`mails` are the ways it is written, by the name of the arm; one without a name if there is no test."""

    people: int
    samples: list[Sample]
    mails: dict[str, Mail]
    reader: str = ""


async def count(session: AsyncSession, ground: Ground, known: Segments, standing: Standing, now: datetime) -> int:
    """How many are in its segment now. Raises FindingsError."""
    return await segments.count(session, Compiler(known, ground.config, now), _segment(known, standing))


async def look(
    session: AsyncSession,
    ground: Ground,
    known: Segments,
    mails: MailTemplates,
    standing: Standing,
    now: datetime,
    previews: Previews | None = None,
) -> Preview:
    """Raises FindingsError, also where the mail cannot be written. Who is written to by chat alone sees no mail.

    With `previews` the mail is written in a process of its own.
    """
    segment, compiler = _segment(known, standing), Compiler(known, ground.config, now)
    people = await segments.count(session, compiler, segment)
    samples = await segments.sample(session, compiler, segment, SAMPLES)
    by_mail = "email" in standing.broadcast.channels
    reader = next((one for one in samples if one.email and by_mail), None)
    if reader is None:
        return Preview(people, samples, {})
    made = broadcasts.as_flow(standing.broadcast, standing.tree)
    needs = {"addresses"} | shown.KNOWN[made.about].needs
    person = (await facts.load(session, [reader.contact_id], needs, now))[reader.contact_id]
    language = person.contact["language"] or ground.config.shop.language
    links = LinkTokens.of(ground, 0)
    written: dict[str, Mail] = {}
    for arm in standing.broadcast.test.weights if standing.broadcast.test else ("",):
        flow = made.for_variant(arm)
        step = flow.steps[0]
        case = Case(flow.name, now, {}, now, language, Care({}))
        # A code of nobody: looking takes none from the pool.
        code = {"code": "XXXX-XXXX", "title": "", "expires_on": ""} if step.coupon else {}
        writing = Writing(ground, Care({}), flow, step, person, case, reader.email, links, coupon=code)
        try:
            values, name = shown.build(writing), step.send or ""
            if previews is None:
                written[arm] = mails.find(name, language).render(values, None, subject=step.subject)
            else:
                spoken = mails.spoken(name, language)
                written[arm] = previews.render(mails.folders, name, spoken, values, subject=step.subject)
        except (TemplateError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            raise FindingsError(_unwritten(arm, step.send or "", reader.email, error)) from None
    return Preview(people, samples, written, reader.email)


def _unwritten(arm: str, template: str, address: str, error: Exception) -> Finding:
    reason = logs.clean(str(error) or type(error).__name__)[:300]
    where = f"test variant {arm}" if arm else "send"
    return Finding(f"the mail {template} to {address} cannot be written: {reason}", key=where)


def _segment(known: Segments, standing: Standing) -> Segment:
    name = standing.broadcast.segment
    if name not in known.by_name:
        raise FindingsError(Finding(f"there is no segment {name!r}", key="segment"))
    return known.by_name[name]
