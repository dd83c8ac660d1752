"""Templates of the shop's own people: sandboxed Jinja2, strict about names, with money, dates and plurals.

Values are plain dicts, lists, strings, numbers and times. Of a dict a template gets its keys and no method; of
everything else what stands in `_PARTS`. What a rendering may spend is counted (`render_budget`): hostile or wrong, it
ends soon, with a TemplateError.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from types import BuiltinMethodType, FunctionType, MethodType, TracebackType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import babel.dates
import jinja2
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.filters import _GroupTuple
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.base import money, render_code, render_filters
from bot.base import render_budget as budget
from bot.base.render_budget import LONGEST, TooMuchError

__all__ = [
    "LONGEST", "Environment", "SecurityError", "Template", "TemplateError", "TemplateSyntaxError", "TooMuchError",
    "UndefinedError", "environment", "line_of",
]  # fmt: skip

_MOST_TAGS = 5_000
_LONGEST_TAGS = 40_000  # characters of all tags: it takes longer to read them than to render them
_OF_WORDS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdecimal", "isdigit", "islower",
    "isnumeric", "isspace", "istitle", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
    "title", "upper",
})  # fmt: skip
_OF_DAYS = frozenset({"day", "isoformat", "isoweekday", "month", "strftime", "weekday", "year"})
_OF_TIMES = frozenset({"hour", "isoformat", "microsecond", "minute", "second", "strftime"})
_PARTS: Mapping[type, frozenset[str]] = {
    str: _OF_WORDS,
    datetime: _OF_DAYS | _OF_TIMES | {"date", "time", "timestamp"},
    date: _OF_DAYS,
    time: _OF_TIMES,
    timedelta: frozenset({"days", "seconds", "total_seconds"}),
    LoopContext: frozenset({
        "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex",
        "revindex0",
    }),
    _GroupTuple: frozenset({"grouper", "list"}),
}  # fmt: skip
"""What a template reaches of a value that is no dict, by its type."""
_seen: dict[Any, frozenset[str]] = {}
_LETTERS_OF_TIME = frozenset("aAbBcdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%-")
_LONGEST_FORMAT = 100
_NUMBERS = (int, float, Decimal)
_Any = TypeVar("_Any")


class Template(jinja2.Template):
    """Renders within the budget; whatever goes wrong is a TemplateError."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Raises TemplateError."""
        try:
            with budget.begun():
                return self._rendered(self.new_context(dict(*args, **kwargs)))
        except TemplateError:
            raise
        except RecursionError as error:
            raise TooMuchError("goes too deep; nothing must contain itself").with_traceback(
                error.__traceback__
            ) from None
        except Exception as error:  # whatever a template does with its values, it is the template's error
            words = f"{error}" or type(error).__name__
            raise TemplateRuntimeError(words).with_traceback(error.__traceback__) from error

    def _rendered(self, context: Context) -> str:
        try:
            return _joined(self.root_render_func(context))
        except Exception:  # Jinja's own way to make a traceback know the template's lines
            self.environment.handle_exception()


class Environment(ImmutableSandboxedEnvironment):
    """The functions beside Jinja's own hooks are what `render_code` writes into templates."""

    code_generator_class = render_code.CountingGenerator
    template_class = Template
    intercepted_binops = frozenset({"**", "*", "%", "+", "-", "/", "//"})
    spend = staticmethod(budget.spend)
    made = staticmethod(budget.made)

    @staticmethod
    def joined(parts: tuple[Any, ...]) -> list[Any]:
        return [render_filters.shown(part) for part in parts]

    @staticmethod
    def compared(value: Any) -> Any:
        if isinstance(value, list | tuple | Mapping | int | str):
            budget.whole(value)
        return value

    def sliced(self, value: Any, start: int | None, stop: int | None, step: int | None) -> Any:
        if not isinstance(value, str | list | tuple):
            return self.getitem(value, "a slice")
        return budget.made(value[start:stop:step])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS) and operator != "**":
            return budget.made(super().call_binop(context, operator, left, right))
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            raise UndefinedError(str(left if isinstance(left, Undefined) else right))
        if operator == "+" and _may_be_joined(left, right):
            budget.made(left), budget.made(right)
            return budget.made(left + right)
        if operator in "+-" and isinstance(left, date | timedelta) and isinstance(right, date | timedelta):
            return super().call_binop(context, operator, left, right)
        raise SecurityError(f"{operator} is not allowed here; write numbers or use a filter")

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict or isinstance(obj, Mapping):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        if attribute in _parts_of(obj):
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            raise UndefinedError(obj._undefined_message)
        if isinstance(obj, str | list | tuple | int | float | None) and not attribute.startswith("_"):
            return self.undefined(obj=obj, name=attribute)
        raise SecurityError(f"{attribute} of {type(obj).__name__} cannot be used here")

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str):
            return self.getattr(obj, str(argument))
        if isinstance(obj, Undefined):
            raise UndefinedError(obj._undefined_message)
        indexed = isinstance(obj, str | list | tuple) and isinstance(argument, int)
        if indexed or (isinstance(obj, Mapping) and isinstance(argument, int | float | None)):
            try:
                return obj[argument]
            except LookupError:
                pass
        return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        _check_call(called, args, kwargs)
        budget.enter()
        try:
            return budget.made(context.call(called, *args, **kwargs))
        finally:
            budget.leave()

    def parse(self, source: str, name: str | None = None, filename: str | None = None) -> nodes.Template:
        """Raises TemplateSyntaxError."""
        parse = super().parse
        return _within(lambda: parse(source, name, filename))

    def compile(self, source: Any, name: str | None = None, filename: str | None = None, *args: Any) -> Any:
        """Raises TemplateSyntaxError."""
        compiled = super().compile
        return _within(lambda: compiled(source, name, filename, *args))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if source.count("{{") + source.count("{%") + source.count("{#") > _MOST_TAGS:
            raise TemplateSyntaxError(f"more than {_MOST_TAGS:,} tags; write several templates", 1)
        if sum(end - start for start, end in render_code.tags(source) if source[start + 1] != "#") > _LONGEST_TAGS:
            raise TemplateSyntaxError(f"more than {_LONGEST_TAGS:,} characters in its tags; write less code", 1)
        tree = super()._parse(source, name, filename)
        render_code.check(tree, alone=self.loader is None)
        return tree

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        render_code.count_tests(source)
        return super()._generate(source, *args, **kwargs)


def environment(*, html: bool) -> Environment:
    """An environment for HTML (escapes values) or for plain text. Compile once per template, render many times."""
    made = Environment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=not html, lstrip_blocks=not html, cache_size=0,
        optimized=False, finalize=_finalize,
    )  # fmt: skip
    # Jinja has a `format`, an `attr`, a `range` and more that reach attributes by name, or burn gigabytes in one line.
    made.filters, made.tests, made.globals = dict(_filters()), dict(render_filters.allowed_tests()), {}
    return made


def line_of(error: BaseException) -> int | None:
    """The line of the template in which it happened, counted from 1."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    found, at = None, error.__traceback__
    while at is not None:
        found, at = (at.tb_lineno if _in_template(at) else found), at.tb_next
    return found


def _in_template(at: TracebackType) -> bool:
    return "__jinja_exception__" in at.tb_frame.f_globals or "__jinja_template__" in at.tb_frame.f_globals


@cache
def _filters() -> Mapping[str, Any]:
    return {**render_filters.allowed_filters(), "money": _money, "date": _date, "time": _time}


@pass_context  # which keeps Jinja from doing it once, when it compiles: every showing is paid for
def _finalize(_context: Context, value: Any) -> Any:
    return render_filters.shown(value)


def _joined(pieces: Iterator[str]) -> str:
    """The rendered text, given up as soon as it is longer than any part of a message."""
    out, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > LONGEST:
            raise TooMuchError(f"longer than {LONGEST:,} characters; show less")
        out.append(piece)
    return "".join(out)


def _within(do: Callable[[], _Any]) -> _Any:
    """Reading a template costs, too, and what Python makes of it may be too deep."""
    try:
        with budget.begun():
            return do()
    except TemplateSyntaxError as error:
        words = render_code.in_words(str(error.message))
        raise TemplateSyntaxError(words, error.lineno, error.name, error.filename) from None
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise TemplateSyntaxError(f"nested too deeply ({type(error).__name__}); write it flatter", 1) from None
    except (TemplateError, ValueError, OverflowError) as error:
        raise TemplateSyntaxError(str(error), line_of(error) or 1) from None


def _parts_of(value: Any) -> frozenset[str]:
    kind: Any = type(value)
    if kind not in _seen:
        _seen[kind] = _looked_up(kind)
    return _seen[kind]


def _looked_up(kind: Any) -> frozenset[str]:
    """By the list; of what the program itself gives (a topic on a page) the fields, and no method."""
    if kind.__module__.startswith(("bot.", "automations.")):
        return frozenset(getattr(kind, "_fields", getattr(kind, "__dataclass_fields__", ())))
    return next((_PARTS[one] for one in kind.__mro__ if one in _PARTS), frozenset())


def _may_be_joined(left: Any, right: Any) -> bool:
    return (isinstance(left, str) and isinstance(right, str)) or (isinstance(left, list) and isinstance(right, list))


def _check_call(called: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Macros, what the program gave, and the methods of `_PARTS`: nothing else is called."""
    if isinstance(called, Undefined):
        raise UndefinedError(called._undefined_message)
    if isinstance(called, BuiltinMethodType | MethodType):
        if called.__name__ not in _parts_of(called.__self__):
            raise SecurityError(f"{called.__name__} cannot be called here")
        for given in (*args, *named.values()):
            budget.whole(given)
        if called.__name__ == "replace":
            render_filters.check_replace(called.__self__, *args[:2])
        if called.__name__ == "strftime":
            _check_format(*args, *named.values())
    elif not isinstance(called, Macro | BlockReference | FunctionType):
        raise SecurityError(f"{type(called).__name__} cannot be called here")


def _check_format(words: str) -> None:
    """`%9999999d` would make gigabytes."""
    codes = {part[:1] for part in words.split("%")[1:]}
    if len(words) > _LONGEST_FORMAT or not codes <= _LETTERS_OF_TIME | {""}:
        raise SecurityError('strftime takes a format such as "%d.%m.%Y"')


def _money(amount: int | None, currency: str, language: str = "en") -> str:
    """What is not known is not shown."""
    return "" if amount is None else money.shown(amount, currency, language)


def _date(moment: datetime, language: str = "en", timezone: str = "UTC") -> str:
    return babel.dates.format_date(moment.astimezone(ZoneInfo(timezone)), format="long", locale=language)


def _time(moment: datetime, language: str = "en", timezone: str = "UTC") -> str:
    return babel.dates.format_time(moment, format="short", tzinfo=ZoneInfo(timezone), locale=language)
