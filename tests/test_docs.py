import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from automations.definition import flow_files, step
from bot.__main__ import cli

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def commands() -> set[str]:
    found = set()
    group = typer.main.get_group(cli)
    for name, command in group.commands.items():
        below = getattr(command, "commands", {})
        found |= {name, *(f"{name} {one}" for one in below)}
    return found


def test_commands_in_the_readme_exist() -> None:
    known = commands()
    for words in re.findall(r"\baftercart ((?:[a-z]+ ?){1,2})", "\n".join(_code())):
        parts = words.split()
        assert parts[0] in known, f"README: aftercart {words}"
        if any(one.startswith(f"{parts[0]} ") for one in known) and len(parts) > 1:
            assert " ".join(parts[:2]) in known, f"README: aftercart {words}"


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    for target in re.findall(r"\bmake ([a-z]+)", "\n".join(_code())):
        assert target in targets, f"README: make {target}"


def _code() -> list[str]:
    """What stands in the README as something to type."""
    if not README.exists():
        pytest.skip("no README yet")
    text = README.read_text("utf-8")
    return [*re.findall(r"```\w*\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)]


def test_every_makefile_target_says_what_it_is_for() -> None:
    targets = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)) == targets


def test_the_help_of_the_makefile_lists_its_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make demo" in shown
    assert "make test" in shown


def test_help_loads_no_framework() -> None:
    heavy = ("aiogram", "fastapi", "sqlalchemy", "pydantic", "rich.progress")
    code = f"import sys, bot.__main__; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_the_flow_of_the_readme_is_one(tmp_path: Path) -> None:
    found = next(
        block for block in re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.S) if "[[steps]]" in block
    )
    (tmp_path / "thanks.toml").write_text(found, "utf-8")
    steps = flow_files.load([tmp_path]).by_name["thanks"].steps
    assert {one.kind for one in steps} == set(step.KINDS) - {"check"}
