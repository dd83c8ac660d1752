"""The official browser client of Segment, unchanged, in a page of the shop: its snippet, and as a package."""

from collections.abc import AsyncIterator

import npm_clients
import pytest
import shop_pages
from chromium import Chromium
from shop_pages import Shop

from bot.base.database import Database

# What Segment's snippet does with our address in place of its host: a queue, the script, the address of settings.
_SNIPPET = """<!doctype html><title>Walnut board</title><script>
var analytics = window.analytics = window.analytics || [];
analytics.invoked = true;
analytics.methods = ['identify', 'track', 'page', 'reset', 'on', 'once', 'ready', 'setAnonymousId'];
analytics.methods.forEach(function (method) {
  analytics[method] = function () {
    if (window.analytics.initialized) return window.analytics[method].apply(window.analytics, arguments);
    analytics.push([method].concat(Array.prototype.slice.call(arguments)));
    return analytics;
  };
});
analytics._writeKey = '{key}';
analytics._cdn = '{door}';
analytics.SNIPPET_VERSION = '5.2.1';
var script = document.createElement('script');
script.async = true;
script.setAttribute('data-global-segment-analytics-key', 'analytics');
script.src = '{door}/analytics.js/v1/{key}/analytics.min.js';
document.head.appendChild(script);
analytics.page('Product');
analytics.track('Product Viewed', {product_id: '101', name: 'Walnut board', price: 39});
analytics.identify({email: 'ada@example.org'});
</script>"""

_PACKAGE = """<!doctype html><title>Cart</title><script src="/umd/index.js"></script><script>
window.sent = (async function () {
  var made = window.AnalyticsNext.AnalyticsBrowser.load(
    {writeKey: '{key}', cdnURL: '{door}'}, {integrations: {'Segment.io': STRATEGY}});
  await made.page('Cart');
  await made.track('Cart Updated', {cart_id: 'c1', products: [{product_id: '101', quantity: 2, price: 39}]});
})();
</script>"""
_BATCHES = "{deliveryStrategy: {strategy: 'batching', config: {size: 10, timeout: 60000}}}"


@pytest.fixture
async def with_client(database: Database) -> AsyncIterator[Shop]:
    async with shop_pages.opened(database, npm_clients.segment() / "dist" / "umd") as made:
        yield made


async def test_the_snippet_is_heard(with_client: Shop, browser: Chromium) -> None:
    shop = with_client
    shop.pages = {"/": _SNIPPET}
    page = await browser.page()
    await page.opens(f"{shop.url}/")
    heard = await shop.hears_of("page", "Product Viewed", "identify")
    viewed = heard["Product Viewed"]
    assert (viewed.rank, viewed.body["properties"]["product_id"]) == ("page", "101")
    assert viewed.body["context"]["page"]["url"] == f"{shop.url}/"
    assert heard["identify"].body["email"] == "ada@example.org"
    assert len({event.body["anonymousId"] for event in heard.values()}) == 1
    assert page.complaints == []
    _only_here(page.requests, shop)
    await page.runs("window.analytics.track('Product Added', {product_id: '101'})")
    await shop.hears_of("Product Added")
    await page.opens(f"{shop.url}/?ajs_event=From%20A%20Mail")  # for that the client loads a part of itself
    await shop.hears_of("From A Mail")
    assert any(url.startswith(f"{shop.door}/analytics-next/bundles/") for url in page.requests)
    assert page.complaints == []
    _only_here(page.requests, shop)


@pytest.mark.parametrize("strategy", ["{}", _BATCHES])
async def test_the_package_is_heard(shop: Shop, browser: Chromium, strategy: str) -> None:
    shop.folders = {"/umd": npm_clients.segment() / "dist" / "umd"}
    shop.pages = {"/cart": _PACKAGE.replace("STRATEGY", strategy), "/next": "<!doctype html><title>Next</title>"}
    page = await browser.page()
    await page.opens(f"{shop.url}/cart")
    await page.runs("window.sent")
    await page.opens(f"{shop.url}/next")  # a batch leaves with its page
    heard = await shop.hears_of("page", "Cart Updated")
    assert heard["Cart Updated"].body["properties"]["products"][0]["product_id"] == "101"
    assert page.complaints == []
    _only_here(page.requests, shop)


def _only_here(requests: list[str], shop: Shop) -> None:
    foreign = [url for url in requests if not url.startswith((f"{shop.url}/", f"{shop.door}/", "about:", "data:"))]
    assert not foreign
