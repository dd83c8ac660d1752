"""`flow why`: why somebody did or did not get a mail, as it was decided then, and what is coming next."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from bot.commands.contacts import Whom, named, unknown
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.reports.people import Told
    from automations.reports.why import Explained


@in_words
def why(
    who: Whom,
    flow: Annotated[str | None, typer.Argument(metavar="[FLOW]", help="Only this flow.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="What was answered with yes, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of words.")] = False,
    config: ConfigFile = None,
) -> None:
    """Every mail that somebody did or did not get, each answer of the gate, and what is coming."""
    from automations.definition import flow_files
    from automations.reports import people
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    loaded = settings.load(config)
    known = flow_files.load(flow_files.folders(loaded)).by_name
    if flow is not None and flow not in known and not flow.startswith("broadcast"):
        raise FindingsError(Finding(f"there is no flow {flow!r}; {near(flow, known)}", "FLOW"))

    kind, value = named(who)

    async def read() -> people.People:
        async with start.ready(loaded) as (database, _), database.reading() as session:
            found = await people.explain(session, loaded, kind, value, flow, clock.now())
        if found is None:
            raise unknown(kind)
        return found

    found = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps(found.plain(), default=str))
        return
    zone = ZoneInfo(loaded.shop.timezone)
    lines = [*_Words(found.known, zone, everything).all()] if found.known else [f"Nobody is known by this {kind}."]
    for one in found.claimed:
        lines += [
            "",
            f"Contact {one.contact}, a browser that is said to be theirs by a page only. It may be anybody's:",
        ]
        lines += _Words(one, zone, everything).all()
    if more := found.claims - len(found.claimed):
        lines += ["", f"{more} older browsers claim it, too."]
    typer.echo("\n".join(lines))


@dataclass(frozen=True)
class _Words:
    """The words, with times where the shop is. `everything`: questions that were answered with yes as well."""

    told: "Told"
    zone: ZoneInfo
    everything: bool

    def all(self) -> Iterator[str]:
        yield from self.mails()
        yield from self.besides()
        yield from self.refusals()
        yield from self.coming()

    def at(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"

    def mails(self) -> Iterator[str]:
        if not self.told.mails:
            yield "No flow was entered."
        last = None
        for one in self.told.mails:
            if one.enrolment_id != last:
                yield f"{one.flow}: entered {self.at(one.entered_at)}, {self._end(one)}"
            last = one.enrolment_id
            if one.message_id is None:
                yield "    no mail yet"
                continue
            at = f" {self.at(one.settled_at)}" if one.settled_at else ""
            yield f"    {one.step} ({one.template or 'not written'}): {_STATUS.get(one.status, one.status)}{at}"
            for answer in one.answers:
                if answer.said is False:
                    yield f"        because {_sentence(answer.detail)} [{answer.question}]"
            if one.reason and not any(answer.said is False for answer in one.answers):
                yield f"        because {_sentence({'reason': one.reason})}"
            if self.everything and (passed := [answer.question for answer in one.answers if answer.said]):
                yield f"        yes to {', '.join(passed)}"

    def _end(self, one: "Explained") -> str:
        words = {"active": "still inside", "finished": "went through to the end", "failed": "given up after errors"}
        if one.enrolment_status != "exited":
            return words.get(one.enrolment_status, one.enrolment_status)
        event = self.told.events.get(one.exit_event_id or 0)
        return f"left: {_sentence({'reason': one.exit_reason})}{f' ({event})' if event else ''}"

    def besides(self) -> Iterator[str]:
        for one in self.told.beside:
            yield f"{one.flow}, {one.step}: {one.what}, {one.status} ({self.at(one.at)})"

    def refusals(self) -> Iterator[str]:
        inside = {one.flow for one in self.told.mails}
        for one in self.told.refused:
            again = " again" if one.flow in inside else ""
            times = f", {one.times} times so far" if one.times > 1 else ""
            yield f"{one.flow}: not entered{again}: {_sentence({'reason': one.reason})} ({self.at(one.at)}{times})"

    def coming(self) -> Iterator[str]:
        yield "Coming:" if self.told.coming else "Nothing is coming."
        for one in self.told.coming:
            at = self.at(one.at) if one.at else "not before it goes on"
            depends = f", depends on {one.depends}" if one.depends else ""
            yield f"    {at}  {one.flow}, {one.step}: {one.what}{depends}"


_STATUS = {
    "skipped": "not sent", "withheld": "held out", "unknown": "handed over, the answer was lost: not sent again",
    "planned": "waits", "deferred": "put off", "claimed": "is leaving", "handed": "is leaving",
}  # fmt: skip

_SENTENCES = {
    "address": "there is no address",
    "all_reviewed": "everything is reviewed already",
    "cart_empty": "nothing was left in the cart",
    "deferred_too_often": "it was put off too often",
    "erased": "they were forgotten",
    "exited": "the flow had ended for them",
    "flow_stopped": "the flow was switched off",
    "frequency_cap": "they were written to as often as the cap allows",
    "goal": "what the flow is for had happened",
    "goal_reached": "what the flow is for had happened before",
    "held_by_service": "customer service has something to make good first",
    "higher_first": "a more important mail goes first",
    "higher_flow": "they are in a flow that is closer to buying",
    "higher_intent": "they went on to a flow that is closer to buying",
    "just_bought": "they had just bought it",
    "merged": "another mail of the same order carries it",
    "no_address": "no address of theirs takes mail",
    "no_channel": "none of its channels reaches them",
    "no_consent": "they never said yes to this topic",
    "nothing_to_show": "there was nothing left to show",
    "paused": "the flow is paused",
    "quiet_hours": "it is night where they live",
    "re_entry": "they were in it not long ago",
    "recent_order": "they ordered not long ago",
    "render_error": "the mail could not be written",
    "resting": "the flow was paused or switched off",
    "stale": "it had become too late",
    "superseded": "a newer reason took its place",
    "suppressed": "the address is stopped",
    "unsubscribed": "they unsubscribed",
    "viewed_once": "they looked only once",
    "withheld": "they are held out, so that mails can be compared with no mails",
}


def _sentence(detail: Mapping[str, Any]) -> str:
    """The reason in words, with what is known of it."""
    reason = str(detail.get("reason") or "")
    known = [f"{name.replace('_', ' ')} {value}" for name, value in detail.items() if name != "reason"]
    words = _SENTENCES.get(reason, reason.replace("_", " "))
    return f"{words} ({', '.join(known)})" if known else words
