"""How a template becomes code that counts: every block pays when it runs, every dear expression goes through us."""

import re
from collections.abc import Iterable, Iterator

from jinja2 import TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame

_MOST_NODES = 20_000
_DEEPEST = 60  # blocks and brackets inside one another
_CANNOT: dict[type[nodes.Node], str] = {
    nodes.Import: "import is not allowed here",
    nodes.FromImport: "import is not allowed here",
}
_WITHOUT_FOLDER: dict[type[nodes.Node], str] = {
    nodes.Include: 'include is not allowed here; in a mail write <mj-include path="…" />',
    nodes.Extends: "extends is not allowed here",
}

_OPENING = re.compile(r"\{[{%#]")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}")
_ENDRAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")
_IN_WORDS = (
    (r"Unexpected end of template\. .*innermost block that needs to be closed is '(?P<tag>\w+)'",
     "{{% {tag} %}} is never closed; write {{% end{tag} %}} where it ends"),
    (r"Encountered unknown tag 'end(?P<tag>\w+)'\. .*innermost block that needs to be closed is '(?P<open>\w+)'",
     "{{% end{tag} %}} cannot close {{% {open} %}}; write {{% end{open} %}} first"),
    (r"unexpected char [\"']['\"][\"']", "a quote is not closed"),
    (r"Encountered unknown tag 'end(?P<tag>\w+)'", "{{% end{tag} %}} closes nothing here; no {{% {tag} %}} is open"),
    (r"Encountered unknown tag '(?P<tag>\w+)'", "there is no {{% {tag} %}}"),
    (r"expected token 'end of print statement'|unexpected end of template, expected 'end of print statement'",
     "}}}} is missing, or {{{{ … }}}} holds more than one value"),
    (r"unexpected '}'", "}}}} or %}} is cut short: one sign of it is missing"),
    (r"expected token 'end of statement block'|unexpected end of template, expected 'end of statement block'",
     "%}} is missing, or something too many stands in {{% … %}}"),
)  # fmt: skip


def in_words(said: str) -> str:
    """What Jinja says of a template that it cannot read, for people who write mails and no programs."""
    for pattern, words in _IN_WORDS:
        if found := re.match(pattern, said):
            return words.format(**found.groupdict())
    return said


class CountingGenerator(CodeGenerator):
    """Jinja's own compiler; `environment` has `spend`, `compared`, `joined` and `sliced` for the code it writes."""

    def blockvisit(self, nodes: Iterable[nodes.Node], frame: Frame) -> None:
        body = list(nodes)
        self.writeline(f"environment.spend({_weight(body)}, {_characters(body)})")
        super().blockvisit(body, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - the name that Jinja calls
        """Two lists inside lists can take for ever to compare; whatever is compared with a plain word cannot."""
        plain = any(isinstance(one, nodes.Const) for one in (node.expr, *(operand.expr for operand in node.ops)))
        if plain and all(operand.op not in ("in", "notin") for operand in node.ops):
            super().visit_Compare(node, frame)
            return
        self.write("(")
        self._compared(node.expr, frame)
        for operand in node.ops:
            self.write(f" {_OPERATORS[operand.op]} ")
            self._compared(operand.expr, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - the name that Jinja calls
        joins = "str_join"
        if frame.eval_ctx.volatile:
            joins = "(markup_join if context.eval_ctx.autoescape else str_join)"
        elif frame.eval_ctx.autoescape:
            joins = "markup_join"
        self.write(f"environment.made({joins}(environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))))")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802 - the name that Jinja calls
        self.write("{")
        for pair in node.items:
            self._compared(pair.key, frame)
            self.write(": ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - the name that Jinja calls
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.sliced(")
        self.visit(node.node, frame)
        for bound in (node.arg.start, node.arg.stop, node.arg.step):
            self.write(", ")
            if bound is None:
                self.write("None")
            else:
                self.visit(bound, frame)
        self.write(")")

    def _compared(self, node: nodes.Expr, frame: Frame) -> None:
        if isinstance(node, nodes.Const):
            self.visit(node, frame)
            return
        self.write("environment.compared(")
        self.visit(node, frame)
        self.write(")")


_OPERATORS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in",
}  # fmt: skip


def tags(source: str) -> Iterator[tuple[int, int]]:
    """Where Jinja's tags stand, `{% raw %}` with all it holds as one. Each kind's end is sought once, not for ever."""
    position, absent = 0, set[str]()
    while opening := _OPENING.search(source, position):
        start, kind = opening.start(), opening[0]
        position, closing = start + 2, _CLOSING[kind]
        raw = _RAW.match(source, start) if kind == "{%" and "raw" not in absent else None
        if raw and (ends := _ENDRAW.search(source, raw.end())):
            position = ends.end()
            yield start, position
            continue
        if raw:
            absent.add("raw")
        end = -1 if closing in absent else source.find(closing, position)
        if end < 0:
            absent.add(closing)
            continue
        position = end + 2
        yield start, position


def check(tree: nodes.Template, *, alone: bool) -> None:
    """Raises TemplateSyntaxError for what no template may say. `alone`: it stands in no folder of other templates."""
    forbidden = {**_CANNOT, **(_WITHOUT_FOLDER if alone else {})}
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 1)]
    count = 0
    while waiting:
        node, depth, line = waiting.pop()
        line = node.lineno or line
        count += 1
        if message := forbidden.get(type(node)):
            raise TemplateSyntaxError(message, line)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateSyntaxError("recursive loops are not allowed here", line)
        if depth > _DEEPEST:
            raise TemplateSyntaxError(f"nested more than {_DEEPEST} deep; write it flatter", line)
        if count > _MOST_NODES:
            raise TemplateSyntaxError(f"more than {_MOST_NODES:,} parts; write several templates", line)
        waiting += ((child, depth + 1, line) for child in node.iter_child_nodes())


def count_tests(tree: nodes.Template) -> None:
    """`for x in xs if …` looks at items that its body never sees: they are counted as they come."""
    for loop in tree.find_all(nodes.For):
        if loop.test is not None:
            loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)


def _weight(body: Iterable[nodes.Node]) -> int:
    return 1 + sum(1 for node in body for _ in _own(node))


def _characters(body: Iterable[nodes.Node]) -> int:
    return sum(len(data.data) for node in body for data in _own(node) if isinstance(data, nodes.TemplateData))


def _own(node: nodes.Node) -> Iterator[nodes.Node]:
    """The parts of a statement that run with it; blocks inside it pay for themselves."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += (child for child in one.iter_child_nodes() if not isinstance(child, nodes.Stmt))
        if isinstance(one, nodes.If):
            waiting += (other.test for other in one.elif_)
