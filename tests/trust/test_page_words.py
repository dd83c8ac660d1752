"""What a stranger says through a page's key, before any of it may stand in a mail of the shop."""

import time

import pytest

from bot.base import hosts
from bot.events import page_words

SHOP = hosts.of_shop("https://www.shop.example", ("brand.example",), ("cdn.pictures.example",), named=True)
LOCKED = "Your account is locked, visit evil.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://www.shop.example/products/lamp?colour=brass#top",
        "http://de.shop.example:8443/x",
        "HTTPS://SHOP.EXAMPLE/X",
        "https://shop.example./x",
        "https://brand.example/stühle",
    ],
)
def test_links_of_the_shop_are_known_as_such(url: str) -> None:
    assert SHOP.ours(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:pw@evil.example/",
        "https://shop.example\\@evil.example/",
        "https://evil.example\\.shop.example/",
        "https://evil.example/\\.shop.example",
        "https://evil.example#.shop.example",
        "https://evil.example?.shop.example",
        "https:///evil.example/.shop.example",
        "//shop.example/x",
        "javascript:alert(1)//shop.example",
        "mailto:a@shop.example",
        "https://shop.example/ evil",
        "https://shop.example/\r\nX: y",
        "https://shop.example\t.evil.example/",
        'https://shop.example/"onclick="x',
        "https://[::1]/shop.example",
        "https://shop.example:99999999/",
        "https://evil。example/x",
        "https://shop%2eexample/",
        "ftp://shop.example/",
        "",
        None,
        7,
        ["https://shop.example"],
        "https://shop.example/" + "x" * 3000,
    ],
)
def test_links_that_some_reader_might_follow_elsewhere_are_not_the_shops(url: object) -> None:
    assert not SHOP.ours(url)


def test_a_dot_of_another_script_is_read_as_browsers_read_it() -> None:
    assert SHOP.ours("https://www。shop。example/x") and not SHOP.ours("https://shop。example。evil.example/")


def test_a_shop_with_letters_of_its_own_is_known_in_both_spellings() -> None:
    own = hosts.of_shop("https://möbel.example", (), (), named=True)
    assert own.ours("https://xn--mbel-5qa.example/a") and own.ours("https://möbel.example/a")
    assert not own.ours("https://mobel.example/a")


def test_pictures_may_come_from_hosts_of_their_own_and_links_may_not() -> None:
    assert SHOP.picture("https://cdn.pictures.example/a.png") and SHOP.picture("https://shop.example/a.png")
    assert not SHOP.ours("https://cdn.pictures.example/a.png")
    assert not SHOP.picture("https://pictures.example/a.png") and not SHOP.picture("data:image/png;base64,AAAA")


@pytest.mark.parametrize(
    "name",
    ["José", "O'Neil", "O’Neil", "王小明", "Ngọc-Ánh", "Zoë", "Мария", "محمد", "प्रिया", "Maria del Carmen", "김민준"],
)
def test_names_of_every_script_are_names(name: str) -> None:
    assert page_words.first_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        LOCKED, "evil.example", "https://evil.example", "Your account is locked", "Ada!", "Ada <b>", "Ada\nBcc: x",
        "ada@evil.example", "+49 151 234567", "0800", "Ada 🎁", "-", "''", " ", "", None, 7, "A" * 41, "{{ 7 * 7 }}",
        "Ada, click", "Ada/evil", "@evil", "(free)", "Ada:",
        "www evil com", "evil dot com", "dot com", "evil punkt de", "\u3164",
    ],
)  # fmt: skip
def test_what_does_not_look_like_a_name_is_not_used(name: object) -> None:
    assert page_words.first_name(name) == ""


def test_signs_that_nobody_sees_are_taken_out_of_a_name() -> None:
    assert page_words.first_name("A\u202eda\u200b \u2066X\u2069") == "Ada X"


@pytest.mark.parametrize(
    "words",
    [
        "Oak chair 45 cm, 2.5 kg", "Lamp (brass) – 60 W", "T-shirt No. 5", "Кресло, 1200 × 800", "台灯。暖光",
        "Café crème 3,5 %", "USB-C cable 1.5 m", "Book: what I think of it", "Set 2024/25",
        "Tea 3.5 oz", "Kettle 2.0", "Dr. Hauschka", "Dr. Hauschka Rose Day Cream 30 ml", "No. 5",
        "Café Nr. 1", "USB-C 3.2 Gen.2", "Honey 12 oz. net", "Honey 250 g. Net weight",
        "Polka dot top", "Polka dot net skirt", "Swiss dot net curtain", "Polka dot dress",
        "Livre point de croix", "Punto de cruz", "Lamp. Red", "Lamp • Red • 60 W", "Wine • Net 750 ml",
        "Col·lecció d'estiu", "Fleur·de·Lis", "コーヒー・セット", "台灯 · 暖光 · 60 W", "茶。中国制造",
        "龙井茶 250 克（2024 新茶）", "米家台灯 1S 增强版", "保温杯，500 毫升。双层", "Call of Duty 2024",
        "Nothing Phone 2 256 GB", "iPhone 15 128 GB", "Sizes 36, 37, 38, 39, 40", "Wait... what? Mug",
        "Wait…what", "Yoga @ Home", "St. Ives", "Mr. Clean, vol. 2", "T. rex plush",
        "approx. 5 in. wide", "J. R. R. Tolkien", "E. T. (Blu-ray)", "Dr. No", "Caliber .45 case",
        "Pen .5 mm", "Rosé 0,75 l", "Größe M/L", "¾ sleeve tee", "Vitamin C 1.000 mg",
        "Made in U.S.A.", "A.B.C. blocks", "Sonos One (Gen. 2)", "ٹیبل لیمپ۔ نیا", "مصباح ٦٠ واط",
        "Лампа. Новая", "🎁 Gift set ❤\ufe0f", "Coffee & tea", "Data cable", "Tel Aviv poster",
        "Telescope 70 mm 900/70", "Comforter, 200 x 220", "Compact 3.0 / 2", "Kombi-Set 12-tlg.",
        "1:18 model car", "Ring 925", "Apple Watch SE (2. Gen.)", "No.5", "Nr.1", "v2.0.1",
        "Size 7.5–8.5 US", "QQ糖 100 克", "微信支付卡包", "Instagram-ready ring light", "Power point 2-gang",
        "Dot to dot book", "Red dot award lamp", "30 pcs. de luxe", "Phone case 2024", "हिन्दी किताब",
        "หนังสือ", "한국어 교재 1권", "Set: A/B; C", "Com-fort chair", "Net bag", "Info sheet",
        "Tee (M) - 100% cotton", "50/60 Hz 100-240 V", "El punto es verde",
    ],
)  # fmt: skip
def test_plain_titles_are_shown_as_they_are(words: str) -> None:
    assert page_words.title(words) == words


@pytest.mark.parametrize(
    "words",
    [
        LOCKED, "see https://evil.example/x", "http://1.2.3.4", "www.evil", "write help@evil.example", "evil.com/login",
        "evil\u200b.example", "evil．example", "evil。example now", "ＥＶＩＬ．ＣＯＭ", "call +1 900 555 1234",
        "call 0900-123 45 67 89", "10.0.0.7", "evil[.]example", "evil(dot)example", "mailto:x", "tel:0900",
        "Ask @evilshop", "xn--e1awd7f.xn--p1ai", "пример.рф", "javascript:alert(1)", "a\u00ad.\u00adcom visit bit.ly/x",
        "evil .com", "evil. com", "evil . com", "evil dot com", "EVIL DOT COM", "evil。com", "evil｡com",
        "evil 。 com", "evil・com", "evil·com", "evil • com", "evil․com", "evil﹒com", "evilꓸcom",
        "evil۔com", "evil٠com", "e\u200bvil\u200b.\u200bc\u200bom", "evil\u3164.com", "evil.\u034fcom",
        "evil\ufe0f.com", "evil.\u0301com", "evil(.)com", "evil[.]com", "evil{.}com",
        "evil ( dot ) com", "evil[dot]com", "www evil com", "WWW evil", "w w w evil com", "t.me/x",
        "t .me/x", "t me/x", "evil com/login", "evil .shop", "evil . shop", "evil. shop/sale",
        "evil dot net", "evil-dot-com", "evil_dot_com", "evil punkt de", "evil point com",
        "evil punto com", "evil точка ру", "evil点com", "evil 点 com", "淘宝。com", "例子。中国", "例子.中国",
        "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦", "ⓔⓥⓘⓛ.ⓒⓞⓜ", "evil.c o m", "e v i l . c o m", "evil&#46;com", "evil%2Ecom",
        "evil,com", "evil..com", ".com", "hxxps evil", "https evil", "@evil", "＠evilshop",
        "ada (at) evil",
        "1\ufe0f⃣8\ufe0f⃣0\ufe0f⃣0\ufe0f⃣5\ufe0f⃣5\ufe0f⃣5\ufe0f⃣1\ufe0f⃣2\ufe0f⃣3\ufe0f⃣4\ufe0f⃣",
        "Call 555-1234", "tel 555 12 34", "电话 6612 3456", "1-800-FLOWERS", "+49 151 234567",
        "0049 151 2345678", "微信：evilshop", "WhatsApp: evil", "telegram: evil", "10 . 0 . 0 . 7",
        "“evil”.com", "(evil).com", "evil\u2028.com", "evil\xa0.\xa0com", "evil\u2800.com", "evil⚫com",
        "evil. info", "evil. net", "sale at evil. ru",
    ],
)  # fmt: skip
def test_a_title_with_an_address_is_not_shown_at_all(words: str) -> None:
    assert page_words.title(words) == ""


def test_titles_are_one_line_of_at_most_120_signs() -> None:
    assert page_words.title("a\n b\r\n\tc\x00\u202e") == "a b c"
    assert len(page_words.title("lamp " * 100)) <= 120


def test_words_stand_only_beside_a_link_of_the_shop() -> None:
    said = {"product_id": "1", "name": "Lamp", "image_url": "https://evil.example/x.png", "price": 5}
    assert page_words.goods({**said, "url": "https://evil.example"}, SHOP) == {"product_id": "1", "price": 5}
    assert page_words.goods(said, SHOP) == {"product_id": "1", "price": 5}
    shown = page_words.goods({**said, "url": "https://shop.example/1"}, SHOP)
    assert shown == {"product_id": "1", "name": "Lamp", "price": 5, "url": "https://shop.example/1"}


def test_without_the_address_of_the_shop_no_words_are_shown() -> None:
    unnamed = hosts.of_shop("https://shop.example", (), (), named=False)
    assert "name" not in page_words.goods({"name": "Lamp", "url": "https://shop.example/1"}, unnamed)


def test_an_event_of_a_page_is_held_as_a_whole_and_says_so() -> None:
    body = {
        "anonymousId": "a1",
        "traits": {"firstName": LOCKED, "lastName": "Lovelace", "email": "ada@example.org", "name": "evil.example x"},
        "properties": {
            "checkout_url": "https://evil.example/pay", "cart_url": "https://shop.example/cart", "value": 3,
            "products": [{"product_id": "1", "name": LOCKED, "url": "https://shop.example/1"}, "nonsense"],
        },
        "flags": ["clock_ahead"],
    }  # fmt: skip
    held = page_words.hold(body, SHOP)
    assert "evil" not in str(held) and "locked" not in str(held)
    assert held["traits"] == {"lastName": "Lovelace", "email": "ada@example.org"}
    assert held["properties"]["cart_url"] == "https://shop.example/cart" and held["properties"]["value"] == 3
    assert held["flags"] == ["clock_ahead", "words_held"]


def test_a_whole_name_is_read_as_one() -> None:
    body = {"anonymousId": "a1", "traits": {"name": "www evil com", "firstName": "evil", "lastName": "dot com"}}
    assert page_words.hold(body, SHOP)["traits"] == {"firstName": "evil"}


def test_long_words_are_read_in_no_time() -> None:
    started = time.process_time()
    for one in ("a", "a. ", "1 ", "w ", "call ", ".", "- ", "{", "a:", "\ufdfa"):
        page_words.title(one * 2000)
    assert time.process_time() - started < 1


def test_an_event_without_such_words_stays_as_it_is() -> None:
    body = {"anonymousId": "a1", "properties": {"product_id": "1", "name": "Lamp", "url": "https://shop.example/1"}}
    assert page_words.hold(body, SHOP) == body
