"""Pages of the shop's own: taken while the program runs, and ours where one cannot be written."""

import make
import pytest

from bot.base import page_files
from bot.base.page_files import PageFiles
from bot.base.texts import Texts
from bot.inbound.web.pages import Pages


@pytest.fixture
def files() -> PageFiles:
    return PageFiles(page_files.shipped())


def _shown(pages: Pages) -> str:
    return bytes(pages.answer("gone", "en", 404).body).decode()


def test_an_own_page_over_ours_is_shown_without_a_restart(texts: Texts, files: PageFiles) -> None:
    pages = Pages(make.ground(texts), files)
    ours = _shown(pages)
    own = '{% extends "base.html" %}{% block content %}All gone at {{ shop.name }}{% endblock %}'
    files.take({**page_files.shipped(), "gone.html": own, "style.css": "p { color: teal }"})
    assert "All gone" in _shown(pages) and "teal" in _shown(pages)
    files.take(page_files.shipped())
    assert _shown(pages) == ours


def test_where_an_own_page_cannot_be_written_the_reader_gets_ours(texts: Texts, files: PageFiles) -> None:
    pages = Pages(make.ground(texts), files)
    ours = _shown(pages)
    for own in ("{{ 1 // 0 }}", "{{ shop.nothing.deeper }}", '{% extends "nowhere.html" %}'):
        files.take({**page_files.shipped(), "gone.html": own})
        assert not files.failed
        assert _shown(pages) == ours == _shown(pages)
        assert list(files.failed) == ["gone"] and "gone.html" in str(files.failed["gone"])
