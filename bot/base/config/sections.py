"""What a shop may set: one class per section of the file, each with its defaults and its checks."""

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)

from bot.base import clock, hosts
from bot.base.config.events import EventKey, Events
from bot.base.config.limits import SignUpLimits
from bot.base.config.mailbox import Mailbox
from bot.base.config.sending import Hook, Pool, named_once
from bot.base.config.shop_systems import Shopify, WooCommerce
from bot.base.config.standing import Rates, Rfm, Tier, in_order
from bot.base.config.stores import Store, apart
from bot.base.config.support import Support
from bot.base.config.topics import SHIPPED, Topic
from bot.base.config.types import Currency, Duration, Host, HttpUrl, Language, Network, Section, Timezone
from bot.base.config.web_limits import WebLimits


class Shop(Section):
    name: str = "My shop"
    url: HttpUrl = "https://shop.example"
    domains: tuple[Host, ...] = ()
    image_hosts: tuple[Host, ...] = ()
    timezone: Timezone = "UTC"
    language: Language = "en"
    currency: Currency = "EUR"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    exchange_rates: Rates = ()

    @property
    def own_country(self) -> str | None:
        """Only if somebody said so: a telephone number read by a mere default would be a stranger's."""
        return self.country if "country" in self.model_fields_set else None

    @property
    def hosts(self) -> hosts.Hosts:
        """Where links and pictures in mails may come from that somebody else named."""
        return hosts.of_shop(self.url, self.domains, self.image_hosts, named="url" in self.model_fields_set)


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
    api_key: SecretStr | None = None
    trusted_proxies: tuple[Network, ...] = ()
    limits: WebLimits = WebLimits()

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
    card_every: Duration = timedelta(seconds=10)

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


class Shops(Section):
    shopify: Shopify = Shopify()
    woocommerce: WooCommerce = WooCommerce()
    stores: Annotated[tuple[Store, ...], AfterValidator(apart)] = ()

    def store(self, name: str) -> str:
        """The store of that name as rows name it; a name that is not declared is one of its own."""
        return next((one.key for one in self.stores if one.name == name), name)

    def of_source(self, name: str) -> str:
        """The store whose webhooks come from there (`woocommerce:shop.example`)."""
        return next((one.key for one in self.stores if name in one.sources), name)

    def is_shared(self, store: str) -> bool:
        """Whether shops of several systems are declared to be this store."""
        return any(one.key == store and len(one.sources) > 1 for one in self.stores)

    def pull_of(self, source: str) -> str:
        """Under which name is kept how far that shop is pulled: each of a shared store has its own."""
        store = self.of_source(source)
        return source if self.is_shared(store) else store


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
    segments_folder: Path | None = None
    broadcasts_folder: Path | None = None
    tiers: Annotated[tuple[Tier, ...], AfterValidator(in_order)] = ()
    tier_grace: Duration = timedelta(days=30)
    rfm: Rfm = Rfm()
    quiet_hours: Annotated[tuple[time, time] | None, BeforeValidator(_quiet_hours)] = (time(21), time(8))
    frequency_cap: Annotated[tuple[Cap, ...], BeforeValidator(_caps)] = (
        Cap(count=1, within=timedelta(hours=16)),
        Cap(count=4, within=timedelta(days=7)),
    )
    attribution_window: Duration = timedelta(days=5)
    checkout_reminder_without_consent: bool = False
    purchase_is_consent: bool = False
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    prior_price: bool = False
    double_opt_in: bool = True
    sign_up_origins: tuple[HttpUrl, ...] = ()
    sign_up_limits: SignUpLimits = SignUpLimits()
    topics: tuple[Topic, ...] = ()
    coupons: Annotated[tuple[Pool, ...], AfterValidator(named_once)] = ()
    webhooks: Annotated[tuple[Hook, ...], AfterValidator(named_once)] = ()

    @property
    def topic_names(self) -> tuple[str, ...]:
        """Every topic that a flow may name, ours first."""
        return tuple(dict.fromkeys((*SHIPPED, *(topic.name for topic in self.topics))))

    @property
    def shown_topics(self) -> tuple[str, ...]:
        """Those that people choose among."""
        hidden = {topic.name for topic in self.topics if topic.hidden}
        return tuple(name for name in self.topic_names if name not in hidden)


class Templates(Section):
    folder: Path | None = None


class Config(Section):
    """Everything a shop may set. `source` is the file it came from, None for embedded defaults."""

    shop: Shop = Shop()
    database: Database = Database()
    web: Web = Web()
    telegram: Telegram = Telegram()
    mail: Mail = Mail()
    mailbox: Mailbox = Mailbox()
    events: Events = Events()
    shops: Shops = Shops()
    support: Support = Support()
    automations: Automations = Automations()
    templates: Templates = Templates()
    source: Path | None = Field(None, exclude=True)

    @property
    def event_keys(self) -> tuple[EventKey, ...]:
        """Every key for events, each with its store as rows name it."""
        return tuple(
            one.model_copy(update={"store": self.shops.store(one.store) if one.store else ""})
            for one in self.events.known_keys
        )

    @property
    def staff_groups(self) -> tuple[int, ...]:
        """Every staff group as configured, the main one first."""
        groups = [self.telegram.staff_chat_id, *(group for one in self.support.departments for group in one.groups)]
        return tuple(dict.fromkeys(group for group in groups if group is not None))

    def groups_of(self, department: str) -> tuple[int, ...]:
        """The staff groups of a department; of one that is not known (any more) the main group."""
        own = next((one.groups for one in self.support.departments if one.name == department), ())
        main = self.telegram.staff_chat_id
        if own or main is None:
            return own or self.staff_groups[:1]
        return (main,)

    def off(self) -> list[str]:
        """The parts that do not run with this configuration, as `section.key` that would start them."""
        missing = []
        if not self.telegram.token:
            missing.append("telegram.token")
        elif not self.staff_groups:
            missing.append("telegram.staff_chat_id")
        if not self.mail.smtp_url:
            missing.append("mail.smtp_url")
        if not self.mailbox.imap_url:
            missing.append("mailbox.imap_url")
        if not self.events.known_keys:
            missing.append("events.keys")
        return missing
