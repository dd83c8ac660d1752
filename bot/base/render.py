"""Templates of the shop's own people: sandboxed Jinja2, strict about names, with money, dates and plurals.

Values are plain dicts, lists, strings and numbers. The sandbox looks dict keys up first, so `cart.items` is the
items and no method of a dict can be reached.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import babel.dates
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.base import money

__all__ = ["Environment", "SecurityError", "TemplateError", "TemplateSyntaxError", "UndefinedError", "environment"]

# Filters and globals that can burn minutes or gigabytes from one line, or reach attributes by name.
_FORBIDDEN_FILTERS = ("attr", "center", "format", "indent", "wordwrap", "filesizeformat", "pprint", "xmlattr")
LONGEST = 300_000  # characters of one rendered part


class Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"**", "*", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is not allowed here; write numbers or use a filter")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def environment(*, html: bool) -> Environment:
    """An environment for HTML (escapes values) or for plain text. Compile once per template, render many times."""
    made = Environment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=not html, lstrip_blocks=not html, cache_size=0
    )
    for name in _FORBIDDEN_FILTERS:
        made.filters.pop(name, None)
    for name in ("range", "lipsum", "cycler", "joiner", "namespace"):
        made.globals.pop(name, None)
    made.filters["money"] = _money
    made.filters["date"] = _date
    made.filters["time"] = _time
    return made


def _money(amount: int | None, currency: str, language: str = "en") -> str:
    """What is not known is not shown."""
    return "" if amount is None else money.shown(amount, currency, language)


def _date(moment: datetime, language: str = "en", timezone: str = "UTC") -> str:
    return babel.dates.format_date(moment.astimezone(ZoneInfo(timezone)), format="long", locale=language)


def _time(moment: datetime, language: str = "en", timezone: str = "UTC") -> str:
    return babel.dates.format_time(moment, format="short", tzinfo=ZoneInfo(timezone), locale=language)
