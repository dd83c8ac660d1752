"""`flow why`: why somebody did or did not get a mail, as it was decided then, and what is coming next."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from bot.commands.contacts import Whom, named, unknown
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.reports.people import Told
    from automations.reports.why import Answer, Explained
    from bot.base.texts import Texts


_OF_OURS = {
    "a ticket is open": "ticket_open", "chance": "depends.chance", "the flow is paused": "depends.paused",
    "a test of the broadcast": "depends.test",
}  # fmt: skip
"""Sentences that the reports keep in English, for programs too, and what they are called among the texts."""


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
    from bot.base import clock, texts
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    loaded = settings.load(config)
    known = flow_files.sound(flow_files.folders(loaded))[0].files
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
    zone, words = ZoneInfo(loaded.shop.timezone), texts.sound(texts.folders(loaded.templates.folder))[0]
    say = partial(words.say, loaded.shop.language)
    about = partial(_Words, zone=zone, everything=everything, texts=words, language=loaded.shop.language)
    lines = [*about(found.known).all()] if found.known else [say("why.nobody", kind=kind)]
    for one in found.claimed:
        lines += ["", say("why.browser", number=one.contact), *about(one).all()]
    if more := found.claims - len(found.claimed):
        lines += ["", say("why.more_browsers", count=more)]
    typer.echo("\n".join(lines))


def _is_why(no: "Answer", reason: str | None) -> bool:
    return reason in (None, no.detail.get("reason"))


@dataclass(frozen=True)
class _Words:
    """The words, with times where the shop is. `everything`: questions that were answered with yes as well."""

    told: "Told"
    zone: ZoneInfo
    everything: bool
    texts: "Texts"
    language: str

    def say(self, name: str, /, **values: Any) -> str:
        return self.texts.say(self.language, f"why.{name}", **values)

    def because(self, detail: Mapping[str, Any], *, ended: bool = False) -> str:
        from automations.reports import reasons

        return reasons.in_words(self.texts, self.language, detail, ended=ended)

    def all(self) -> Iterator[str]:
        yield from self.mails()
        yield from self.besides()
        yield from self.refusals()
        yield from self.coming()

    def at(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"

    def mails(self) -> Iterator[str]:
        if not self.told.mails:
            yield self.say("no_flow")
        last = None
        for one in self.told.mails:
            if one.enrolment_id != last:
                yield self.say("entered", flow=one.flow, at=self.at(one.entered_at), end=self._end(one))
            last = one.enrolment_id
            if one.message_id is None:
                yield f"    {self.say('no_mail' if one.enrolment_status == 'active' else 'no_mail_came')}"
                continue
            at = f" {self.at(one.settled_at)}" if one.settled_at else ""
            yield f"    {one.step} ({one.template or self.say('not_written')}): {self._status(one.status)}{at}"
            yield from self._reasons(one)
            if self.everything and (passed := [answer.question for answer in one.answers if answer.said]):
                yield f"        {self.say('yes', questions=', '.join(passed))}"

    def _reasons(self, one: "Explained") -> Iterator[str]:
        """What the gate said no to, if that is still why; else why, with the words of the server that refused it.

        A mail that waited for the morning may have ended for another reason meanwhile. The name of the question is for
        those who ask for all of them.
        """
        noes = [no for no in one.answers if no.said is False and _is_why(no, one.reason)]
        for no in noes:
            name = "because" if self.everything else "because_alone"
            yield f"        {self.say(name, why=self.because(no.detail), question=no.question)}"
        if one.reason and not noes:
            detail = {"reason": one.reason, **({"error": one.error} if one.error else {})}
            yield f"        {self.say('because_alone', why=self.because(detail))}"

    def _end(self, one: "Explained") -> str:
        if one.enrolment_status == "failed":
            return self.say("given_up")
        if one.enrolment_status != "exited":
            return self._status(one.enrolment_status)
        event = self.told.events.get(one.exit_event_id or 0)
        why = self.because({"reason": one.exit_reason}, ended=True)
        return self.say("left", why=why) + (f" ({event})" if event else "")

    def _status(self, status: str) -> str:
        return self.say(status) if f"why.{status}" in self.texts.names("en") else status

    def besides(self) -> Iterator[str]:
        for one in self.told.beside:
            status, bracket, error = one.status.partition(" (")
            said = self.say(_OF_OURS[status]) if status in _OF_OURS else self._status(status)
            yield f"{one.flow}, {one.step}: {one.what}, {said}{bracket}{error} ({self.at(one.at)})"

    def refusals(self) -> Iterator[str]:
        inside = {one.flow for one in self.told.mails}
        for one in self.told.refused:
            at = self.at(one.at) if one.times == 1 else self.say("times", at=self.at(one.at), count=one.times)
            name = "refused_again" if one.flow in inside else "refused"
            yield self.say(name, flow=one.flow, why=self.because({"reason": one.reason}), at=at)

    def coming(self) -> Iterator[str]:
        yield self.say("coming" if self.told.coming else "nothing_coming")
        for one in self.told.coming:
            at = self.at(one.at) if one.at else self.say("paused_until")
            kind, _, name = one.what.partition(" ")
            what = self.say(f"step.{kind}", name=name) if f"why.step.{kind}" in self.texts.names("en") else one.what
            on = self.say(_OF_OURS[one.depends]) if one.depends in _OF_OURS else one.depends
            yield f"    {at}  {one.flow}, {one.step}: {what}{self.say('depends', what=on) if on else ''}"
