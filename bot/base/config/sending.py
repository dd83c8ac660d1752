"""The sections [[automations.coupons]] and [[automations.webhooks]]: what flows give away, and whom they call."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, model_validator

from bot.base.config.types import Duration, HttpUrl, Section

_NAME = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
_PATTERN = re.compile(r"(?P<before>[A-Z0-9-]{0,20})\{(?P<count>\d{1,2})\}(?P<after>[A-Z0-9-]{0,20})")
_FEWEST = 6
_Named = TypeVar("_Named", "Pool", "Hook")


class Pool(Section):
    """Codes of one kind: of a file (`codes`, one a line), brought in by `aftercart coupon import`, or made up by us.

    `pattern` says how: `WB-{8}` is WB- and 8 letters that nobody mixes up; beside a file it serves once that is used
    up.
    `valid` counts from the mail with the code.
    """

    name: Annotated[str, _NAME]
    codes: Path | None = None
    pattern: str = ""
    valid: Duration | None = timedelta(days=14)
    title: str = ""
    title_zh: str = ""

    @model_validator(mode="after")
    def _made_how(self) -> "Pool":
        if self.pattern:
            found = _PATTERN.fullmatch(self.pattern)
            if not found or int(found["count"]) < _FEWEST:
                raise ValueError(f'pattern is like "WB-{{8}}": capitals, and at least {_FEWEST} letters in braces')
        return self

    @property
    def shape(self) -> tuple[str, int, str] | None:
        """What stands before, how many letters are made up, what stands behind."""
        found = _PATTERN.fullmatch(self.pattern)
        return (found["before"], int(found["count"]), found["after"]) if found else None

    def title_in(self, language: str) -> str:
        return (self.title_zh or self.title) if language.startswith("zh") else (self.title or self.title_zh)


class Hook(Section):
    """A system of the shop that flows may call. `allow_private` is for one inside the shop's own network."""

    name: Annotated[str, _NAME]
    url: HttpUrl
    secret: SecretStr
    allow_private: bool = False

    @model_validator(mode="after")
    def _hard_to_guess(self) -> "Hook":
        if len(self.secret.get_secret_value()) < 16:
            raise ValueError("secret is too short: a random word of 16 letters or more, the same on both sides")
        return self


def named_once(sections: tuple[_Named, ...]) -> tuple[_Named, ...]:
    names = [one.name for one in sections]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"{twice} stands there twice; names are for one each")
    return sections
