"""The mails that ship, and what happens when somebody writes their own."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON
from jinja2 import TemplateError

from bot.base import hosts, paths
from bot.base.config import LANGUAGES
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.outbound.email import templates, tracking
from bot.outbound.email.templates import MailTemplates
from bot.outbound.email.tracking import LinkTokens
from bot.tables.mail import TemplateRevision

NAMES = [  # of the flows that ship
    "abandoned_cart", "abandoned_cart_2", "abandoned_cart_3", "abandoned_checkout", "abandoned_checkout_2",
    "anniversary", "birthday", "birthday_soon", "back_in_stock", "back_in_stock_2", "browse_reminder", "care_tips",
    "care_tips_deep", "newsletter", "price_drop", "replenishment", "replenishment_2", "review_request",
    "review_request_2", "tier_change", "win_back", "win_back_2",
]  # fmt: skip
SHIPPED = MailTemplates([paths.templates()])
SHOP = hosts.of_shop("https://shop.example", (), (), named=True)
LINKS = LinkTokens("https://bot.example", 7, "secret", SHOP, "https://shop.example")
HEAD = 'subject = "Hi {{ customer.first_name }}"\npreheader = "x"\nshows = ["cart"]\n'
FOOT = '<mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>'


def _own(tmp_path: Path, body: str, head: str = HEAD, name: str = "own", language: str = "en") -> MailTemplates:
    """A shop's folder with one template of its own; `body` stands in a column, the unsubscribe link below it."""
    file = tmp_path / "email" / name / f"{language}.mjml"
    file.parent.mkdir(parents=True, exist_ok=True)
    mjml = f"<mjml><mj-body><mj-section><mj-column>\n{body}\n{FOOT}\n</mj-column></mj-section></mj-body></mjml>\n"
    file.write_text(f"+++\n{head}+++\n{mjml}", "utf-8")
    return MailTemplates([paths.templates(), tmp_path])


def _errors(own: MailTemplates, name: str = "own") -> list[str]:
    return [str(finding) for finding in own.lint(name) if not finding.warning]


def _values(own: MailTemplates, **changed: Any) -> dict[str, Any]:
    return {**own.find("own").source.sample, **changed}


def test_every_mail_is_there_in_both_languages() -> None:
    assert set(NAMES) <= set(SHIPPED.names())
    assert {entry.languages for entry in SHIPPED.listed()} == {tuple(LANGUAGES)}


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_mail_has_no_findings(name: str) -> None:
    assert SHIPPED.lint(name) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mail_with_a_code_shows_it_and_nothing_to_unsubscribe_from(language: str) -> None:
    assert SHIPPED.lint("proof_code") == []
    mail = SHIPPED.preview("proof_code", language)
    for part in (mail.subject, mail.html, mail.text):
        assert "482 913" in part
    assert "/u/" not in mail.html + mail.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_mail_shows_its_sample(name: str, language: str) -> None:
    template = SHIPPED.find(name, language)
    mail = template.render(template.source.sample, LINKS)
    assert mail.subject
    assert mail.preheader in mail.html.replace("&amp;", "&") or "&#" in mail.html
    assert "{{" not in mail.html + mail.text
    assert "{%" not in mail.html + mail.text
    for part in (mail.html, mail.text):
        assert "https://shop.example/u/sample" in part
        assert "Juniper" in part
    assert max(map(len, mail.html.encode("ascii", "xmlcharrefreplace").split(b"\n"))) <= 900
    assert len(mail.html) < 40_000


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_mail_knows_a_reader_without_a_name_and_things_without_a_picture(name: str) -> None:
    for language in LANGUAGES:
        template = SHIPPED.find(name, language)
        sample = template.source.sample
        bare = {"name": "Stool", "variant": "", "quantity": 3, "price": 0, "url": "", "image_url": "", "currency": "",
                "old_price": 0, "price_dropped": False, "prior_price": 0}  # fmt: skip
        changed = {
            key: {**sample[key], "items": [bare] * 9, "url": ""} for key in ("cart", "checkout") if key in sample
        }
        mail = template.render({
            **sample, **changed, "customer": {**sample["customer"], "first_name": ""},
            **({"products": [bare]} if "products" in sample else {}),
        }, LINKS)  # fmt: skip
        assert not re.search(r"^[,，]|, ,|Hi ,|,,", mail.subject + "\n" + mail.text, re.M)
        assert 'src=""' not in mail.html


def test_a_missing_language_falls_back_to_the_shops_then_to_english(tmp_path: Path) -> None:
    own = _own(tmp_path, "<mj-text>hi</mj-text>")
    assert own.find("own", "zh_CN").language == "en"
    assert MailTemplates(own.folders and [paths.templates()], "zh_CN").find("birthday", "fr").language == "zh_CN"
    with pytest.raises(LookupError):
        own.find("nothing")


def test_the_shops_own_file_stands_over_ours_and_uses_our_parts(tmp_path: Path) -> None:
    file = tmp_path / "email" / "birthday" / "en.mjml"
    file.parent.mkdir(parents=True)
    file.write_text(
        (paths.templates() / "email/birthday/en.mjml").read_text("utf-8").replace("Today is your day.", "Yes!"), "utf-8"
    )
    own = MailTemplates([paths.templates(), tmp_path])
    assert "Yes!" in own.preview("birthday", "en").text
    assert own.lint("birthday") == []


def test_a_changed_file_is_a_new_revision_and_its_old_links_are_kept(tmp_path: Path) -> None:
    before = _own(tmp_path, '<mj-button href="https://shop.example/a">A</mj-button>').find("own")
    after = _own(tmp_path, '<mj-button href="https://shop.example/b">A</mj-button>').find("own")
    assert before.revision != after.revision
    assert before.links == ("", "https://shop.example/a")


async def test_a_revision_is_written_down_once(database: Database) -> None:
    template = SHIPPED.find("birthday", "en")
    for _ in range(2):
        async with database.transaction() as session:
            await templates.remember(session, [template, template], NOON)
    async with database.reading() as session:
        [row] = (await session.execute(table(TemplateRevision).select())).mappings().all()
    assert row["digest"] == template.revision
    assert row["links"] == list(template.links)


class _Hrefs(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs).get("href") or "")


def test_links_are_counted_signed_and_lead_nowhere_else(tmp_path: Path) -> None:
    own = _own(
        tmp_path,
        '<mj-button href="https://shop.example/sale?a=1&amp;b=2">Sale</mj-button>'
        '<mj-text><a href="{{ cart.url }}">cart</a> <a href="mailto:x@shop.example">x</a>'
        ' <a href="#top">up</a></mj-text>',
    )
    mail = own.find("own").render(_values(own, cart={"url": "https://shop.example/c?x=1"}), LINKS)
    static, dynamic, mailto, up, unsubscribe, canary = _Hrefs(mail.html).found
    assert (mailto, up, unsubscribe) == ("mailto:x@shop.example", "#top", "https://shop.example/u/sample")
    assert "shop.example/sale" not in mail.html
    found = tracking.resolve(static.rpartition("/")[2], None, "secret")
    assert found == tracking.Target(7, 1, None)
    assert own.find("own").links[1] == "https://shop.example/sale?a=1&b=2"
    token = dynamic.rpartition("/c/")[2].partition("?")[0]
    assert tracking.resolve(token, "https://shop.example/c?x=1", "secret") == tracking.Target(
        7, 2, "https://shop.example/c?x=1"
    )
    assert tracking.resolve(token, "https://evil.example", "secret") is None
    assert tracking.resolve(static.rpartition("/")[2], "https://evil.example", "secret") is None
    assert tracking.resolve(token, "https://shop.example/c?x=1", "other") is None
    assert canary.endswith(".0")
    assert static in mail.text
    assert dynamic in mail.text


def test_a_value_is_data_and_never_evaluated(tmp_path: Path) -> None:
    """T48."""
    own = _own(tmp_path, '<mj-text>{{ customer.first_name }} <a href="{{ cart.url }}">c</a></mj-text>')
    for name in ("{{ 7*7 }}", "<script>x</script>", "{% raw %}"):
        mail = own.find("own").render(_values(own, customer={"first_name": name}), LINKS)
        assert "<script>" not in mail.html
        assert "49" not in mail.subject
        assert name in mail.subject
        assert name in mail.text
    mail = own.find("own").render(_values(own, cart={"url": "javascript:alert(1)"}), LINKS)
    assert "javascript:" not in mail.html


def test_a_missing_value_is_never_sent_as_nothing(tmp_path: Path) -> None:
    """T47."""
    own = _own(tmp_path, "<mj-text>Hi {{ first_name }}</mj-text>")
    (told,) = _errors(own)
    assert told.startswith(f"{own.find('own').source.place(2)[0]}:7: first_name is not a value that this mail gets")
    with pytest.raises(TemplateError):
        own.find("own").render(_values(own), LINKS)
    allowed = _own(tmp_path, "<mj-text>Hi {{ first_name | default('you') }}</mj-text>")
    assert _errors(allowed) == []


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("<mj-text>{{ cart.totl }}</mj-text>", 7, "did you mean total?"),
        ("{% for item in cart.items %}\n<mj-text>{{ item.prise }}</mj-text>\n{% endfor %}", 8, "did you mean price?"),
        ("<mj-text>{% if false %}{{ cart.gone }}{% endif %}</mj-text>", 7, "cart.gone is not a value"),
        ("<mj-text>\n{{ cart.total | mony }}</mj-text>", 8, "unknown filter mony; did you mean money?"),
        ("<mj-text>{% if cart %}</mj-text>", 8, "{% if %} is never closed"),
        ("<mj-text>\n\n{{ cart. }}</mj-text>", 9, "expected name or number"),
        ("<mj-txt>hi</mj-txt>", 7, "unknown MJML element <mj-txt>; did you mean mj-text?"),
        ('<mj-text colour="red">hi</mj-text>', 7, "<mj-text> has no attribute colour; did you mean color?"),
        ("<mj-text>\n<b>hi</mj-text>", 8, "</mj-text> closes nothing; <b> of line 8 is open"),
        ('<mj-image src="x" />', 7, "no alt text"),
        ("<mj-spacer>\n", 10, "closes nothing"),
        ('<mj-image alt="" src="x" width="{{ cart.total }}px" />', 7, "MJML loses {{ cart.total }} here"),
        ("<mj-text>{{ 'a' * 100000000 }}</mj-text>", 7, "with its sample it cannot be written: * is not allowed"),
        ("<mj-text>{% include 'x' %}</mj-text>", 7, "include is not allowed here; in a mail write <mj-include"),
        ('<mj-include path="../../../../etc/passwd" />', 7, "which is not there"),
        ("<mj-text>" + "x" * 110_000 + "</mj-text>", 6, "KB with its sample; Gmail cuts"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, body: str, line: int, words: str) -> None:
    found = _errors(_own(tmp_path, body))
    assert any(f"en.mjml:{line}: " in one and words in one for one in found), found


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("subject = Hi\n", "en.mjml:2: front matter is not valid TOML"),
        ('subjekt = "Hi"\n', "en.mjml:2: subjekt: unknown key subjekt; did you mean subject?"),
        ('subject = "Hi {{ customer.nmae }}"\n', "en.mjml:2: subject: customer.nmae is not a value"),
        ('\nsubject = "Hi {{ "\n', "en.mjml:3: subject: "),
        ('subject = "Hi"\nkind = "spam"\n', "en.mjml:3: kind: must be marketing or service"),
    ],
)
def test_a_mistake_in_the_front_matter_is_named_with_its_line(tmp_path: Path, head: str, words: str) -> None:
    found = _errors(_own(tmp_path, "<mj-text>hi</mj-text>", head))
    assert any(words in one for one in found), found


def test_a_marketing_mail_without_a_way_out_is_refused_and_a_service_mail_is_not(tmp_path: Path) -> None:
    file = tmp_path / "email/own/en.mjml"
    file.parent.mkdir(parents=True)
    for kind, errors in (("marketing", 1), ("service", 0)):
        file.write_text(
            f'+++\nsubject = "Hi"\npreheader = "x"\nkind = "{kind}"\n+++\n<mjml><mj-body><mj-section><mj-column>'
            "<mj-text>hi</mj-text></mj-column></mj-section></mj-body></mjml>",
            "utf-8",
        )
        assert len(_errors(MailTemplates([paths.templates(), tmp_path]))) == errors


def test_what_toml_takes_that_yaml_breaks(tmp_path: Path) -> None:
    own = _own(tmp_path, "<mj-text>hi</mj-text>", "subject = 'Sale: 20 % off # now @home'\npreheader = 'no'\n")
    assert own.preview("own").subject == "Sale: 20 % off # now @home"


def test_jinja_may_stand_anywhere(tmp_path: Path) -> None:
    own = _own(
        tmp_path,
        "{% for item in cart.items %}{% if item.price < 10000 %}\n<mj-text>{{ item.name }}</mj-text>\n"
        "{% endif %}{% endfor %}\n"
        '{# a <comment> #}<mj-button href="{{ cart.url ~ \'?x="\' }}">go</mj-button>',
    )
    assert _errors(own) == []
    text = own.preview("own").text
    assert "Desk lamp, brass" in text
    assert "Stoneware mug" in text


def test_variants_change_only_what_stands_before_opening(tmp_path: Path) -> None:
    head = HEAD + '[[variant]]\nname = "question"\nsubject = "Still there?"\n'
    own = _own(tmp_path, "<mj-text>hi</mj-text>", head)
    template = own.find("own")
    assert template.variants == ("a", "question")
    assert [template.render(_values(own), None, n).subject for n in (0, 1)] == ["Hi Maya", "Still there?"]


def test_a_missing_translation_is_a_warning(tmp_path: Path) -> None:
    [warning] = _own(tmp_path, "<mj-text>hi</mj-text>").lint("own")
    assert warning.warning
    assert "zh_CN" in str(warning)


def test_a_template_that_cannot_be_compiled_says_why(tmp_path: Path) -> None:
    own = _own(tmp_path, "<mj-text>{{ x </mj-text>")
    with pytest.raises(FindingsError, match=r"own/en\.mjml:7"):
        own.find("own")
    assert {entry.kind for entry in own.listed() if entry.name == "own"} == {"broken"}


def test_fields_are_the_values_that_a_template_uses(tmp_path: Path) -> None:
    own = _own(tmp_path, "{% for item in cart.items[:3] %}<mj-text>{{ item.name }}</mj-text>{% endfor %}")
    used = {"customer", "customer.first_name", "cart", "cart.items", "cart.items[].name", "unsubscribe_url"}
    assert own.find("own").fields == used


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/a", "https://shop.example/a?utm_source=juniper-oak&utm_medium=email&utm_campaign=cart"),
        (
            "https://www.shop.example/a?b=1&utm_medium=x#part",
            "https://www.shop.example/a?b=1&utm_medium=x&utm_source=juniper-oak&utm_campaign=cart#part",
        ),
        ("https://shop.example.evil.example/a", "https://shop.example.evil.example/a"),
        ("https://elsewhere.example/a?b", "https://elsewhere.example/a?b"),
        ("mailto:x@shop.example", "mailto:x@shop.example"),
    ],
)
def test_campaign_tags_are_added_where_they_are_missing(url: str, expected: str) -> None:
    """E20."""
    tags = tracking.utm("Juniper & Oak", "cart", "")
    domains = hosts.of_shop("https://www.shop.example", (), (), named=True)
    assert tracking.with_utm(url, tags, domains) == expected
    assert tracking.with_utm(expected, tags, domains) == expected
