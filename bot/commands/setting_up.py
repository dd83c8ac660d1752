"""`init` and `migrate`: before the first start, and after an update."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

_NEXT = """\
Next:
  1. edit {config}: your shop, your mail relay, your Telegram bot
  2. aftercart check --config {config}
  3. aftercart run --config {config}
Your own words go to {templates}, your own flows to {flows}, segments to {segments}, broadcasts to {broadcasts}.
Events come in with these keys: {page} from your pages, {server} from your backend (never in a page).
"""
_FOLDERS = {
    "folder": "templates", "flows_folder": "flows", "segments_folder": "segments", "broadcasts_folder": "broadcasts",
}  # fmt: skip
"""Keys that are switched on, and the folders that they name."""


@in_words
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there.")] = Path(),
) -> None:
    """Write config.toml with a secret and a write key of your own, and folders for what you add to ours."""
    from bot.base import paths, private
    from bot.base.errors import Finding, FindingsError

    file, own = folder / "config.toml", {name: folder / name for name in _FOLDERS.values()}
    if file.exists():
        raise FindingsError(Finding("is there already and stays as it is; name another folder", paths.shown(file)))
    for one in own.values():
        private.make_folder(one)
    keys = {kind: secrets.token_urlsafe(24) for kind in ("page", "server")}
    text = paths.example_config().read_text("utf-8")
    text = re.sub(r"^secret = .*$", f'secret = "{secrets.token_urlsafe(32)}"', text, count=1, flags=re.MULTILINE)
    text = _with_keys(text, keys)
    for name, value in _FOLDERS.items():
        text = re.sub(rf"^# {name} = .*$", f'{name} = "{value}"', text, count=1, flags=re.MULTILINE)
    private.write_text(file, text)  # it will hold tokens
    shown = {"config": paths.shown(file), **{name: paths.shown(one) for name, one in own.items()}}
    typer.echo(f"Wrote {shown['config']}\n\n" + _NEXT.format(**shown, **keys))


def _with_keys(text: str, keys: Mapping[str, str]) -> str:
    """The example with a key of each kind behind where it explains them."""
    explained = re.search(r"^# \[\[events\.keys\]\]\n(?:#.*\n)*", text, re.MULTILINE)
    assert explained is not None
    made = "".join(
        f'\n[[events.keys]]\nname = "{name}"\nkey = "{keys[kind]}"\nkind = "{kind}"\n'
        for name, kind in (("web", "page"), ("backend", "server"))
    )
    return text[: explained.end()] + made + text[explained.end() :]


@in_words
def migrate(config: ConfigFile = None) -> None:
    """Bring the database to this version: once before the first start on PostgreSQL, and after each update."""
    from bot import start
    from bot.base import config as settings

    done, unclear = asyncio.run(start.migrate(settings.load(config)))
    typer.echo(f"applied {', '.join(done)}" if done else "nothing to do, the database is up to date")
    for line in unclear:
        typer.echo(f"not told by anything in the database: {line}")
