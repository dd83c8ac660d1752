"""The section [[automations.topics]]: kinds of marketing mail that people choose among."""

from typing import Annotated

from pydantic import Field

from bot.base.config.types import Section

GENERAL = "marketing"
"""Consent to marketing as such. It covers every topic about which somebody said nothing of their own."""

BACK_IN_STOCK = "back_in_stock"
"""What somebody asks for of one thing: consent to it is asked each time, unless the shop or they themselves say so."""

SHIPPED = (GENERAL, "care", "reviews", BACK_IN_STOCK, "birthday")
"""Their words stand in `templates/locale/*.po` as `topics.NAME.title` and `topics.NAME.about`."""


class Topic(Section):
    """A topic of the shop's own, or other words for one that ships. Empty words: ours, or the name."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    title: str = ""
    title_zh: str = ""
    about: str = ""
    about_zh: str = ""
    hidden: bool = False

    def title_in(self, language: str) -> str:
        return (self.title_zh or self.title) if language.startswith("zh") else (self.title or self.title_zh)

    def about_in(self, language: str) -> str:
        return (self.about_zh or self.about) if language.startswith("zh") else (self.about or self.about_zh)
