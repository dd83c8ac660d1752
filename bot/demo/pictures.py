"""Pictures of pages, by a browser that is on the machine; without one there are none."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from html import escape
from pathlib import Path

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
    "--disable-dev-shm-usage",
)  # fmt: skip
_NO_NETWORK = "--host-resolver-rules=MAP * 127.0.0.1:9, EXCLUDE 127.0.0.1"
_DARK = ("--blink-settings=preferredColorScheme=0",)
_WITHIN = 40.0  # seconds for one picture
_TALLEST = 6000
_FRAME = (
    "<!doctype html><style>body{{margin:0}}iframe{{border:0;width:100%;height:1px;display:block}}</style>"
    '<iframe srcdoc="{page}" onload="document.title=&quot;h=&quot;+this.contentDocument.documentElement.scrollHeight">'
    "</iframe>"
)


def browser() -> str | None:
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


async def png(html_path: Path, png_path: Path, width: int, *, dark: bool = False) -> bool:
    """The whole page as a picture of that width. False if there is no browser or it gives none.

    Nothing is loaded from elsewhere than this machine.
    """
    program = browser()
    if program is None:
        return False
    with tempfile.TemporaryDirectory(prefix="aftercart-picture-", ignore_cleanup_errors=True) as folder:
        look = (*_FLAGS, _NO_NETWORK, f"--user-data-dir={folder}/profile", *(_DARK if dark else ()))
        frame = _framed(html_path, Path(folder))
        told = await _run(program, *look, f"--window-size={width},800", "--dump-dom", frame)
        measured = re.search(r"<title>h=(\d+)", told or "")
        height = min(max(int(measured[1]), 200), _TALLEST) if measured else 1600
        await _run(program, *look, f"--window-size={width},{height}", *_from_to(html_path, png_path))
    return _is_there(png_path)


def _framed(html_path: Path, folder: Path) -> str:
    """The URL of a page that shows this one in a frame and writes its height into the title."""
    frame = folder / "frame.html"
    frame.write_text(_FRAME.format(page=escape(html_path.read_text("utf-8"))), "utf-8")
    return frame.as_uri()


def _from_to(html_path: Path, png_path: Path) -> tuple[str, str]:
    return f"--screenshot={png_path.resolve()}", html_path.resolve().as_uri()


def _is_there(png_path: Path) -> bool:
    return png_path.is_file() and png_path.stat().st_size > 0


async def _run(program: str, *arguments: str) -> str | None:
    """What the program wrote; None if it took too long and was ended."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        async with asyncio.timeout(_WITHIN):
            out, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        # Its own session: the browser and its children, nobody else. Children may outlive it, and write on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return out.decode("utf-8", "replace")
