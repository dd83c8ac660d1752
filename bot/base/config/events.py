"""The section [events]: who may send events, and how far each is believed."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bot.base.config.types import Section
from bot.base.ranks import OUR_SOURCES, Rank

_SHORTEST = 16
Kind = Literal["page", "server"]


def _some(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("a key cannot be empty; write any random words")
    return value


def _long(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < _SHORTEST:
        raise ValueError(f"write a random word of {_SHORTEST} letters or more; whoever guesses it is anybody")
    return value


class EventKey(Section):
    """A key of one sender. `page`: it stands in pages, so anybody has it; `server`: only a backend of the shop has it.

    `store` names the shop whose numbers the sender uses, where there are several.
    """

    key: Annotated[SecretStr, AfterValidator(_some)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
    kind: Kind
    store: str = ""

    @property
    def rank(self) -> Rank:
        return "shop" if self.kind == "server" else "page"

    @property
    def digest(self) -> str:
        """What stands for the key where it must not stand itself."""
        return digest(self.key.get_secret_value())


class Events(Section):
    write_keys: tuple[SecretStr, ...] = ()
    keys: tuple[EventKey, ...] = ()
    page_orders: Literal["hint", "new"] = "hint"
    identity_secret: Annotated[SecretStr | None, AfterValidator(_long)] = None
    analytics_js: Path | None = None

    @property
    def known_keys(self) -> tuple[EventKey, ...]:
        """Every key; one of `write_keys` is called by its digest and is a page key: nothing says that it is secret."""
        old = (key.get_secret_value() for key in self.write_keys)
        return (
            *(EventKey(key=SecretStr(key), name=old_name(key), kind="page") for key in dict.fromkeys(old) if key),
            *self.keys,
        )

    @model_validator(mode="after")
    def _apart(self) -> "Events":
        names = [one.name.lower() for one in self.known_keys]
        for one in self.keys:
            if one.name.lower() in OUR_SOURCES:
                raise ValueError(f"no key can be named {one.name}: a source of our own is called so; take another name")
            if names.count(one.name.lower()) > 1:
                raise ValueError(f"two keys are named {one.name}; give each a name of its own")
        keys = [one.key.get_secret_value() for one in self.known_keys]
        if len(set(keys)) < len(keys):
            raise ValueError("the same key stands here twice; give each sender one of its own")
        return self


def old_name(key: str) -> str:
    """What events of a key without a name are listed under."""
    return f"key-{sha256(key.encode()).hexdigest()[:8]}"


def digest(key: str) -> str:
    return sha256(key.encode("utf-8", "replace")).hexdigest()
