"""The kinds of values that a configuration has, with their checks."""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from babel.core import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator

from bot.base import clock, hosts

LANGUAGES = ("en", "zh_CN")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('write a duration in quotes, such as "30s", "4h" or "7d"')
    return clock.duration(value)


class WorkingDays(timedelta):
    """A promise in working days: each 24 hours of it are one date on which the desk opens, however long it is open."""


def _target(value: object) -> timedelta:
    found = _duration(value)
    if not isinstance(value, str) or not re.search("[dw]", value.lower()):
        return found
    if re.search("[hmsw]", value.lower()):
        raise ValueError('write working days, such as "3d", or opening hours, such as "24h"; not both, and no weeks')
    return WorkingDays(seconds=found.total_seconds())


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


def _host(value: str) -> str:
    """A name without scheme and path. `*.example` means the same as `example`: those below count anyway."""
    name = value.strip().lower().removeprefix("*").strip(".")
    if not name or hosts.host_of(f"https://{name}") == "" or ("." not in name and name != "localhost"):
        raise ValueError(f"{value!r} is not a host; write it like cdn.shop.example, without https://")
    return name


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip()))
    except ValueError:
        words = f"{value!r} is neither an address nor a network; write 10.0.0.5 or 10.0.0.0/8"
        raise ValueError(words) from None


Timezone = Annotated[str, AfterValidator(_timezone)]
Currency = Annotated[str, AfterValidator(_currency)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Target = Annotated[timedelta, PlainValidator(_target)]
"""What is promised: hours are opening hours, days are working days."""
Language = Annotated[str, AfterValidator(_language)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]


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
