"""The filters and tests that a template may use, each of them paid for; what is not listed does not exist."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any

from jinja2 import Undefined, filters, pass_environment, pass_eval_context, tests
from jinja2.environment import Environment
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.nodes import EvalContext
from markupsafe import escape

from bot.base import render_budget as budget
from bot.base.render_budget import LONGEST, TooMuchError

_OF_TEXT = (
    "capitalize", "e", "escape", "forceescape", "lower", "replace", "safe", "string", "striptags", "title", "trim",
    "truncate", "upper", "urlize", "wordcount",
)  # fmt: skip
_OF_LISTS = (
    "batch", "first", "items", "last", "length", "count", "list", "map", "random", "reject", "rejectattr", "reverse",
    "select", "selectattr", "slice",
)  # fmt: skip
_WHOLE = ("dictsort", "groupby", "max", "min", "sort", "tojson", "unique", "urlencode")
"""These compare, hash or print everything inside."""
_OF_NUMBERS = ("abs", "float", "int", "round")
_ANY = ("d", "default")
_TESTS = (
    "boolean", "defined", "divisibleby", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none",
    "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip
_COMPARING = (
    "==", "!=", ">", ">=", "<", "<=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne",
)  # fmt: skip
_LONGEST_OF = {"striptags": 20_000, "urlize": 10_000}  # they take quadratic time
_MOST_COLUMNS = 1000
_DIGITS = 12
_INDENT = 8

Function = Callable[..., Any]


def allowed_filters() -> dict[str, Function]:
    known = filters.FILTERS
    made = {name: _paying(name, known[name], _text) for name in _OF_TEXT}
    made |= {name: _paying(name, known[name], _list) for name in _OF_LISTS}
    made |= {name: _paying(name, known[name], budget.whole) for name in _WHOLE}
    made |= {name: _paying(name, known[name], _number) for name in _OF_NUMBERS}
    made |= {name: known[name] for name in _ANY}
    return made | {"join": _join, "sum": _sum, "_counted": _counted}


def allowed_tests() -> dict[str, Function]:
    known: Mapping[str, Any] = tests.TESTS
    return {name: known[name] for name in _TESTS} | {name: _comparing(known[name]) for name in _COMPARING}


def shown(value: Any) -> Any:
    """A value that may stand in a text, paid for: words, numbers, times. Raises SecurityError for lists and objects."""
    if isinstance(value, str):
        budget.text(len(value))
        return value
    if value is None or isinstance(value, int | float):
        budget.spend(1, 20)
        budget.number(value or 0)
        return value
    if isinstance(value, Undefined):
        return str(value)  # which says what is missing
    if isinstance(value, list | tuple | Mapping):
        raise SecurityError("a list cannot be shown as it is; loop over it, or use | join")
    if type(value).__module__ in ("datetime", "decimal"):
        budget.spend(1, 40)
        return value
    if hasattr(value, "__next__"):
        raise SecurityError("a list cannot be shown as it is; loop over it, or use | join")
    raise SecurityError(f"{type(value).__name__} is nothing that can be shown")


def check_replace(text: object, old: object, new: object) -> None:
    """Raises TooMuchError before it is made."""
    escaped, sought = str(escape(text)), str(old)
    found = max(escaped.count(sought), str(text).count(sought))
    if len(escaped) + found * len(escape(new)) > LONGEST:
        raise TooMuchError(f"makes a text longer than {LONGEST:,} characters; replace less")


def _paying(name: str, function: Function, pay: Callable[[Any], None]) -> Function:
    """`pay` sees what the filter is about, its other arguments pay as text or list."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0
    check = _CHECKS.get(name)

    @wraps(function)
    def paying(*arguments: Any, **named: Any) -> Any:
        value, *others = arguments[first:] or (None,)
        pay(value)
        for other in (*others, *named.values()):
            budget.whole(other)
        if isinstance(value, str) and len(value) > _LONGEST_OF.get(name, LONGEST):
            raise TooMuchError(f"{name} takes at most {_LONGEST_OF.get(name, LONGEST):,} characters; use | truncate")
        if check is not None:
            check(*arguments[first:], **named)
        return budget.made(function(*arguments, **named))

    return paying


def _comparing(function: Any) -> Function:
    @wraps(function)
    def comparing(value: Any, other: Any) -> Any:
        budget.whole(value)
        budget.whole(other)
        return function(value, other)

    return comparing


def _text(value: Any) -> None:
    shown(value)


def _number(value: Any) -> None:
    if isinstance(value, str):
        budget.text(len(value))
    elif isinstance(value, int | float):
        budget.number(value)
    elif value is not None and not isinstance(value, Undefined | Decimal):
        raise SecurityError(f"{type(value).__name__} is no number")


def _list(value: Any) -> None:
    if isinstance(value, str | list | tuple | Mapping):
        budget.spend(1 + len(value))
    elif not hasattr(value, "__next__") and not isinstance(value, Undefined | type({}.items())):
        raise SecurityError(f"{type(value).__name__} is no list")


def _columns(value: object, count: int, *_others: object, **_named: object) -> None:
    if not 1 <= int(count) <= _MOST_COLUMNS:
        raise TooMuchError(f"batch and slice take a number from 1 to {_MOST_COLUMNS}")


def _batch(value: object, linecount: int, fill_with: object = None) -> None:
    _columns(value, linecount)


def _slice(value: object, slices: int, fill_with: object = None) -> None:
    _columns(value, slices)


def _round(value: object, precision: int = 0, method: str = "common") -> None:
    if not -_DIGITS <= int(precision) <= _DIGITS:
        raise TooMuchError(f"round takes at most {_DIGITS} digits")


def _tojson(value: object, indent: int | None = None) -> None:
    if indent is not None and not 0 <= int(indent) <= _INDENT:
        raise TooMuchError(f"tojson takes an indent of at most {_INDENT}")


def _replace(s: object, old: object, new: object, count: object = None) -> None:
    check_replace(s, old, new)


_CHECKS: Mapping[str, Callable[..., None]] = {
    "batch": _batch, "slice": _slice, "round": _round, "tojson": _tojson, "replace": _replace,
}  # fmt: skip


@pass_eval_context
def _join(eval_ctx: EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> Any:
    """Each part must be something that can be shown, and is paid for before the whole is made."""
    _list(value)
    parts = value if attribute is None else map(filters.make_attrgetter(eval_ctx.environment, attribute), value)
    words = [shown(part) for part in parts]
    budget.text(len(escape(d)) * len(words))
    return budget.made(filters.sync_do_join(eval_ctx, words, d))


@pass_environment
def _sum(environment: Environment, iterable: Iterable[Any], attribute: str | int | None = None, start: Any = 0) -> Any:
    _list(iterable)
    parts = iterable if attribute is None else map(filters.make_attrgetter(environment, attribute), iterable)
    return budget.made(sum(map(_addable, parts), _addable(start)))


def _addable(part: Any) -> Any:
    budget.spend(1)
    if not isinstance(part, int | float | Decimal):
        raise UndefinedError(str(part)) if isinstance(part, Undefined) else SecurityError("sum adds numbers only")
    return part


def _counted(values: Iterable[Any]) -> Any:
    return budget.made(iter(values))
