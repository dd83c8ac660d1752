"""Flows that ship, with some of their words changed."""

from pathlib import Path

from automations.definition import flow_files
from automations.definition.flow_files import Flows
from bot.base.config import Config

TOP = 'about = "cart"\n'
"""A line of the abandoned cart behind which a setting of the flow may stand."""


def cart_flow(folder: Path, *changes: tuple[str, str], name: str = "abandoned_cart") -> None:
    """The flow that ships, with these words changed."""
    words = (flow_files.folders(Config())[0] / f"{name}.toml").read_text("utf-8")
    for old, new in changes:
        assert old in words
        words = words.replace(old, new, 1)
    (folder / f"{name}.toml").write_text(words, "utf-8")


def flows(folder: Path, *changes: tuple[str, str], name: str = "abandoned_cart") -> Flows:
    cart_flow(folder, *changes, name=name)
    return flow_files.load([folder])
