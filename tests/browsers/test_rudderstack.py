"""The official browser client of RudderStack, unchanged, in a page of the shop: what its snippet queued is sent."""

import npm_clients
import pytest
from chromium import Chromium
from shop_pages import Shop

# What RudderStack's snippet leaves behind for the script that it loads; the package is that script's inside.
_SNIPPET = """<!doctype html><title>Walnut board</title><script>
window.rudderanalytics = [
  ['load', '{key}', '{door}', {configUrl: '{door}', logLevel: 'WARN'OPTIONS}],
  ['page', 'Product'],
  ['track', 'Product Viewed', {product_id: '101', name: 'Walnut board', price: 39}],
  ['identify', 'u1', {email: 'ada@example.org'}]
];
</script><script type="module">
import { RudderAnalytics } from '/rudder/index.mjs';
new RudderAnalytics();
</script>"""
_OPTIONS = {
    "one by one": "",
    "in batches": ", queueOptions: {batch: {enabled: true, maxItems: 3, flushInterval: 500}}",
    "by beacon": ", useBeacon: true, beaconQueueOptions: {maxItems: 3, flushQueueInterval: 500}",
}


@pytest.mark.parametrize("how", _OPTIONS)
async def test_the_snippet_is_heard(shop: Shop, browser: Chromium, how: str) -> None:
    package = npm_clients.rudderstack() / "dist" / "npm" / "modern" / "bundled" / "esm"
    shop.folders = {"/rudder": package}
    shop.pages = {"/": _SNIPPET.replace("OPTIONS", _OPTIONS[how])}
    page = await browser.page()
    await page.opens(f"{shop.url}/")
    heard = await shop.hears_of("page", "Product Viewed", "identify")
    viewed = heard["Product Viewed"]
    assert (viewed.rank, viewed.body["properties"]["product_id"]) == ("page", "101")
    assert heard["identify"].body["email"] == "ada@example.org"
    assert page.complaints == []
    foreign = [url for url in page.requests if not url.startswith((f"{shop.url}/", f"{shop.door}/", "data:"))]
    assert not foreign
