"""Configuration: TOML, then the environment over it; unknown keys refused with file, line and the nearest known key.

`AFTERCART_SECTION__KEY` sets a value, `AFTERCART_SECTION__KEY_FILE` names a file that holds it. No file at all is fine:
every section has defaults, and `Config.off()` says what does not run because of them.
"""

import json
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
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
    ValidationError,
    model_validator,
)
from rapidfuzz import fuzz, process

from bot.base import clock, paths
from bot.base.errors import Finding, FindingsError

LANGUAGES = ("en", "zh_CN")
_PREFIX = "AFTERCART_"
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


def load(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of `file` (default: `config.toml` here, if there is one) with the environment over it.

    Raises FindingsError with one finding per mistake.
    """
    if file is None and Path("config.toml").is_file():
        file = Path("config.toml")
    text, tree = "", dict[str, Any]()
    if file is not None:
        text, tree = _read(file)
    findings = list(_unknown_keys(Config, tree, (), file, text))
    variables = dict(_from_environment(environ, findings))
    for path, value in variables.items():
        _put(tree, path, value)
    try:
        config = Config.model_validate({**tree, "source": file})
    except ValidationError as error:
        findings += [_finding(one, file, text, variables) for one in error.errors() if one["type"] != "extra_forbidden"]
        config = Config()
    if findings:
        raise FindingsError(*findings)
    return _with_absolute_paths(config, file)


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    shown = paths.shown(file)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FindingsError(Finding(f"cannot be read: {reason}", shown)) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise FindingsError(Finding(f"not valid TOML: {error}", shown, int(line[1]) if line else None)) from None


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section class behind an annotation, and whether it stands in a list (`[[support.sla]]`)."""
    if get_origin(annotation) is Annotated:
        return _model_of(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple:
        return _model_of(get_args(annotation)[0])[0], True
    if get_origin(annotation) is types.UnionType:
        return next((found for part in get_args(annotation) if (found := _model_of(part))[0]), (None, False))
    return None, False


def keys(model: type[BaseModel] = Config) -> dict[str, Any]:
    """Every key of a section as written in TOML, with its annotation."""
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if not (model is Config and name == "source")
    }


def _unknown_keys(
    model: type[BaseModel], tree: Any, path: tuple[str, ...], file: Path | None, text: str
) -> Iterator[Finding]:
    if not isinstance(tree, dict):
        return
    known = keys(model)
    for key, value in tree.items():
        if key not in known:
            near = process.extractOne(key.lower(), list(known), scorer=fuzz.ratio, score_cutoff=50)
            mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            shown = paths.shown(file) if file else None
            yield Finding(f"unknown key; {mend}", shown, _line(text, (*path, key)), ".".join((*path, key)))
            continue
        section, many = _model_of(known[key])
        if section is not None:
            for part in value if many and isinstance(value, list) else [value]:
                yield from _unknown_keys(section, part, (*path, key), file, text)


def _from_environment(environ: Mapping[str, str], findings: list[Finding]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or "__" not in variable:
            continue
        name, value = variable.removeprefix(_PREFIX).lower(), environ[variable]
        path = tuple(name.split("__"))
        annotation = _annotation(path)
        if annotation is None and name.endswith("_file"):
            path = tuple(name.removesuffix("_file").split("__"))
            annotation = _annotation(path)
            if annotation is not None:
                try:
                    value = Path(value).read_text("utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    findings.append(Finding(f"cannot read the file it names: {error}", variable))
                    continue
        if annotation is None:
            findings.append(Finding("unknown variable; it is AFTERCART_SECTION__KEY with a key of the file", variable))
            continue
        yield path, _from_text(value, annotation)


def _annotation(path: tuple[str, ...]) -> Any:
    model: type[BaseModel] | None = Config
    annotation: Any = None
    for part in path:
        if model is None or part not in keys(model):
            return None
        annotation = keys(model)[part]
        model, many = _model_of(annotation)
        model = None if many else model
    return annotation


def _from_text(value: str, annotation: Any) -> Any:
    """A list is written as JSON or with commas; everything else goes to pydantic as it is."""
    if value.lstrip().startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    origin = get_origin(get_args(annotation)[0]) if get_origin(annotation) is Annotated else get_origin(annotation)
    if origin is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        below = tree.setdefault(part, {})
        tree = below if isinstance(below, dict) else {}
    tree[path[-1]] = value


def _finding(error: Any, file: Path | None, text: str, variables: Mapping[tuple[str, ...], Any]) -> Finding:
    path = tuple(str(part) for part in error["loc"] if not isinstance(part, int))
    path = path[: next((i for i, part in enumerate(path) if part.startswith("function-")), len(path))]
    message = str(error["msg"]).removeprefix("Value error, ")
    for end in range(len(path), 0, -1):
        if path[:end] in variables:
            return Finding(message, _PREFIX + "__".join(path[:end]).upper(), None, ".".join(path))
    return Finding(message, paths.shown(file) if file else None, _line(text, path), ".".join(path))


def _line(text: str, path: tuple[str, ...]) -> int | None:
    """The line where a key stands: exact for plain files, the section's line for inline tables."""
    section: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?", line)
        if header:
            section = [part.strip(" \"'") for part in header[1].split(".")]
            found = section
        elif pair := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            found = section + [part.strip("\"'") for part in pair[1].split(".")]
        else:
            continue
        if list(path[: len(found)]) == found and (best is None or len(found) > best[0]):
            best = len(found), number
    return best[1] if best else None


def _with_absolute_paths(config: Config, file: Path | None) -> Config:
    """Folders in a config file are meant relative to that file, not to where somebody started the program."""
    base = file.resolve().parent if file else Path.cwd()
    flows, templates = config.automations.flows_folder, config.templates.folder
    return config.model_copy(
        update={
            "automations": config.automations.model_copy(update={"flows_folder": flows and base / flows}),
            "templates": config.templates.model_copy(update={"folder": templates and base / templates}),
        }
    )
