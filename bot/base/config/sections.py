"""What a shop may set: one class per section of the file, each with its defaults and its checks."""

import re
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from babel.core import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from bot.base import clock

LANGUAGES = ("en", "zh_CN")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('write a duration in quotes, such as "30s", "4h" or "7d"')
    return clock.duration(value)


def _timezone(value: str) -> str:
    if clock.zone(value) is None:
        raise ValueError(f"{value!r} is not an IANA time zone; write one such as Europe/Berlin or Asia/Shanghai")
    return value


def _currency(value: str) -> str:
    if not is_currency(value.upper()):
        raise ValueError(f"{value!r} is not a currency; write a three-letter code such as EUR or CNY")
    return value.upper()


def _language(value: str) -> str:
    try:
        known = str(Locale.parse(value.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        known = ""
    for language in LANGUAGES:
        if known.split("_")[0] == language.split("_")[0]:
            return language
    raise ValueError(f"{value!r} is not a language that we speak; write {' or '.join(LANGUAGES)}")


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not a web address; write it like https://shop.example")
    return value.rstrip("/")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Language = Annotated[str, AfterValidator(_language)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: Any) -> Any:
        """`token = ""` means no token: what a template of a config file leaves open."""
        if not isinstance(values, dict):
            return values
        optional = {field.alias or name for name, field in cls.model_fields.items() if field.default is None}
        return {key: value for key, value in values.items() if not (value == "" and key in optional)}


class Shop(Section):
    name: str = "My shop"
    url: HttpUrl = "https://shop.example"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    language: Language = "en"
    currency: Annotated[str, AfterValidator(_currency)] = "EUR"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return value


class Database(Section):
    url: Annotated[str, AfterValidator(_database_url)] = Field("sqlite:///aftercart.db", repr=False)


class Web(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: HttpUrl | None = None
    secret: SecretStr | None = None
    trusted_proxies: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """What stands before every link that we send."""
        return self.public_url or f"http://{self.host}:{self.port}"


class Telegram(Section):
    token: SecretStr | None = None
    api_base: HttpUrl = "https://api.telegram.org"
    staff_chat_id: int | None = None
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: SecretStr | None = None
    messages_per_second: Annotated[int, Field(ge=1)] = 28
    group_messages_per_minute: Annotated[int, Field(ge=1)] = 19

    @model_validator(mode="after")
    def _complete(self) -> "Telegram":
        if self.mode == "webhook" and self.webhook_secret is None:
            raise ValueError('mode = "webhook" needs webhook_secret, a random word of 16 letters or more')
        if self.token and not re.fullmatch(r"\d+:[\w-]+", self.token.get_secret_value()):
            raise ValueError("token is not a bot token; BotFather gives one like 123456:ABC-DEF")
        return self


def _smtp_url(value: SecretStr) -> SecretStr:
    SmtpServer.parse(value.get_secret_value())
    return value


class SmtpServer(Section):
    """Where mail leaves: the parts of `smtp_url`. `tls` is `starttls`, `implicit` or `none`."""

    host: str
    port: int
    user: str | None = None
    password: SecretStr | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Raises ValueError that says what the URL lacks (and never repeats its password)."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        tls = query.get("tls", ["implicit" if parts.scheme == "smtps" else "starttls"])[0]
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1:
            raise ValueError("write smtp://USER:PASSWORD@HOST:587?tls=starttls, or smtps://…, or …?tls=none")
        if tls not in ("starttls", "implicit", "none") or set(query) - {"tls"}:
            raise ValueError("after the ? only tls=starttls, tls=implicit or tls=none may stand")
        default = {"implicit": 465, "starttls": 587, "none": 25}[tls]
        return cls(
            host=parts.hostname,
            port=port or default,
            user=unquote(parts.username) if parts.username else None,
            password=SecretStr(unquote(parts.password)) if parts.password else None,
            tls=tls,  # checked above
        )


def _mail_address(value: str) -> str:
    if not re.fullmatch(r"(?:[^<>@\r\n]*<)?[^\s@<>]+@[^\s@<>]+\.?[^\s@<>]*>?", value):
        raise ValueError(f"{value!r} is not a mail address; write help@shop.example or My shop <help@shop.example>")
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Mail(Section):
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] | None = None
    sender: MailAddress = Field("help@shop.example", alias="from")
    from_marketing: MailAddress | None = None
    bounce_domain: str | None = None

    @property
    def server(self) -> SmtpServer | None:
        return SmtpServer.parse(self.smtp_url.get_secret_value()) if self.smtp_url else None


class Events(Section):
    write_keys: tuple[SecretStr, ...] = ()


class ShopSystem(Section):
    secrets: tuple[SecretStr, ...] = ()


class Shops(Section):
    shopify: ShopSystem = ShopSystem()
    woocommerce: ShopSystem = ShopSystem()


def _window(value: object) -> tuple[int, int]:
    """`"09:00-17:30"` as minutes after midnight; an end at or before the start runs into the next day."""
    match = re.fullmatch(r"(\d{1,2}:\d\d)\s*[-–]\s*(\d{1,2}:\d\d)", value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError(f'{value!r} are no opening hours; write them like "09:00-17:30"')
    minutes = [1440 if part == "24:00" else _minutes(part) for part in match.groups()]
    return minutes[0], minutes[1] if minutes[1] > minutes[0] else minutes[1] + 1440


def _minutes(text: str) -> int:
    at = clock.time_of_day(text)
    return at.hour * 60 + at.minute


Window = Annotated[tuple[int, int], BeforeValidator(_window)]


class SpecialDay(Section):
    """A date that differs: closed when `open` is empty. `scope = "shift"` leaves last night's shift alone."""

    date: date
    name: str = ""
    open: tuple[Window, ...] = ()
    scope: Literal["date", "shift"] = "date"


class Hours(Section):
    """Opening hours. Without any weekday the desk is open always."""

    timezone: Annotated[str, AfterValidator(_timezone)] | None = None
    mon: tuple[Window, ...] = ()
    tue: tuple[Window, ...] = ()
    wed: tuple[Window, ...] = ()
    thu: tuple[Window, ...] = ()
    fri: tuple[Window, ...] = ()
    sat: tuple[Window, ...] = ()
    sun: tuple[Window, ...] = ()
    special: tuple[SpecialDay, ...] = ()

    @property
    def week(self) -> tuple[tuple[Window, ...], ...]:
        """Windows by weekday, Monday first; all empty means always open."""
        return tuple(getattr(self, day) for day in _WEEKDAYS)


class SlaPolicy(Section):
    """Targets for the tickets that it fits; the first policy in the file that fits is taken."""

    name: str
    channel: Literal["telegram", "widget", "email", "whatsapp", "sms", "phone"] | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    language: Language | None = None
    first_response: Duration | None = None
    next_response: Duration | None = None
    resolution: Duration | None = None
    always_open: bool = False
    warn_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = None

    @model_validator(mode="after")
    def _long_enough(self) -> "SlaPolicy":
        for target in (self.first_response, self.next_response, self.resolution):
            if target is not None and (target < timedelta(seconds=5) or target % timedelta(seconds=1)):
                raise ValueError("a target is a whole number of seconds, 5 or more")
        return self


class SlaGoal(Section):
    """A promise about many tickets: `share` of the `metric` within `within`."""

    metric: Literal["first_response", "next_response", "resolution"] = "first_response"
    channel: Literal["chat", "email"]
    within: Duration
    share: Annotated[float, Field(gt=0, le=1)]
    window: Literal["day", "week", "month"] = "week"


_HOUSE_POLICIES = (
    SlaPolicy(name="mail", channel="email", first_response=timedelta(hours=4)),
    SlaPolicy(name="chat", first_response=timedelta(seconds=30)),
)
_HOUSE_GOALS = (
    SlaGoal(channel="chat", within=timedelta(seconds=30), share=0.9),
    SlaGoal(channel="email", within=timedelta(hours=4), share=0.8),
)


class Support(Section):
    hours: Hours = Hours()
    sla: tuple[SlaPolicy, ...] = _HOUSE_POLICIES
    goals: tuple[SlaGoal, ...] = _HOUSE_GOALS
    undo: Duration = timedelta(seconds=5)
    reopen_within: Duration = timedelta(hours=72)
    low_score: Annotated[int, Field(ge=1, le=4)] = 2


def _quiet_hours(value: object) -> tuple[time, time] | None:
    if value in ("", "off", False, None) or isinstance(value, tuple):
        return value if isinstance(value, tuple) else None
    start, _, end = value.partition("-") if isinstance(value, str) else ("", "", "")
    begin, finish = clock.time_of_day(start), clock.time_of_day(end)
    if begin == finish:
        raise ValueError("quiet hours that never end would hold every mail for ever; begin and end must differ")
    return begin, finish


class Cap(Section):
    """At most `count` marketing messages to one person in `within`."""

    count: int
    within: timedelta


def _caps(value: object) -> tuple[Cap, ...]:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,;]", value) if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError('write a list such as ["1 per 16h", "4 per 7d"]; an empty list switches the cap off')
    return tuple(part if isinstance(part, Cap) else _cap(part) for part in value)


def _cap(text: object) -> Cap:
    match = re.fullmatch(r"\s*(\d+)\s*(?:per|/|in)\s*(.+)", text) if isinstance(text, str) else None
    if not match or int(match[1]) < 1:
        raise ValueError(f'{text!r} is not a cap; write it like "1 per 16h"')
    return Cap(count=int(match[1]), within=clock.duration(match[2]))


class Automations(Section):
    flows_folder: Path | None = None
    quiet_hours: Annotated[tuple[time, time] | None, BeforeValidator(_quiet_hours)] = (time(21), time(8))
    frequency_cap: Annotated[tuple[Cap, ...], BeforeValidator(_caps)] = (
        Cap(count=1, within=timedelta(hours=16)),
        Cap(count=4, within=timedelta(days=7)),
    )
    attribution_window: Duration = timedelta(days=5)
    checkout_reminder_without_consent: bool = False
    purchase_is_consent: bool = False
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Templates(Section):
    folder: Path | None = None


class Config(Section):
    """Everything a shop may set. `source` is the file it came from, None for embedded defaults."""

    shop: Shop = Shop()
    database: Database = Database()
    web: Web = Web()
    telegram: Telegram = Telegram()
    mail: Mail = Mail()
    events: Events = Events()
    shops: Shops = Shops()
    support: Support = Support()
    automations: Automations = Automations()
    templates: Templates = Templates()
    source: Path | None = Field(None, exclude=True)

    def off(self) -> list[str]:
        """The parts that do not run with this configuration, as `section.key` that would start them."""
        missing = []
        if not self.telegram.token:
            missing.append("telegram.token")
        elif not self.telegram.staff_chat_id:
            missing.append("telegram.staff_chat_id")
        if not self.mail.smtp_url:
            missing.append("mail.smtp_url")
        if not self.events.write_keys:
            missing.append("events.write_keys")
        return missing
