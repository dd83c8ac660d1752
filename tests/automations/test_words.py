"""What is wrong with the words of a mail is found when the files are read, not when the first mail leaves."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import make
import pytest
from conftest import NOON

from automations import care
from automations.asking.facts import Person, Products
from automations.asking.matter import Case
from automations.audiences.place import Place
from automations.audiences.tiers import Published
from automations.broadcasts import broadcast_files
from automations.definition import flow_files
from automations.subjects import shown
from automations.subjects.wordings import Wordings
from automations.subjects.writing import Writing
from bot import checks
from bot.base import paths
from bot.base.config import Config
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.outbound.email.templates import MailTemplates
from bot.outbound.email.tracking import LinkTokens

FLOW = """title = "Hello"
about = "cart"
priority = "cart"
{experiment}
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{{cart_id}}"
[[steps]]
id = "first"
{send}
"""
ARMS = """[experiment]
name = "words"
size = 500
[experiment.variants.now]
[experiment.variants.other.steps]
first = {{ {change} }}
"""
BROADCAST = """title = "Summer"
segment = "subscribers"
send = "newsletter"
{more}
"""
POOLS = {"coupons": [{"name": "spring", "pattern": "SP-{8}"}]}


def found_in_flow(folder: Path, send: str, change: str = "", about: str = "cart") -> list[str]:
    experiment = ARMS.format(change=change) if change else ""
    text = FLOW.format(send=send, experiment=experiment).replace('"cart"', f'"{about}"', 1)
    (folder / "hello.toml").write_text(text, "utf-8")
    config = Config.model_validate({"automations": POOLS})
    mails = MailTemplates([paths.templates(), folder])
    try:
        flow_files.load([folder], flow_files.around(config, mails.names(), Wordings(mails.folders)))
    except FindingsError as error:
        return [str(one).rpartition("/")[2] for one in error.findings]
    return []


def found_in_broadcast(folder: Path, more: str) -> list[str]:
    where = folder / "broadcasts"
    where.mkdir()
    (where / "summer.toml").write_text(BROADCAST.format(more=more), "utf-8")
    config = Config.model_validate({"automations": {**POOLS, "broadcasts_folder": where}})
    return [str(one).rpartition("/")[2] for one in checks.files(config) if not one.warning]


CART = 'send = "abandoned_cart"'


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("At {{ shop.nam }}", ["shop.nam is not a value that this mail gets; did you mean name?"]),
        ("At {{ shp.name }}", ["shp is not a value that this mail gets; did you mean shop?"]),
        ("{{ order.number }}", ["order is not a value that this mail gets"]),
        ("{% for item in cart.items %}{{ item.nmae }}{% endfor %}",
         ["cart.items[].nmae is not a value that this mail gets; did you mean name?"]),
        ("{% if customer.first_nam %}Hello{% endif %}",
         ["customer.first_nam is not a value that this mail gets; did you mean first_name?"]),
        ("At {{ shop.name | uper }}", ["unknown filter uper; did you mean upper?"]),
        ("At {{ shop.name }", ["one sign of it is missing"]),
        ("{{ cart.total | money }}", ["does not render: "]),
        ("{# nothing #}", ["would be empty"]),
        ("{{ customer.name }}, {{ cart.count }}: {{ shop.name.upper() }} {{ cart.total | money(cart.currency) }}", []),
        ("{{ shop.slogan | default('Hello') }}{% if tier is defined %}{{ tier.title }}{% endif %}", []),
        ("{{ cart.items[0].name }} {{ coupon.code }} {{ flow.title }} {{ step }} {{ language }}", []),
    ],
)  # fmt: skip
def test_a_subject_of_a_step_is_looked_at(tmp_path: Path, subject: str, says: list[str]) -> None:
    found = found_in_flow(tmp_path, f'{CART}\nsubject = "{subject}"')
    assert len(found) == len(says)
    for one, words in zip(found, says, strict=True):
        assert one.startswith("hello.toml:12: steps[1].subject: ") and words in one


def test_a_subject_of_a_variant_is_looked_at(tmp_path: Path) -> None:
    found = found_in_flow(tmp_path, CART, 'subject = "At {{ shop.nam }}"')
    assert len(found) == 1 and "other.steps.first.subject: shop.nam is not a value" in found[0]
    assert found[0].startswith("hello.toml:9: ")


def test_a_mistake_of_the_step_is_not_told_again_for_each_variant(tmp_path: Path) -> None:
    found = found_in_flow(tmp_path, f'{CART}\nsubject = "At {{{{ shop.nam }}}}"', 'wait = "1h"')
    assert len([one for one in found if "shop.nam" in one]) == 1


def test_the_subjects_of_a_broadcast_and_of_its_test_are_looked_at(tmp_path: Path) -> None:
    more = """subject = "Summer at {{ shop.nam }}"
[test]
share = 0.2
wait = "2h"
[[test.variants]]
name = "plain"
[[test.variants]]
name = "other"
subject = "{{ cart.total }}"
"""
    shop, cart = found_in_broadcast(tmp_path, more)
    assert shop == "summer.toml:4: subject: shop.nam is not a value that this mail gets; did you mean name?"
    assert cart.startswith("summer.toml:12: test.variants[2].subject: cart is not a value that this mail gets; known")


@pytest.mark.parametrize(
    ("send", "about", "lacks"),
    [
        ("win_back", "cart", ["order", "products"]),
        ("care_tips", "cart", ["order", "tips"]),
        ("abandoned_cart", "checkout", []),
        ("abandoned_checkout", "cart", []),
        ("win_back", "replenishment", ["order.days"]),
        ("price_drop", "browse", ["products[].prior_price"]),
        ("newsletter", "cart", []),
    ],
)
def test_a_template_that_needs_what_the_flow_does_not_give(
    tmp_path: Path, send: str, about: str, lacks: list[str]
) -> None:
    found = found_in_flow(tmp_path, f'send = "{send}"', about=about)
    begins = f"hello.toml:11: steps[1].send: {send} needs {', '.join(lacks)}; a flow about {about} does not give it"
    told = [one for one in found if " needs " in one]
    assert [one.startswith(begins) for one in told] == ([True] if lacks else [])


def test_a_variant_may_name_a_template_that_does_not_fit_either(tmp_path: Path) -> None:
    found = found_in_flow(tmp_path, CART, 'send = "tier_change"')
    (told,) = (one.partition("first.")[2] for one in found)
    assert told.startswith("send: tier_change needs tier; a flow about cart does not give it")


def test_the_subject_that_stands_in_for_the_template_s_own_spares_what_that_one_needs(tmp_path: Path) -> None:
    own = tmp_path / "email" / "plain"
    own.mkdir(parents=True)
    mail = '+++\nsubject = "{{ order.number }}"\nkind = "service"\n+++\n<mjml><mj-body></mj-body></mjml>\n'
    (own / "en.mjml").write_text(mail, "utf-8")
    assert "plain needs order; a flow about cart" in found_in_flow(tmp_path, 'send = "plain"')[0]
    assert found_in_flow(tmp_path, 'send = "plain"\nsubject = "Hello"') == []


COUPON = 'coupon = { pool = "spring" }'


def test_a_code_that_the_mail_does_not_show_is_told(tmp_path: Path) -> None:
    found = found_in_flow(tmp_path, f"{CART}\n{COUPON}")
    assert found == ["hello.toml:12: steps[1].coupon: the mail does not show a code: abandoned_cart in en, zh_CN never "
                     "uses {{ coupon.code }}"]  # fmt: skip
    assert found_in_flow(tmp_path, f'{CART}\n{COUPON}\nsubject = "With {{{{ coupon.code }}}}"') == []
    assert found_in_flow(tmp_path, f'send = "win_back_2"\n{COUPON}', about="win_back") == []
    assert found_in_flow(tmp_path, f'{CART}\n{COUPON}\nchannels = ["telegram"]') == []


def test_a_code_that_the_mail_of_a_broadcast_does_not_show_is_told(tmp_path: Path) -> None:
    assert found_in_broadcast(tmp_path, 'coupon = "spring"') == [
        "summer.toml:4: coupon: the mail does not show a code: newsletter in en, zh_CN never uses {{ coupon.code }}"
    ]


def test_nothing_is_wrong_with_ours() -> None:
    """No false alarm for any flow that is shipped, with the mails that are shipped, each in every language."""
    config, mails = Config(), MailTemplates([paths.templates()])
    words = Wordings(mails.folders)
    flows = flow_files.load(flow_files.folders(config), flow_files.around(config, mails.names(), words))
    sent = {step.send for flow in flows for step in flow.steps if step.send}
    assert len(sent) >= 17 and not words.lacking("broadcast", "newsletter", own_subject=True)
    assert broadcast_files.around(config, mails.names(), words).words is words


LINE = {"product_id": "1", "variant_id": "", "name": "Chair", "price": 900, "quantity": 2, "category": "Plants"}
THING = {**LINE, "store": "", "stock": 3, "published": True, "currency": "EUR", "url": "", "image_url": "",
         "variant": "", "compare_at": None, "tags": []}  # fmt: skip
CONTEXTS: Mapping[str, Mapping[str, Any]] = {
    "birthday": {"birthday": "2026-03-14"},
    "anniversary": {"day": "2026-03-14", "since": "2024-03-14", "kind": "first_order"},
    "care": {"order_id": "7", "category": "plants"},
    "order": {"order_id": "7"},
    "win_back": {"order_id": "7"},
    "replenishment": {"order_id": "7", "products": ["1"], "categories": []},
    "tier": {"tier": "gold", "previous": ""},
    "back_in_stock": {"product_id": "1", "variant_id": ""},
    "price_drop": {"product_id": "1", "variant_id": "", "was": 1200, "prior": 1200, "price": 900, "currency": "EUR"},
    "checkout": {"checkout_id": "c"},
}
OURS = {"care": "care_tips", "order": "review_request", "tier": "tier_change", "cart": "abandoned_cart",
        "checkout": "abandoned_checkout", "browse": "browse_reminder"}  # fmt: skip


@pytest.mark.parametrize("about", sorted(shown.KNOWN))
def test_what_is_checked_against_is_what_a_mail_gets(about: str, texts: Texts) -> None:
    flows = flow_files.load(flow_files.folders(Config()))
    flow = flows.by_name[OURS.get(about, about if about in flows.by_name else "welcome")]
    flow = flow.model_copy(update={"about": about, "survey": "nps"})
    step = next(step for step in flow.steps if step.send).model_copy(update={"check": ()})
    now = NOON + timedelta(days=40)
    order = {
        "store": "",
        "order_id": "7",
        "number": "#7",
        "currency": "EUR",
        "status": "paid",
        "ordered_at": NOON,
        "items": [LINE],
        "page_url": "",
        "codes": ["X"],
        "tags": [],
    }
    carts: list[Mapping[str, Any]] = [
        {"store": "", "kind": kind, "cart_id": "c", "currency": "EUR", "items": [LINE], "url": ""}
        for kind in ("cart", "checkout")
    ]
    contact = {"id": 1, "first_name": "Ada", "last_name": "", "language": "en", "timezone": "", "traits": {},
               "country": "DE", "claimed": False}  # fmt: skip
    goods = Products([THING])
    place = Place({"tier": "gold", "rfm": "", "revenue_365": 0}, Published("EUR", []))
    person = Person(contact, orders=[order], carts=carts, views=[{**LINE, "store": ""}], products=goods,
                    more={"wares": goods, "reviewed": [], "standing": place, "alerts": []})  # fmt: skip
    tips = care.load([paths.templates()])
    case = Case(flow.name, NOON, CONTEXTS.get(about, {}), now, "en", tips)
    links = LinkTokens("https://shop.example", 1, make.ground(texts).secret)
    made = shown.build(Writing(make.ground(texts), tips, flow, step, person, case, "ada@example.org", links))
    _same(made, shown.possible(about), about)


def test_what_came_with_events_is_bounded_before_a_template_gets_it(texts: Texts) -> None:
    flow = flow_files.load(flow_files.folders(Config())).by_name["abandoned_cart"]
    line = {**LINE, "rank": "shop", "name": "n" * 5000, "image_url": "https://shop.example/" + "i" * 5000}
    cart = {"store": "", "kind": "cart", "cart_id": "c", "currency": "EUR", "items": [line] * 80, "url": ""}
    contact = {"id": 1, "first_name": "A" * 5000, "last_name": "", "language": "en", "timezone": "", "traits": {},
               "country": "DE", "claimed": False}  # fmt: skip
    person = Person(contact, orders=[], carts=[cart], views=[], products=Products([THING]), more={})
    tips = care.load([paths.templates()])
    case = Case(flow.name, NOON, CONTEXTS.get("cart", {}), NOON, "en", tips)
    links = LinkTokens("https://shop.example/" + "d" * 300, 1, make.ground(texts).secret)
    made = shown.build(Writing(make.ground(texts), tips, flow, flow.steps[0], person, case, "ada@example.org", links))
    items = made["cart"]["items"]
    assert len(items) == 50 and made["cart"]["count"] == 80 * LINE["quantity"]
    assert {len(item["name"]) for item in items} == {200} and {item["image_url"] for item in items} == {""}
    assert len(made["customer"]["first_name"]) == 200
    assert made["unsubscribe_url"] == links.unsubscribe and len(links.unsubscribe) > 300


def _same(made: Any, possible: Any, path: str) -> None:
    if isinstance(possible, Mapping):
        assert set(made) == set(possible), path
        for key, value in possible.items():
            _same(made[key], value, f"{path}.{key}")
    elif isinstance(possible, list):
        assert made, path
        for item in made:
            _same(item, possible[0], f"{path}[]")
