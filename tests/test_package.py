import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


def test_the_wheel_carries_everything_that_the_program_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())

    kept = {"automations/flows": "automations/flows", "automations/segments": "automations/segments"}
    for folder, packed in {**kept, "templates": "bot/templates"}.items():
        for file in (ROOT / folder).rglob("*"):
            if file.is_file():
                assert f"{packed}/{file.relative_to(ROOT / folder)}" in inside
    assert {"bot/config.example.toml", "bot/inbound/web/scripts/aftercart.js"} <= inside
    assert {"bot/migrations/env.py", "bot/migrations/script.py.mako"} <= inside
    assert any(name.startswith("bot/migrations/versions/0001") for name in inside)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)
    assert not any(name.startswith("tests") for name in inside)


def test_the_constraints_pin_every_version_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)
