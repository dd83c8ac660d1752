"""What every decision of the desk needs: the ground, the ready answers, the opening hours. Built once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import babel.dates

from bot.base import clock, paths
from bot.base import texts as texts_of
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplates
from bot.support import answers, hours, macros, scripts
from bot.support.answers.catalogue import Catalogue
from bot.support.macros import Macros
from bot.support.scripts import Scripts
from bot.tables.people import Contact

CHAT_CHANNELS = ("telegram", "widget", "whatsapp", "sms")


def _shipped() -> MailTemplates:
    return MailTemplates([paths.templates()])


def _macros() -> Macros:
    return macros.shipped()


def _drills() -> Scripts:
    return scripts.shipped()


@dataclass(frozen=True)
class Desk:
    ground: Ground
    answers: answers.Index
    calendar: hours.Calendar
    catalogue: Catalogue = field(default_factory=Catalogue, repr=False)
    mails: MailTemplates = field(default_factory=_shipped, repr=False)
    macros: Macros = field(default_factory=_macros, repr=False)
    drills: Scripts = field(default_factory=_drills, repr=False)
    calendars: Mapping[str, hours.Calendar] = field(default_factory=dict, repr=False)
    """By name, those of departments and policies; `calendar` is the one without a name."""

    @classmethod
    def build(cls, ground: Ground, now: datetime | None = None) -> "Desk":
        """Reads what can be used of ready answers, macros and drills. Raises FindingsError with every mistake in the
        opening hours, but for files with holidays."""
        config = ground.config
        folders = texts_of.folders(config.templates.folder)
        calendars = hours.sound(config, now or clock.now())[0]
        return cls(
            ground,
            answers.sound(folders)[0],
            calendars[""],
            mails=MailTemplates(folders, config.shop.language),
            macros=macros.sound(folders)[0],
            drills=scripts.sound(folders)[0],
            calendars=calendars,
        )

    def calendar_of(self, name: str) -> hours.Calendar:
        return self.calendars[name] if name else self.calendar

    @property
    def staff_language(self) -> str:
        return self.ground.config.shop.language

    @property
    def timezone(self) -> ZoneInfo:
        """The zone that staff read times in."""
        return clock.zone(self.ground.config.shop.timezone) or ZoneInfo("UTC")

    def say(self, language: str, name: str, /, **values: Any) -> str:
        return self.ground.texts.say(language, name, **values)

    def staff(self, name: str, /, **values: Any) -> str:
        """A text for the staff group."""
        return self.ground.texts.say(self.staff_language, name, **values)

    def target(self, seconds: float, *, in_days: bool) -> str:
        """What a promise gives, for staff: open time as h:mm:ss, or working days."""
        days = seconds / 86400
        return self.staff("staff.sla.days", count=1 if days == 1 else 2, days=f"{days:g}") if in_days else span(seconds)

    def language(self, contact: Contact) -> str:
        return contact.language or self.ground.config.shop.language

    def when(self, at: datetime, now: datetime, language: str | None = None) -> str:
        """The absolute local time to the second, with its date when that is not today."""
        return shown(at, now, self.timezone, language or self.staff_language)


def shown(at: datetime, now: datetime, tz: ZoneInfo, language: str) -> str:
    local = at.astimezone(tz)
    seconds = babel.dates.format_time(local, "HH:mm:ss", locale=language)
    if local.date() == now.astimezone(tz).date():
        return seconds
    return f"{babel.dates.format_skeleton('MMMEd', local, tzinfo=tz, locale=language)} {seconds}"


def span(seconds: float) -> str:
    """A length of time as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
