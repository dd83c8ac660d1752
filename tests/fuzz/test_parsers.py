# ruff: noqa: E501 - kinds are as they come
"""Whatever comes in, a parser gives what can be kept or raises what it says it raises, and takes linear time."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from fuzz import parsers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

_CHECKED = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
_NASTY = (
    "", "\0", "\ud800", "\U0001f600", "９", "1e999", "-1", "9" * 5000, "NaN", "0x10", "Infinity", "2026-07-01T10:00:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1.299,00 €", "٣", "=?utf-8?q?=00?=", "=?x?b?!?=", "\u202e",
    "a@b", "<a@b.example>", "{{ x }}", "{% for", "<mj-text>", "[[", "[a.b]", "\r\n\r\n", "--b", "> x\n", "data:", "javascript:x",
)  # fmt: skip
_KEYS = (
    "id", "email", "event", "type", "batch", "userId", "anonymousId", "previousId", "messageId", "timestamp", "sentAt",
    "traits", "properties", "context", "products", "price", "total", "total_price", "currency", "quantity", "line_items",
    "customer", "refunds", "transactions", "amount", "fulfillments", "tracking_url", "tracking_numbers", "status",
    "created_at", "updated_at", "date_created_gmt", "date_modified_gmt", "billing", "variants", "image", "images",
    "financial_status", "cancelled_at", "email_marketing_consent", "state", "message", "chat", "from", "text", "date",
    "message_id", "update_id", "photo", "quote", "segment", "send", "when", "channels", "test", "where", "all", "any",
    "field", "over", "step", "wait", "on", "about", "name", "subject", "coupon", "meta_data", "shipping_lines", "tax_lines",
)  # fmt: skip

_texts = some.sampled_from(_NASTY) | some.text(max_size=20)
_leaves = _texts | some.integers() | some.floats() | some.booleans() | some.none() | some.sampled_from(_KEYS)
_trees = some.recursive(
    _leaves,
    lambda inner: (
        some.lists(inner, max_size=4) | some.dictionaries(some.sampled_from(_KEYS) | _texts, inner, max_size=6)
    ),
    max_leaves=25,
)


def _of_seeds(name: str) -> Any:
    """A sound input, with some of it cut out, doubled or replaced."""

    def changed(seed: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
        for at, length, instead in cuts:
            begin = at % (len(seed) + 1)
            seed = seed[:begin] + instead + seed[begin + length :]
        return seed

    pieces = some.binary(max_size=8) | _texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
    cut = some.tuples(some.integers(0, 4000), some.integers(0, 30), pieces)
    return some.builds(changed, some.sampled_from(list(parsers.seeds(name))), some.lists(cut, max_size=6))


@some.composite
def _trees_like(draw: Callable[[Any], Any], name: str) -> bytes:
    """The tree of a sound input, with values of other kinds in it."""
    seed = next(parsers.seeds(name))
    head, body = (seed[:1], seed[1:]) if name in ("segment", "shopify", "woocommerce") else (b"", seed)
    tree = json.loads(body)

    def other(value: Any) -> Any:
        if draw(some.integers(0, 5)) == 0:
            return draw(_trees)
        if isinstance(value, dict):
            return {key: other(inner) for key, inner in value.items()}
        return [other(inner) for inner in value] if isinstance(value, list) else value

    head = bytes([draw(some.integers(0, 255))]) if head else b""
    return head + json.dumps(other(tree)).encode()


_OF_JSON = ("segment", "shopify", "woocommerce", "broadcast", "telegram")


@pytest.mark.parametrize("name", parsers.PARSERS)
def test_a_sound_input_that_was_damaged(name: str) -> None:
    @_CHECKED
    @given(_of_seeds(name))
    def tried(data: bytes) -> None:
        parsers.PARSERS[name](data)

    tried()


@pytest.mark.parametrize("name", parsers.PARSERS)
def test_an_input_of_anything(name: str) -> None:
    @_CHECKED
    @given(
        some.binary(max_size=200)
        | some.lists(_texts, max_size=8).map(lambda texts: "".join(texts).encode("utf-8", "surrogatepass"))
    )
    def tried(data: bytes) -> None:
        parsers.PARSERS[name](data)

    tried()


@pytest.mark.parametrize("name", _OF_JSON)
def test_a_tree_with_other_kinds_of_values_in_it(name: str) -> None:
    @settings(_CHECKED, max_examples=100)
    @given(_trees_like(name))
    def tried(data: bytes) -> None:
        parsers.PARSERS[name](data)

    tried()


_LONG: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "lines of a key and a value": ("mail_text", lambda n: b"Order: 1234\n" * n),
    "quoted lines": ("mail_text", lambda n: b"Hi\n" + b"> x\n" * n),
    "quoted lines with own ones between": ("mail_text", lambda n: b"> x\nyes\n" * n),
    "empty lines": ("mail_text", lambda n: b"a" + b"\n" * n),
    "one long line": ("mail_text", lambda n: b"a " * n),
    "blanks": ("mail_text", lambda n: b"a" + b" " * n + b"b"),
    "colons": ("mail_text", lambda n: b":" * n),
    "signs of a signature": ("mail_text", lambda n: b"-- \n" * n),
    "introductions": ("mail_text", lambda n: b"On Mon, 1 Jul 2026, a@b.example wrote:\n" * n),
    "headers in the text": ("mail_text", lambda n: b"From: a@b.example\nSent: Monday\nTo: b\nSubject: x\n" * n),
    "addresses": ("mail_text", lambda n: b"a@b.example " * n),
    "inline tags": ("html", lambda n: b"<b>x</b> " * n),
    "open tags": ("html", lambda n: b"<div>" * n),
    "half tags": ("html", lambda n: b"<a " * n),
    "tags without an end": ("html", lambda n: b"<a href='" * n),
    "comments without an end": ("html", lambda n: b"<!--" * n),
    "declarations": ("html", lambda n: b"<!x" * n),
    "instructions": ("html", lambda n: b"<?x" * n),
    "sections": ("html", lambda n: b"<![CDATA[" * n),
    "ends of tags": ("html", lambda n: b"</" * n),
    "marks of characters": ("html", lambda n: b"&" * n),
    "blanks in html": ("html", lambda n: b"<p>a" + b" " * n + b"b</p>"),
    "breaks": ("html", lambda n: b"<br>" * n),
    "quotes within quotes": ("html", lambda n: b"<blockquote>" * n),
    "styles": ("html", lambda n: b"<style>" * n),
    "headers": ("mail", lambda n: b"X-A: b\n" * n + b"\nHi\n"),
    "receivers": ("mail", lambda n: b"To: " + b"a@b.example, " * n + b"\n\nHi\n"),
    "brackets of a receiver": ("mail", lambda n: b"From: " + b"(" * n + b"\n\nHi\n"),
    "quotes of a sender": ("mail", lambda n: b'From: "' + b'\\"' * n + b"\n\nHi\n"),
    "references": ("mail", lambda n: b"References: " + b"<a@b> " * n + b"\n\nHi\n"),
    "half references": ("mail", lambda n: b"References: " + b"<" * n + b"\n\nHi\n"),
    "words of a subject": ("mail", lambda n: b"Subject: " + b"=?utf-8?q?a?= " * n + b"\n\nHi\n"),
    "half words of a subject": ("mail", lambda n: b"Subject: " + b"=?" * n + b"\n\nHi\n"),
    "parts": ("mail", lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * n),
    "parameters": ("mail", lambda n: b"Content-Type: text/plain; " + b"a=b; " * n + b"\n\nHi\n"),
    "segments of a parameter": ("mail", lambda n: b"Content-Type: text/plain; " + b"".join(b"n*%d=b; " % i for i in range(n)) + b"\n\nHi\n"),
    "a report": ("mail", lambda n: b"From: mailer-daemon@b.example\nSubject: failed\n\n" + b"550 5.1.1 a@b.example\n" * n),
}  # fmt: skip
_TIMES, _FLOOR, _LETTERS = 15.0, 0.25, 4_000


@pytest.mark.parametrize("kind", _LONG)
def test_ten_times_as_much_takes_at_most_fifteen_times_as_long(kind: str) -> None:
    name, made = _LONG[kind]
    n = max(1, _LETTERS // max(1, (len(made(50)) - len(made(10))) // 40))
    once, ten = _best(name, made(n)), _best(name, made(10 * n))
    assert ten < _TIMES * once + _FLOOR, f"{once:.3f} s became {ten:.3f} s"


def _best(name: str, data: bytes) -> float:
    found = []
    for _ in range(2):
        begun = time.process_time()
        parsers.PARSERS[name](data)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.parametrize("name", ["config", "flow", "audience", "chat_template", "mail_template"])
@pytest.mark.parametrize("well", [b"a = " + b"[" * 5000, b"a = " + b"{b=" * 3000, b"[" + b"a." * 5000 + b"b]\n", b"a." * 5000 + b"b = 1\n"], ids=["lists", "tables", "header", "key"])  # fmt: skip
def test_a_file_as_deep_as_a_well_is_a_finding(name: str, well: bytes) -> None:
    parsers.PARSERS[name](b"+++\n" + well + b"\n+++\nhi\n" if name.endswith("template") else well)


@pytest.mark.parametrize(
    "kind",
    [
        b"text/htm\0\0et=gbk",
        b"text/\xff\xfe",
        b"x/" + b"y" * 5000,
        b"text/html; charset=\0",
        b"a/b; name*=utf-8''%00%ff",
    ],
)
def test_a_mail_whose_part_is_of_a_kind_that_is_none(kind: bytes) -> None:
    """Found by search: what is no text in the kind of a part stood in the row, which no database took."""
    parsers.mail(
        b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
        + kind
        + b"\n\nx\n--b--\n"
    )
