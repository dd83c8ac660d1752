import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot import checks
from bot.base.config import Config
from bot.inbound.web import each_request, page_scripts


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(each_request.build([page_scripts.routes()]))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as opened:
        yield opened


async def test_the_script_is_small(client: httpx.AsyncClient) -> None:
    answer = await client.get("/aftercart.js", headers={"accept-encoding": "gzip, br"})
    size = int(answer.headers["content-length"])
    assert answer.headers["content-encoding"] == "gzip"
    assert size < page_scripts.PACKED_AT_MOST, f"{size} bytes packed"


async def test_every_origin_may_load_it_and_keeps_it_for_an_hour(client: httpx.AsyncClient) -> None:
    answer = await client.get("/aftercart.js", headers={"origin": "https://shop.example"})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"].startswith("public, max-age=3600")
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "set-cookie" not in answer.headers


async def test_whoever_has_it_is_told_so(client: httpx.AsyncClient) -> None:
    tags = set()
    for encoding in ("gzip", "identity"):
        asked = {"accept-encoding": encoding}
        tag = (await client.get("/aftercart.js", headers=asked)).headers["etag"]
        tags.add(tag)
        again = await client.get("/aftercart.js", headers={**asked, "if-none-match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await client.get("/aftercart.js", headers={**asked, "if-none-match": '"other"'})).status_code == 200
    assert len(tags) == 2
    head = await client.head("/aftercart.js")
    assert (head.status_code, head.content) == (200, b"")


async def test_packed_and_plain_are_the_same_script(client: httpx.AsyncClient) -> None:
    plain = (await client.get("/aftercart.js", headers={"accept-encoding": "identity"})).text
    assert gzip.decompress(page_scripts.script().packed).decode() == plain


def test_the_script_needs_no_leave_of_a_strict_policy() -> None:
    words = page_scripts.script().plain.decode()
    forbidden = (
        r"\beval\b|\bFunction\(|innerHTML|outerHTML|document\.write|\.cookie|set(?:Timeout|Interval)\(['\"]|\.style\b"
    )
    assert not re.search(forbidden, words)
    assert not re.search(r"https?://", words), "it speaks to where it came from, and to nobody else"


def test_comments_go_and_code_stays() -> None:
    source = "// says why\n  var a = 'http://x'; // behind\n\n    // more\n  if (a)\n    b();\n"
    assert page_scripts.without_comments(source) == "var a = 'http://x';\nif (a)\nb();"


_PART = "auto-track.bundle.f131ce01a05e3a33a8c1.js"


async def test_segments_client_is_served_from_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "umd"
    folder.mkdir()
    (tmp_path / "secret.bundle.aaaaaaaa.js").write_text("no")
    for name in (page_scripts.SEGMENTS_SCRIPT, _PART, "index.js"):
        (folder / name).write_text(f"// {name}")
    transport = httpx.ASGITransport(each_request.build([page_scripts.routes(folder)]))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as client:
        main = await client.get("/analytics.js/v1/wk_page/analytics.min.js")
        assert (main.status_code, main.text) == (200, f"// {page_scripts.SEGMENTS_SCRIPT}")
        part = await client.get(f"/analytics-next/bundles/{_PART}")
        assert (part.status_code, "immutable" in part.headers["cache-control"]) == (200, True)
        assert part.headers["cross-origin-resource-policy"] == "cross-origin"
        for name in ("index.js", "..%2fsecret.bundle.aaaaaaaa.js", "gone.bundle.aaaaaaaa.js"):
            assert (await client.get(f"/analytics-next/bundles/{name}")).status_code == 404
        (folder / page_scripts.SEGMENTS_SCRIPT).unlink()
        assert (await client.get("/analytics.js/v1/wk_page/analytics.min.js")).status_code == 404


def test_a_folder_without_the_client_is_told(tmp_path: Path) -> None:
    said = Config(events={"analytics_js": tmp_path})
    assert [found.key for found in checks.files(said)] == ["events.analytics_js"]
