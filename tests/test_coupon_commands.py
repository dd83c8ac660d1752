"""`aftercart coupon …` as somebody types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli

CONFIG = """
[[automations.coupons]]
name = "ten"
codes = "codes.txt"
[[automations.coupons]]
name = "own"
pattern = "WB-{8}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli, ["coupon", *words])
    assert result.exit_code == status, result.output
    return result.output


def test_codes_come_from_a_file_and_none_comes_twice(folder: Path) -> None:
    (folder / "codes.txt").write_text("# of June\nAAA-1\n\nAAA-2,\nAAA-1\nno code\n", "utf-8")
    said = run("import", "ten")
    assert "2 new codes in ten, 1 were there already" in said and "line 6" in said
    (folder / "more.txt").write_text("AAA-2\nAAA-3\n", "utf-8")
    assert "1 new codes in ten, 1 were there already" in run("import", "ten", "more.txt")
    assert run("list", "ten", "--free").splitlines()[-3:] == ["AAA-1", "AAA-2", "AAA-3"]
    row = next(line for line in run("list").splitlines() if line.startswith("ten"))
    assert row.split() == ["ten", "3", "0", "0"]


def test_codes_can_be_made_ahead_for_the_shop_system(folder: Path) -> None:
    made = [line for line in run("make", "own", "5").splitlines() if line.startswith("WB-")]
    assert len(set(made)) == 5 and run("list", "own", "--free").splitlines()[-5:] == made


def test_codes_of_a_pool_that_is_configured_no_more_can_still_be_seen(folder: Path) -> None:
    (folder / "codes.txt").write_text("AAA-1\n", "utf-8")
    run("import", "ten")
    (folder / "config.toml").write_text("", "utf-8")
    assert "AAA-1\tfree" in run("list", "ten")
    assert "no pool is named own; known here: ten" in run("list", "own", status=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "tenn"), "no pool is named tenn; did you mean ten?"),
        (("list", "tenn"), "no pool is named tenn; did you mean ten?"),
        (("list", "nix", "--free"), "no pool is named nix; known here: own, ten"),
        (("import", "own"), "names no file of codes"),
        (("make", "ten", "5"), "has no pattern"),
        (("import", "ten"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert said in run(*words, status=1)
