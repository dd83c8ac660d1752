"""Which values a template uses, and which of them a sample does not have: read from its syntax, not by trying.

A branch that the sample never takes is checked as well. Filters and tests that allow for a missing value (`default`,
`is defined`) allow it here too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes
from rapidfuzz import fuzz, process

from bot.base.render import Environment

_UNKNOWN = object()
_MOST_NAMES = 20
_SAME_LIST = frozenset({"list", "sort", "reverse", "selectattr", "rejectattr", "select", "reject", "unique"})
_ONE_OF_LIST = frozenset({"first", "last", "min", "max", "random"})


@dataclass
class Used:
    """`names` are dotted paths such as `cart.items[].price`; `missing` are complaints with their line.

    `lacking` are the paths that the sample does not have.
    """

    names: set[str] = field(default_factory=set)
    missing: list[tuple[int, str]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Value:
    path: str
    sample: Any = _UNKNOWN


_NOTHING_KNOWN = _Value("")


def used(environment: Environment, source: str, sample: Mapping[str, Any], *, given: frozenset[str]) -> Used:
    """Raises TemplateSyntaxError. `given` are names that the program itself adds (`subject`, `_l`)."""
    walk, tree = _Walk(environment, sample, given), environment.parse(source)
    walk.asked_for = {_dotted(test.node) for test in tree.find_all(nodes.Test) if test.name == "defined"}
    walk.block(tree.body, {})
    return walk.found


class _Walk:
    def __init__(self, environment: Environment, sample: Mapping[str, Any], given: frozenset[str]) -> None:
        self.environment = environment
        self.sample = sample
        self.given = given
        self.found = Used()
        self.asked_for: set[str] = set()
        """What the template itself asks about with `is defined`: it may be missing everywhere."""

    def block(self, body: list[nodes.Node], scope: dict[str, _Value]) -> None:
        for node in body:
            self.statement(node, scope)

    def statement(self, node: nodes.Node, scope: dict[str, _Value]) -> None:
        if isinstance(node, nodes.For):
            inner = {**scope, "loop": _NOTHING_KNOWN}
            _bind(node.target, _element(self.value(node.iter, scope)), inner)
            if node.test:
                self.value(node.test, inner)
            self.block(node.body, inner)
            self.block(node.else_, scope)
        elif isinstance(node, nodes.Assign):
            _bind(node.target, self.value(node.node, scope), scope)
        elif isinstance(node, nodes.If):
            self.value(node.test, scope)
            for body in (node.body, node.elif_, node.else_):
                self.block(list(body), scope)
        elif isinstance(node, nodes.With):
            inner = dict(scope)
            for target, value in zip(node.targets, node.values, strict=True):
                _bind(target, self.value(value, scope), inner)
            self.block(node.body, inner)
        elif isinstance(node, nodes.Macro):
            self.block(node.body, {**scope, **{argument.name: _NOTHING_KNOWN for argument in node.args}})
            scope[node.name] = _NOTHING_KNOWN
        elif isinstance(node, nodes.Expr):
            self.value(node, scope)
        else:
            for child in node.iter_child_nodes():
                self.statement(child, scope)

    def value(self, node: nodes.Node, scope: dict[str, _Value], *, forgiving: bool = False) -> _Value:
        """What the expression stands for in the sample. `forgiving`: it may be missing."""
        match node:
            case nodes.Name():
                return self._name(node, scope, forgiving)
            case nodes.Getattr():
                return self._key(self.value(node.node, scope, forgiving=forgiving), node.attr, node.lineno, forgiving)
            case nodes.Getitem(arg=nodes.Const(value=str(key))):
                return self._key(self.value(node.node, scope, forgiving=forgiving), key, node.lineno, forgiving)
            case nodes.Getitem():
                whole = self.value(node.node, scope, forgiving=forgiving)
                self._children([node.arg], scope)
                return whole if isinstance(node.arg, nodes.Slice) else _element(whole)
            case nodes.Filter():
                return self._filter(node, scope)
            case nodes.Test():
                if node.name not in self.environment.tests:
                    self._complain(node.lineno, f"unknown test {node.name}", node.name, self.environment.tests)
                self.value(node.node, scope, forgiving=node.name in ("defined", "undefined"))
                self._children(node.args, scope)
                return _NOTHING_KNOWN
            case nodes.Or():
                left = self.value(node.left, scope)
                right = self.value(node.right, scope)
                return left if left.sample is not _UNKNOWN else right
        self._children(list(node.iter_child_nodes()), scope)
        return _NOTHING_KNOWN

    def _children(self, children: list[Any], scope: dict[str, _Value]) -> None:
        for child in children:
            self.value(child, scope)

    def _name(self, node: nodes.Name, scope: dict[str, _Value], forgiving: bool) -> _Value:
        if node.name in scope:
            return scope[node.name]
        if node.name in self.sample:
            self.found.names.add(node.name)
            return _Value(node.name, self.sample[node.name])
        known = {*self.given, *self.environment.globals, *self.asked_for}
        if node.name not in known and not forgiving:
            self.found.lacking.append(node.name)
            self._complain(node.lineno, f"{node.name} is not a value that this mail gets", node.name, self.sample)
        return _NOTHING_KNOWN

    def _key(self, whole: _Value, key: str, line: int, forgiving: bool) -> _Value:
        if whole.sample is _UNKNOWN:
            return _NOTHING_KNOWN
        path = f"{whole.path}.{key}"
        if isinstance(whole.sample, Mapping) and key in whole.sample:
            self.found.names.add(path)
            return _Value(path, whole.sample[key])
        if not isinstance(whole.sample, Mapping) and hasattr(whole.sample, key):
            return _NOTHING_KNOWN  # a method or a part of a plain value, such as the year of a date
        if not forgiving and path not in self.asked_for:
            self.found.lacking.append(path)
            known = whole.sample if isinstance(whole.sample, Mapping) else {}
            self._complain(line, f"{path} is not a value that this mail gets", key, known)
        return _NOTHING_KNOWN

    def _filter(self, node: nodes.Filter, scope: dict[str, _Value]) -> _Value:
        if node.name not in self.environment.filters:
            self._complain(node.lineno, f"unknown filter {node.name}", node.name, self.environment.filters)
        value = _NOTHING_KNOWN
        if node.node is not None:
            value = self.value(node.node, scope, forgiving=node.name in ("default", "d"))
        self._children([*node.args, *node.kwargs], scope)
        if node.name in _SAME_LIST:
            return value
        return _element(value) if node.name in _ONE_OF_LIST else _NOTHING_KNOWN

    def _complain(self, line: int, message: str, name: str, known: Mapping[str, Any]) -> None:
        near = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=60)
        words = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        self.found.missing.append((line, f"{message}; {words}" if near or 0 < len(known) <= _MOST_NAMES else message))


def _dotted(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{_dotted(node.node)}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else ""


def _element(whole: _Value) -> _Value:
    """One item of a list: the sample's items taken together, since any of them may lack what another has."""
    if not isinstance(whole.sample, list):
        return _NOTHING_KNOWN
    items = whole.sample
    if items and all(isinstance(item, Mapping) for item in items):
        return _Value(f"{whole.path}[]", {key: value for item in items for key, value in item.items()})
    return _Value(f"{whole.path}[]", items[0]) if items else _NOTHING_KNOWN


def _bind(target: nodes.Node, value: _Value, scope: dict[str, _Value]) -> None:
    if isinstance(target, nodes.Name):
        scope[target.name] = value
        return
    for name in _names(target):
        scope[name] = _NOTHING_KNOWN


def _names(target: nodes.Node) -> Iterator[str]:
    for name in target.find_all(nodes.Name):
        yield name.name
