# ruff: noqa: E501 - each attack is one line
"""What a template of a hostile or careless hand can reach (nothing but its values) and spend (next to nothing)."""

import time
import tracemalloc
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from bot.base import paths, render
from bot.base.render import TemplateError
from bot.outbound.email import mail_template
from bot.outbound.email.templates import MailTemplates

SECRET = "the server's secret"


@dataclass
class _Ground:
    """Stands for whatever object might slip into a template's values."""

    secret: str = SECRET
    rows: list[str] = field(default_factory=lambda: [SECRET])

    def wipe(self) -> str:
        return SECRET


def _values() -> dict[str, Any]:
    with create_engine("sqlite://").connect() as connection:
        row = connection.execute(text("select 'Mia' as name")).one()

    def given(word: str) -> str:
        return word

    return {
        "name": "Mia", "number": 7, "price": Decimal("9.90"), "when": datetime(2026, 5, 1, 12, tzinfo=UTC),
        "span": timedelta(days=2), "row": row, "ground": _Ground(), "given": given, "language": "en",
        "cart": {"items": [{"name": "Mug", "price": 990}, {"name": "Cup", "price": 490}], "total": 1480},
        "frozen": MappingProxyType({"a": 1}), "long": "x" * 100_000, "many": [{"n": n} for n in range(1000)],
        "raw": b"Mia", "numbers": list(range(1000)),
    }  # fmt: skip


ESCAPES = [
    # from a value to its class, and from there to everything
    "{{ name.__class__ }}", "{{ name.__class__.__mro__ }}", "{{ name.__class__.__base__.__subclasses__() }}",
    "{{ number.__class__ }}", "{{ price.__class__ }}", "{{ cart.__class__ }}", "{{ cart.items.__class__ }}",
    "{{ when.__class__ }}", "{{ span.__class__ }}", "{{ none.__class__ }}", "{{ true.__class__ }}",
    "{{ ''['__class__'] }}", "{{ ()['__class__']['__base__'] }}", "{{ name['__cl' ~ 'ass__'] }}",
    "{{ [].__class__.__base__ }}", "{{ {}.__class__ }}", "{{ ().__class__.__bases__[0] }}",
    "{% set c = '__class__' %}{{ name[c] }}", "{{ name.__init__.__globals__ }}", "{{ name.__doc__ }}",
    "{{ name.__reduce_ex__(2) }}", "{{ name.__getattribute__('__class__') }}", "{{ name.__dir__() }}",
    "{{ cart.items[0].__class__ }}", "{{ frozen.__class__ }}", "{{ raw.__class__ }}",
    # functions that the program gave
    "{{ given.__globals__ }}", "{{ given.__code__ }}", "{{ given.__closure__ }}", "{{ given.__defaults__ }}",
    "{{ given.__builtins__ }}", "{{ given['__globals__'] }}", "{{ given.func_globals }}", "{{ given }}",
    "{{ given.__call__('x') }}", "{{ given.__get__(1) }}", "{{ given.__module__ }}",
    # by a filter or a test that takes a name
    "{{ name | attr('__class__') }}", "{{ name | attr('upper') }}", "{{ [name] | map('attr', '__class__') | list }}",
    "{{ [name] | map(attribute='__class__') | list }}", "{{ [name] | map(attribute='__class__.__mro__') | join }}",
    "{{ [given] | map(attribute='__globals__') | list | length }}", "{{ [ground] | map(attribute='secret') | join }}",
    "{{ [name] | selectattr('__class__') | list | length }}", "{{ [name] | groupby('__class__') | list }}",
    "{{ [ground] | groupby('secret') | first }}", "{{ [name, name] | sort(attribute='__class__') | join }}",
    "{{ [ground] | join(attribute='secret') }}", "{{ [ground] | join(attribute='rows.0') }}",
    "{{ [name] | sum(attribute='__class__') }}", "{{ [name] | unique(attribute='__class__') | join(attribute='x') }}",
    "{{ [given, given] | min(attribute='__code__') }}", "{{ [name] | rejectattr('__class__', 'none') | map('e') | join('x', '__class__') }}",
    "{{ name | map('__class__') | list }}", "{{ name is __class__ }}", "{{ [1] | select('attr') | list }}",
    "{{ name | pprint }}", "{{ ground | pprint }}", "{{ ground | xmlattr }}", "{{ ground | tojson }}",
    "{{ ground | string }}", "{{ ground | e }}", "{{ ground | safe }}", "{{ ground | list }}", "{{ ground | items | list }}",
    # formatting
    "{{ '{0.__class__}'.format(name) }}", "{{ '{0.secret}'.format(ground) }}", "{{ '{x.secret}'.format(x=ground) }}",
    "{{ '{x.secret}'.format_map({'x': ground}) }}", "{{ '{0[secret]}'.format(ground) }}", "{{ '%s' % ground }}",
    "{{ '%(a)s' % {'a': ground} }}", "{{ '%s' | format(ground) }}", "{{ ('{0.secret}' | e).format(ground) }}",
    "{{ ('{0.__class__}' | safe).format(name) }}", "{{ ('{x}' | safe).format_map(cart) }}",
    "{% set f = '{0.secret}'.format %}{{ f(ground) }}", "{{ ['{0.secret}'] | map('format', ground) | join }}",
    "{{ name.join([ground]) }}", "{{ name ~ ground }}", "{{ ground ~ '' }}", "{{ [ground] | join }}",
    # objects of the program
    "{{ ground }}", "{{ ground.secret }}", "{{ ground.rows[0] }}", "{{ ground['secret'] }}", "{{ ground.wipe() }}",
    "{{ ground.__dict__ }}", "{{ ground.rows | first }}", "{% for one in ground.rows %}{{ one }}{% endfor %}",
    "{{ row.name }}", "{{ row._mapping }}", "{{ row._asdict() }}", "{{ row }}", "{{ row['name'] }}", "{{ row.count('x') }}",
    "{{ price.as_tuple() }}", "{{ price.from_float(1.0) }}", "{{ when.now() }}", "{{ when.tzinfo }}", "{{ when.replace(year=1) }}",
    "{{ when.fromtimestamp(0) }}", "{{ when.min }}", "{{ when.strptime('1', '%d') }}", "{{ number.real }}", "{{ number.to_bytes(9) }}",
    "{{ span.max }}", "{{ span.resolution }}", "{{ raw.decode() }}", "{{ raw }}", "{{ name.encode() }}", "{{ name.encode().decode() }}",
    "{{ name.translate({77: 'x'}) }}", "{{ name.maketrans('a', 'b') }}",
    # changing what others see
    "{{ cart.items.append(1) }}", "{{ cart.update({'a': 1}) }}", "{{ cart.pop('items') }}", "{{ cart.clear() }}",
    "{{ cart.setdefault('a', 1) }}", "{{ cart['clear']() }}", "{{ cart.items.extend([1]) }}", "{{ cart.items.sort() }}",
    "{{ cart.items.pop() }}", "{{ cart.items.insert(0, 1) }}", "{{ cart.items['append'](1) }}", "{{ cart.items.__setitem__(0, 1) }}",
    "{% set cart.total = 1 %}", "{{ cart.popitem() }}", "{{ numbers.reverse() }}", "{{ numbers.remove(1) }}",
    # Jinja's own insides
    "{{ self }}", "{{ self.__class__ }}", "{{ self._TemplateReference__context }}", "{{ self['_TemplateReference__context'] }}",
    "{{ self.__init__.__globals__ }}", "{% block a %}{{ self.a }}{% endblock %}", "{{ context }}", "{{ environment }}",
    "{{ cycler }}", "{{ cycler.__init__.__globals__.os }}", "{{ joiner.__init__ }}", "{{ namespace.__class__ }}", "{{ namespace(a=1).a }}",
    "{{ lipsum }}", "{{ lipsum.__globals__['os'].popen('id').read() }}", "{{ dict(a=1).a }}", "{{ range(3) | list | first }}",
    "{{ url_for.__globals__ }}", "{{ get_flashed_messages }}", "{{ request }}", "{{ config }}", "{{ __builtins__ }}", "{{ _l_0_name }}",
    "{% for x in [1] %}{{ loop }}{% endfor %}", "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}", "{% for x in [1] %}{{ loop._undefined }}{% endfor %}",
    "{% for x in [1] %}{{ loop.changed(x) }}{% endfor %}", "{% for x in [1] %}{{ loop(x) }}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle.__func__ }}{% endfor %}", "{% for x in [1] %}{{ loop.cycle.__self__ }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m }}", "{% macro m() %}{% endmacro %}{{ m.__class__ }}",
    "{% macro m() %}{% endmacro %}{{ m._environment }}", "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m.name }}", "{% macro m() %}{{ caller.__class__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% macro m() %}{{ caller._func }}{% endmacro %}{% call m() %}{% endcall %}", "{% macro m() %}{{ varargs }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{{ kwargs.__class__ }}{% endmacro %}{{ m(a=1) }}", "{% block a %}{{ super.__func__ }}{% endblock %}",
    "{{ gone }}", "{{ gone.__class__ }}", "{{ gone._undefined_message }}", "{{ gone._fail_with_undefined_error() }}",
    "{{ (gone | default(gone)).__init__ }}", "{{ gone['__class__'] }}", "{{ cart.gone._undefined_obj }}",
    # generators, coroutines, frames
    "{{ (numbers | map('string')).gi_frame }}", "{{ (numbers | map('string')).gi_code }}", "{{ (numbers | select).gi_frame.f_back }}",
    "{{ (cart | items).gi_frame }}", "{{ (numbers | batch(2)).gi_yieldfrom }}", "{{ (numbers | map('string')).send(1) }}",
    "{{ (numbers | map('string')).throw(1) }}", "{{ (numbers | map('string')).cr_frame }}", "{{ (numbers | map('string')).ag_frame }}",
    "{{ (numbers | map('string')).__next__() }}", "{{ numbers | map('string') }}", "{{ (numbers | reverse).__reduce__() }}",
    "{{ given.cr_await }}", "{% async for x in numbers %}{% endfor %}", "{{ await given('x') }}",
    # words that know what they are
    "{{ (name | e).__html__() }}", "{{ (name | safe).unescape() }}", "{{ (name | e).striptags() }}", "{{ (name | e).escape(ground) }}",
    "{{ (name | e).__class__ }}", "{{ (name | e).formatter_field_name_split() }}", "{{ (name | e).__html_format__('x') }}",
    # other files
    "{% include '/etc/passwd' %}", "{% include '../../../../etc/passwd' %}", "{% import '/etc/passwd' as p %}{{ p }}",
    "{% from 'x' import y %}", "{% extends '/etc/passwd' %}", "{% include name %}", "{% include ['a', '/etc/passwd'] ignore missing %}",
    # what is not there
    "{% do cart.clear() %}", "{% debug %}", "{% trans %}x{% endtrans %}", "{% break %}", "{{ name.upper }}", "{{ 2 ** 9 }}",
    "{{ cart.items }}", "{{ cart }}", "{{ frozen }}", "{{ (1, 2) }}", "{{ when.strftime('%99999d') }}", "{{ given(*ground) }}",
]  # fmt: skip


def _doubled(first: str, then: str) -> str:
    return f"{{% set a = {first} %}}" + f"{{% set a = {then} %}}" * 60


EXHAUSTIONS = [
    # filters that make much of little
    "{{ 'a' | center(999999999) }}", "{{ numbers | batch(999999999, 'x') | list | length }}", "{{ numbers | slice(999999999) | list | length }}",
    "{{ numbers | batch(99, long) | map('join') | join }}", "{{ 'a'.zfill(999999999) }}", "{{ 'a'.ljust(999999999) }}",
    "{{ 'a'.rjust(999999999) }}", "{{ 'a'.center(999999999) }}", "{{ 'a'.expandtabs(999999999) }}", "{{ '{:>999999999}'.format(1) }}",
    "{{ '%999999999d' % 1 }}", "{{ '%*d' % (999999999, 1) }}", "{{ '%999999999s' | format(1) }}", "{{ long | indent(999999999) }}",
    "{{ long | wordwrap(1) }}", "{{ long | replace('x', long) }}", "{{ long | replace('', long) }}", "{{ long.replace('x', long) }}",
    "{{ (long | e).replace('', long) }}", "{{ numbers | join(long) }}", "{{ many | map('e') | join(long) }}", "{{ [long] * 999999 }}",
    "{{ numbers | tojson(indent=999999999) }}", "{{ long | urlize }}", "{{ ('(' * 9) }}", "{{ 1 | round(999999999) }}",
    "{{ 5 | round(-999999999) }}", "{{ 1.5 | round(999999999, 'ceil') }}", "{{ long | int(base=99) }}{{ long * 2 }}",
    "{{ when.strftime('%999999999d') }}", "{{ when.strftime(long) }}", "{{ long | striptags }}{{ (long ~ long) | striptags }}",
    "{{ numbers | map('replace', '', long) | list | length }}", "{{ numbers | map('string') | map('replace', '', long) | join }}",
    "{{ lipsum(n=999999999) }}", "{{ range(999999999) | list }}", "{{ ([long] | first) | upper | urlize | urlize | urlize }}",
    # arithmetic
    "{{ 9 ** 999999999 }}", "{{ 'a' * 999999999 }}", "{{ [0] * 999999999 }}", "{{ 2 ** 2 ** 99 }}", _doubled("9", "a * a"),
    _doubled("9", "a + a"), "{% set a = 99999999999 %}" + "{% set a = a * 9999999 %}" * 9 + "{{ a }}",
    # doubling again and again
    _doubled("'x'", "a + a"), _doubled("'x'", "a ~ a"), _doubled("[0]", "a + a"),
    "{% set a = 'x' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60, _doubled("[0]", "[a, a]") + "{{ a | string }}",
    _doubled("[0]", "[a, a]") + "{{ a == [a] }}{% set b = [[0], a] %}{{ a == b }}", _doubled("[0]", "[a, a]") + "{{ a | tojson }}",
    _doubled("(0,)", "(a, a)") + "{{ {a: 1} }}", _doubled("[0]", "{'a': a, 'b': a}") + "{{ a | tojson }}",
    _doubled("[0]", "[a, a]") + "{{ [a, a] | sort | length }}", _doubled("(0,)", "(a, a)") + "{{ [a, a] | unique | list | length }}",
    _doubled("(0,)", "(a, a)") + "{{ a in [a, 1] }}{{ cart[a] }}", _doubled("[0]", "[a, a]") + "{{ a | join }}",
    _doubled("[0]", "[a, a]") + "{{ [a, a] | max | length }}", _doubled("[0]", "[a, a]") + "{{ a is eq([a, a]) }}",
    _doubled("[0]", "[a, a]") + "{{ [a] | select('in', [[a], 1]) | list | length }}", _doubled("'x'", "[a, a] | join"),
    _doubled("'<'", "(a ~ a) | urlencode"),
    # loops
    "{% for a in many %}{% for b in many %}{% for c in many %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% for c in many %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% for c in many if false %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% if a.n == b.n and a.n == -1 %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{{ long }}{% endfor %}{% endfor %}", "{% for a in long %}{% for b in long %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% set b %}{{ long }}{% endset %}{% endfor %}", "{% for a in many %}{% if long in long ~ a.n %}{% endif %}{% endfor %}",
    "{% for a in many %}{% set b = long | upper | lower | title %}{% endfor %}", "{% for a in many %}{{ long[1:] | length }}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% set c = numbers[:] %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% set c = many | sort(attribute='n') %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% set c = many | sum(attribute='n') %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% set c = many | selectattr('n', 'gt', 9) | list %}{% endfor %}{% endfor %}",
    "{% for a in many %}{% for b in many %}{% set c = many | groupby('n') %}{% endfor %}{% endfor %}",
    "{% for a in many recursive %}{{ loop(many) }}{% endfor %}", "{% for a in many %}" * 25 + "{% endfor %}" * 25,
    "{% for a in many %}" + "x" * 200_000 + "{% endfor %}",
    # macros, blocks and themselves
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(25) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{{ long }}{% endmacro %}{% set x = m(25) %}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}" + "{% call m() %}" * 40 + "x" + "{% endcall %}" * 40,
    "{% block a %}{{ self.a() }}{% endblock %}", "{% macro m() %}{% for a in many %}{{ caller() }}{% endfor %}{% endmacro %}{% call m() %}{% call m() %}{% call m() %}{% endcall %}{% endcall %}{% endcall %}",
    "{% filter upper %}{% for a in many %}{{ long }}{% endfor %}{% endfilter %}", "{% extends 'mail' %}", "{% include 'mail' %}",
    # reading it
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{{ " + "[" * 5000 + "]" * 5000 + " }}", "{{ " + "not " * 5000 + "1 }}", "{{ " + "-" * 5000 + "1 }}",
    "{{ name" + ".a" * 5000 + " }}", "{{ name" + " | e" * 5000 + " }}", "{{ 1" + " + 1" * 5000 + " }}", "{{ " + "9" * 10_000 + " }}",
    "{{ name }}" * 20_000, "{% if name %}" * 500 + "{% endif %}" * 500, "{% if name %}" + "{% elif name %}" * 4000 + "{% endif %}", "{#" * 100_000,
    "{{ [" + "1, " * 60_000 + "] }}", "{{ 'a' " + "~ 'a'" * 30_000 + " }}", "{% set x = " + "1 if name else " * 3000 + "2 %}",
]  # fmt: skip


@pytest.mark.parametrize("html", [True, False], ids=["html", "text"])
@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_reaches_nothing_but_its_values(source: str, html: bool) -> None:
    values = _values()
    before = repr({key: value for key, value in values.items() if key not in ("given", "row", "ground")})
    try:
        shown = render.environment(html=html).from_string(source).render(values)
    except TemplateError as error:
        shown = str(error)
        assert SECRET not in shown
        assert render.line_of(error) in (1, None)
    else:
        pytest.fail(f"it was rendered: {shown!r}")
    assert repr({key: value for key, value in values.items() if key not in ("given", "row", "ground")}) == before


def test_there_are_more_than_a_hundred_escapes_and_forty_exhaustions() -> None:
    assert len(set(ESCAPES)) >= 100
    assert len(set(EXHAUSTIONS)) >= 40


@pytest.mark.parametrize("source", EXHAUSTIONS, ids=lambda source: source[:60])
def test_a_template_that_asks_for_too_much_ends_soon_and_small(source: str) -> None:
    values = _values()
    tracemalloc.start()
    begun = time.thread_time()
    try:
        with pytest.raises(TemplateError) as raised:
            shown = render.environment(html=True).from_string(source).render(values)
            pytest.fail(f"it was rendered, {len(shown)} characters")
        took, peak = time.thread_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(str(raised.value)) < 400
    assert took < 4, "generous: memory is being watched, and others use the machine"
    assert peak < 100_000_000


_MANY = 30_000
HOSTILE_MJML = [
    "<mj-include path='/etc/passwd' />", '<mj-include path="/etc/passwd" />', '<mj-include path="../../../../../etc/passwd" />',
    '<mj-include path="./en.mjml" />', "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", "<?xml version='1.0'?>",
    "<mj-wrapper>" * 1000 + "</mj-wrapper>" * 1000, "<mj-text>" + "<b>" * 5000 + "</b>" * 5000 + "</mj-text>", "<b>" * 25_000,
    "<mj-text>" + "<a " * _MANY + "</mj-text>", "<mj-text>" + "<a href=\"" * _MANY, "<!--" * _MANY, "<mj-text>" + "<a href='<a href='" * 5000 + "</mj-text>",
    "<mj-carousel>" + '<mj-carousel-image src="a" alt="" />' * 2000 + "</mj-carousel>", "<mj-text>a</mj-text>" * 8000,
    f'<mj-text color="{"x" * 100_000}">' + "<i></i>" * 2000 + "</mj-text>", "x" * 250_000, "{{ '}}" + " {#" * _MANY + "' }}", "{%" * _MANY,
    f'<a href="{{{{ {" " * 30_000} }}}}">x</a>',
    "<mj-text>{% for a in cart.items %}{% for b in cart.items %}" * 9 + "x" + "{% endfor %}" * 18 + "</mj-text>", "</mj-text>" * _MANY, "<" * _MANY + "a",
    "<mj-text>{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}</mj-text>",
]  # fmt: skip
ODD_MJML = [
    "<mj-text>" + "<b> </b>" * 2000 + "</mj-text>" + "{{ '" + " " * 30_000 + "' }}", "<mj-text " + "a" * 50_000 + "></mj-text>",
    "<mj-text " + "a " * 25_000 + "></mj-text>",
]  # fmt: skip
_HEAD = '+++\nsubject = "Hi"\npreheader = "x"\nshows = ["cart"]\n+++\n'
_AROUND = (
    "<mjml><mj-body><mj-section><mj-column>\n",
    '\n<mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>\n',
)


def _written(folder: Path, body: str, head: str = _HEAD) -> MailTemplates:
    file = folder / "email" / "own" / "en.mjml"
    file.parent.mkdir(parents=True)
    file.write_text(f"{head}{_AROUND[0]}{body}{_AROUND[1]}", "utf-8")
    return MailTemplates([paths.templates(), folder])


@pytest.mark.parametrize("body", HOSTILE_MJML, ids=lambda body: body[:40])
def test_a_hostile_mail_is_a_finding_with_its_place(tmp_path: Path, body: str) -> None:
    mails = _written(tmp_path, body)
    begun = time.thread_time()
    findings = [finding for finding in mails.lint("own") if not finding.warning]
    assert findings
    assert all(finding.line and str(finding.file).endswith("en.mjml") for finding in findings)
    assert "root:" not in str(findings)
    assert time.thread_time() - begun < 4


@pytest.mark.parametrize("body", ODD_MJML, ids=lambda body: body[:40])
def test_an_odd_mail_takes_no_time(tmp_path: Path, body: str) -> None:
    begun = time.thread_time()
    assert "shop.example" in _written(tmp_path, body).preview("own").text
    assert time.thread_time() - begun < 4


def test_parts_of_parts_do_not_multiply(tmp_path: Path) -> None:
    mails = _written(tmp_path, '<mj-include path="../_1.mjml" />\n' * 50)
    for n in range(1, 5):
        (tmp_path / "email" / f"_{n}.mjml").write_text(f'<mj-include path="_{n + 1}.mjml" />\n' * 50, "utf-8")
    (tmp_path / "email" / "_5.mjml").write_text("x", "utf-8")
    assert "too many parts" in str(mails.lint("own")[0]) or "too deep" in str(mails.lint("own")[0])


def test_a_file_as_large_as_a_film_is_not_read(tmp_path: Path) -> None:
    assert "larger than 400 KB" in str(_written(tmp_path, "x" * 500_000).lint("own")[0])


def test_front_matter_may_not_be_a_well(tmp_path: Path) -> None:
    mails = _written(tmp_path, "hi", f"+++\nsubject = {'[' * 5000}\n+++\n")
    assert "too deep" in str(mails.lint("own")[0])


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("<mj-text>hi</mj-text>\n\n<mj-text>{% for a in cart.items %}{{ a.name ** 2 }}{% endfor %}</mj-text>", 9),
        ("\n\n\n<mj-text>{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}</mj-text>", 10),
    ],
)
def test_what_goes_wrong_for_one_reader_names_file_and_line(tmp_path: Path, body: str, line: int) -> None:
    template = _written(tmp_path, body).find("own")
    with pytest.raises(TemplateError, match=rf"own/en\.mjml:{line}: cannot be written: "):
        template.render(template.source.sample, None)


def test_a_subject_that_asks_for_too_much_is_named_as_the_subject(tmp_path: Path) -> None:
    head = '+++\nsubject = "{% for a in unsubscribe_url %}{{ unsubscribe_url }}{{ 9 ** 9 }}{% endfor %}"\n+++\n'
    found = [str(one) for one in _written(tmp_path, "hi", head).lint("own") if not one.warning]
    assert "en.mjml:2: subject: with its sample it cannot be written: ** is not allowed here" in found[0]


def test_a_reader_with_very_many_things_costs_one_mail_and_no_second(tmp_path: Path) -> None:
    template = _written(tmp_path, "<mj-text>{% for a in cart.items %}{{ a.name }}{% endfor %}</mj-text>").find("own")
    values = {**template.source.sample, "cart": {"items": [{"name": "x" * 500}] * 10_000}}
    begun = time.thread_time()
    with pytest.raises(TemplateError, match="characters"):
        template.render(values, None)
    assert time.thread_time() - begun < 3
    assert "x" in template.render({**values, "cart": {"items": [{"name": "x"}]}}, None).text


def test_where_a_template_asks_for_too_much_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = _written(tmp_path, "<mj-text>{% for a in cart.items %}{{ a.name }}{% endfor %}</mj-text>").find("own")
    values = {**template.source.sample, "cart": {"items": [{"name": "x" * 500}] * 10_000}}
    with pytest.raises(TemplateError) as first:
        template.render(values, None)
    monkeypatch.setattr(mail_template, "_failed_at", lambda *_, **__: pytest.fail("it was rendered once more"))
    with pytest.raises(TemplateError) as second:
        template.render(values, None)
    assert str(first.value) == str(second.value) and "own/en.mjml:" in str(first.value)
