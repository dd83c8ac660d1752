"""People who visit a shop with a real browser."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import chromium
import pytest
import shop_pages
from chromium import Chromium
from shop_pages import Shop

from bot.base.database import Database


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One database is enough: what is tried here ends at the door."""
    file = tmp_path / "aftercart.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with shop_pages.opened(database) as made:
        yield made


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium.started(tmp_path / "chromium") as opened:
        yield opened
