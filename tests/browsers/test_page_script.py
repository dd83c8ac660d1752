"""Our own script in pages of a shop, in a real browser, under a policy that allows nothing else."""

import asyncio
import json

import pytest
from chromium import Chromium, Page
from shop_pages import IDENTITY_SECRET, Shop

from bot.base import clock
from bot.inbound.web import page_identity

_SCRIPT = '<script async src="{door}/aftercart.js" data-key="{key}"></script>'
_WAITS = '<script async src="{door}/aftercart.js" data-key="{key}" data-consent="wait"></script>'
_JSON_LD = {
    "@context": "https://schema.org/",
    "@graph": [
        {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "name": "Boards"}]},
        {
            "@type": "Product",
            "productID": "101",
            "sku": "WB-1",
            "name": "Walnut board",
            "category": "Kitchen",
            "brand": {"@type": "Brand", "name": "Juniper"},
            "image": ["/pictures/101.png", "/pictures/102.png"],
            "url": "/products/101",
            "offers": [{"@type": "Offer", "price": "39.50", "priceCurrency": "EUR"}],
        },
    ],
}
_PRODUCT = f"""<!doctype html><html lang="de"><title>Walnut board</title>
<script type="application/ld+json">{json.dumps(_JSON_LD)}</script>{_SCRIPT}
<button id="add" data-aftercart="add">Add</button>"""
_CARD = (
    '<form data-aftercart="add" action="/cart" data-product-id="7" data-variant-id="71" data-price="12">'
    '<input name="quantity" value="3"><button id="buy">Buy</button></form>'
)
_LINE = '<li data-product-id="101" data-price="39.50" data-quantity="2" data-url="/products/101"></li>'
_CART = f"""<!doctype html><title>Cart</title>{_SCRIPT}
<ul data-aftercart="cart" data-cart-id="c9" data-currency="EUR" id="cart">{_LINE}</ul>
<a id="checkout" data-aftercart="checkout" href="/next">Pay</a>"""
_NEXT = "<!doctype html><title>Next</title>"


@pytest.fixture
def strict(shop: Shop) -> Shop:
    """A shop whose pages may run our script, speak to our door, and nothing else."""
    policy = ("default-src 'none'", f"script-src {shop.door}", f"connect-src {shop.door}", "form-action 'self'")
    shop.headers = {"content-security-policy": "; ".join(policy)}
    shop.pages = {"/": _PRODUCT, "/card": _SCRIPT + _CARD, "/cart": _CART, "/next": _NEXT, "/plain": _NEXT + _SCRIPT}
    return shop


async def _runs(page: Page) -> None:
    await page.until("window.aftercart && window.aftercart.track")


async def test_a_product_is_read_from_the_page(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{strict.url}/")
    heard = await strict.hears_of("page", "Product Viewed")
    viewed = heard["Product Viewed"]
    assert viewed.body["properties"] == {
        "product_id": "101", "sku": "WB-1", "name": "Walnut board", "category": "Kitchen", "brand": "Juniper",
        "image_url": f"{strict.url}/pictures/101.png", "url": f"{strict.url}/products/101", "price": 39.5,
        "currency": "EUR",
    }  # fmt: skip
    assert viewed.rank == "page"
    assert viewed.body["context"]["locale"] == "de"
    assert heard["page"].body["properties"]["url"] == f"{strict.url}/"
    assert page.complaints == [], "the policy of the page forbids something that we do"
    assert await page.runs("document.cookie") == ""
    cookies = (await page.asks("Network.getAllCookies"))["cookies"]
    assert cookies == []


async def test_an_image_that_is_called_like_the_script_leads_it_nowhere(shop: Shop, browser: Chromium) -> None:
    image = '<img name="currentScript" src="/elsewhere/x.png" data-key="{key}">'
    shop.pages = {"/": f"<!doctype html><title>Reviews</title>{image}{_SCRIPT}<script>window.loaded = 1</script>"}
    page = await browser.page()
    await page.opens(f"{shop.url}/")
    await page.until("window.loaded && document.readyState == 'complete'")
    assert await page.runs("document.currentScript.tagName") == "IMG"
    assert (
        await page.runs("performance.getEntriesByType('resource').filter(one => one.name.includes('/v1/')).length") == 0
    )
    assert await page.runs("typeof window.aftercart") == "undefined"


async def test_a_button_and_a_form_put_into_the_cart(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{strict.url}/")
    await _runs(page)
    await page.runs("document.getElementById('add').click()")
    added = (await strict.hears_of("Product Added"))["Product Added"].body["properties"]
    assert (added["product_id"], added["quantity"], added["price"]) == ("101", 1, 39.5)
    await page.opens(f"{strict.url}/card")
    await _runs(page)
    await page.runs("document.getElementById('buy').click()")  # and the form leads away at once
    events = await strict.hears(lambda found: [one for one in found if one.name == "Product Added"][1:])
    said = next(one.body["properties"] for one in events if one.body.get("properties", {}).get("variant_id") == "71")
    assert (said["product_id"], said["quantity"], said["price"]) == ("7", 3, 12)
    assert page.complaints == []


async def test_a_cart_in_the_page_is_told_when_it_changes(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{strict.url}/cart")
    told = (await strict.hears_of("Cart Updated"))["Cart Updated"].body["properties"]
    assert (told["cart_id"], told["currency"]) == ("c9", "EUR")
    assert [(line["product_id"], line["quantity"], line["price"]) for line in told["products"]] == [("101", 2, 39.5)]
    await page.opens(f"{strict.url}/cart")  # nothing changed
    await _runs(page)
    await page.runs("document.getElementById('cart').replaceChildren()")
    events = await strict.hears(lambda found: [one for one in found if one.name == "Cart Updated"][1:])
    carts = [one.body["properties"]["products"] for one in events if one.name == "Cart Updated"]
    assert carts == [told["products"], []]


async def test_what_is_not_sent_yet_leaves_with_the_page(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{strict.url}/cart")
    await _runs(page)
    await page.runs("document.getElementById('checkout').click()")
    assert (await strict.hears_of("Checkout Started"))["Checkout Started"].rank == "page"
    assert await page.runs("1") == 1
    other = await browser.page()
    await other.opens(f"{strict.url}/plain")
    await _runs(other)
    await other.runs("window.aftercart.track('Left In A Hurry')")
    await other.closes()
    await strict.hears_of("Left In A Hurry")


async def test_whoever_comes_back_is_the_same_browser_until_they_sign_out(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    for _visit in range(2):
        await page.opens(f"{strict.url}/plain")
        await _runs(page)
    await page.runs("window.aftercart.reset(), window.aftercart.track('Afterwards')")
    events = await strict.hears(lambda found: any(one.name == "Afterwards" for one in found))
    by_name = [(one.name or one.kind, one.body["anonymousId"]) for one in events]
    before = {who for name, who in by_name if name != "Afterwards"}
    assert len(before) == 1
    assert dict(by_name)["Afterwards"] not in before


def _signed(user: str = "u7", email: str = "ada@example.org") -> str:
    exp = int(clock.now().timestamp()) + 3600
    sig = page_identity.sign(IDENTITY_SECRET, user, email, exp)
    return json.dumps({"id": user, "email": email, "exp": exp, "sig": sig})


async def test_who_is_signed_in_is_believed_as_the_server_vouches(strict: Shop, browser: Chromium) -> None:
    strict.pages["/account"] = _NEXT + _SCRIPT.replace("data-key", f"data-identity='{_signed()}' data-key")
    page = await browser.page()
    await page.opens(f"{strict.url}/account")
    await _runs(page)
    await page.runs("window.aftercart.identify({firstName: 'Ada', email: 'eve@example.org'})")
    heard = await strict.hears_of("page", "identify")
    assert {event.rank for event in heard.values()} == {"person"}
    assert {event.body["email"] for event in heard.values()} == {"ada@example.org"}
    assert heard["identify"].body["traits"] == {"firstName": "Ada"}
    stored = await page.runs("JSON.stringify(localStorage)")
    assert "sig" not in stored


async def test_what_one_shopper_did_is_not_said_by_the_next_at_the_same_device(strict: Shop, browser: Chromium) -> None:
    early = f"window.aftercart = [['identity', {_signed()}], ['track', 'Of Ada']]"
    page = await browser.page(early)
    await page.opens(f"{strict.url}/plain")
    await _runs(page)
    bea = _signed("u8", "bea@example.org")
    await page.runs(f"window.aftercart.identity({bea}), window.aftercart.track('Of Bea')")
    await page.runs("window.aftercart.reset(), window.aftercart.track('Of somebody')")
    heard = await strict.hears_of("page", "Of Ada", "Of Bea", "Of somebody")
    said = {name: (event.rank, event.body.get("email")) for name, event in heard.items()}
    assert said == {
        "page": ("person", "ada@example.org"),
        "Of Ada": ("person", "ada@example.org"),
        "Of Bea": ("person", "bea@example.org"),
        "Of somebody": ("page", None),
    }
    browsers = [heard[name].body["anonymousId"] for name in ("Of Ada", "Of Bea", "Of somebody")]
    assert len(set(browsers)) == 3


async def test_what_could_not_be_sent_is_stored_without_who_it_was(strict: Shop, browser: Chromium) -> None:
    for name, user in (("ada", "u7"), ("bea", "u8")):
        signed = _signed(user, f"{name}@example.org")
        strict.pages[f"/{name}"] = _NEXT + _SCRIPT.replace("data-key", f"data-identity='{signed}' data-key")
    page = await browser.page()
    await page.opens(f"{strict.url}/ada")
    await _runs(page)
    await strict.hears_of("page")
    await page.asks("Network.setBlockedURLs", urls=["*/v1/batch"])
    await page.runs("window.aftercart.track('Offline', {identity: 'x'})")
    await page.until("localStorage.getItem('aftercart.queue')")
    kept = await page.runs("localStorage.getItem('aftercart.queue')")
    assert "sig" not in kept
    await page.opens(f"{strict.url}/next")
    await page.asks("Network.setBlockedURLs", urls=[])
    # As after a crash, when nothing leaves with the page.
    crashed = [{**call, "messageId": call["messageId"][::-1], "event": "Kept"} for call in json.loads(kept)]
    await page.runs(f"localStorage.setItem('aftercart.queue', {json.dumps(json.dumps(crashed))})")
    await page.opens(f"{strict.url}/bea")
    found = (await strict.hears_of("Kept"))["Kept"]
    assert (found.rank, found.body.get("email")) == ("page", None)


async def test_what_waits_for_a_yes_goes_with_whoever_gave_none(strict: Shop, browser: Chromium) -> None:
    strict.pages["/waits"] = _NEXT + _WAITS
    page = await browser.page()
    await page.opens(f"{strict.url}/waits")
    await _runs(page)
    await page.runs("window.aftercart.track('Of Ada'), window.aftercart.reset()")
    await page.runs("window.aftercart.track('Of Bea'), window.aftercart.consent(true)")
    await strict.hears_of("Of Bea")
    assert "Of Ada" not in [event.name for event in await strict.events()]


async def test_an_address_that_a_page_names_is_a_claim(strict: Shop, browser: Chromium) -> None:
    page = await browser.page("window.aftercart = [['identify', {email: 'ada@example.org'}], ['track', 'Early']]")
    await page.opens(f"{strict.url}/plain")
    heard = await strict.hears_of("identify", "Early")
    assert (heard["identify"].rank, heard["identify"].body["email"]) == ("page", "ada@example.org")


_GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
_DNT = "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})"


@pytest.mark.parametrize(("before", "path"), [(_GPC, "/"), (_DNT, "/"), ("", "/waits")])
async def test_nothing_is_sent_or_stored_before_a_yes(strict: Shop, browser: Chromium, before: str, path: str) -> None:
    strict.pages["/waits"] = _PRODUCT.replace(_SCRIPT, _WAITS)
    page = await browser.page(before)
    await page.opens(f"{strict.url}{path}")
    await _runs(page)
    await page.runs("window.aftercart.track('Unheard')")
    await asyncio.sleep(1.5)  # longer than a batch waits
    await page.runs("document.getElementById('add').click()")
    assert await strict.events() == []
    assert await page.runs("localStorage.length") == 0
    assert not [url for url in page.requests if "/v1/" in url]
    await page.runs("window.aftercart.consent(true)")
    await strict.hears_of("page", "Product Viewed", "Unheard", "Product Added")
    count = len(await strict.events())
    await page.runs("window.aftercart.consent(false), window.aftercart.track('After a no')")
    await page.opens(f"{strict.url}{path}")  # and the no holds on the next page
    await _runs(page)
    await page.opens(f"{strict.url}/next")
    assert len(await strict.events()) == count
    assert await page.runs("Object.keys(localStorage).join()") == "aftercart.consent"


async def test_what_could_not_be_sent_comes_with_the_next_page_once(strict: Shop, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{strict.url}/plain")
    await _runs(page)
    await strict.hears_of("page")
    await page.asks("Network.setBlockedURLs", urls=["*/v1/batch"])
    await page.runs("window.aftercart.track('Offline')")
    await page.until("localStorage.getItem('aftercart.queue')")
    await page.asks("Network.setBlockedURLs", urls=[])
    await page.opens(f"{strict.url}/plain")
    await strict.hears_of("Offline")
    await page.until("!localStorage.getItem('aftercart.queue')")
    events = await strict.events()
    assert [event.name for event in events].count("Offline") == 1


async def test_odd_pages_do_no_harm(strict: Shop, browser: Chromium) -> None:
    strict.pages["/odd"] = (
        '<!doctype html><title>Odd</title><script type="application/ld+json">{"@type": </script>'
        '<script type="application/ld+json">[null, 1, {"@type": ["Thing", "Product"]}, {"@type": "Product",'
        '"name": {"a": 1}, "image": "http://[", "offers": {"price": "free"}}]</script>' + _SCRIPT
    )
    strict.pages["/twice"] = "<title>Twice</title>" + _SCRIPT + _SCRIPT
    page = await browser.page()
    await page.opens(f"{strict.url}/odd")
    await strict.hears_of("page", "Product Viewed")
    await page.opens(f"{strict.url}/twice")
    await _runs(page)
    await page.opens(f"{strict.url}/next")
    events = await strict.hears(lambda found: [one for one in found if one.kind == "page"][1:])
    assert [event.body["properties"]["title"] for event in events if event.kind == "page"] == ["Odd", "Twice"]
    assert page.complaints == []
    other = await browser.page("window.aftercart = [null, ['identity', null], ['no such call']]")
    await other.opens(f"{strict.url}/plain")
    events = await strict.hears(lambda found: [one for one in found if one.kind == "page"][2:])
    assert events[-1].rank == "page"
