"""A real Chromium, driven by its own protocol: pages that load, run, are left, and what they asked the network for."""

import asyncio
import base64
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
"""The name of the headless one has a robot's in it, and events of robots are not taken."""
_WITHIN = 30.0


class Page:
    """One tab. `requests` are the addresses it asked for, `complaints` what its console said as an error."""

    def __init__(self, browser: "Chromium", session: str, target: str) -> None:
        self.browser = browser
        self.session = session
        self.target = target
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.loaded = asyncio.Event()

    async def asks(self, method: str, **parameters: Any) -> Any:
        return await self.browser.asks(method, self.session, **parameters)

    async def opens(self, url: str) -> None:
        self.loaded.clear()
        failed = (await self.asks("Page.navigate", url=url)).get("errorText")
        assert not failed, f"{url}: {failed}"
        await asyncio.wait_for(self.loaded.wait(), _WITHIN)

    async def runs(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        said = await self.asks("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, script: str) -> None:
        """Waits until the expression is true."""
        async with asyncio.timeout(_WITHIN):
            while not await self.runs(f"!!({script})"):
                await asyncio.sleep(0.05)

    async def picture(self, width: int, height: int) -> bytes:
        """What a person with a window of that size sees, as PNG."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.asks("Emulation.setDeviceMetricsOverride", **size)
        return base64.b64decode((await self.asks("Page.captureScreenshot"))["data"])

    async def closes(self) -> None:
        """As a person closes a tab: the page is told that it is left."""
        await self.browser.asks("Target.closeTarget", targetId=self.target)

    def hears(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.consoleAPICalled" and told["type"] == "error":
            self.complaints.append(" ".join(str(one.get("value", one.get("description"))) for one in told["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


class Chromium:
    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}

    async def asks(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        self._number += 1
        answer = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        words = {"id": self._number, "method": method, "params": parameters}
        await self._line.send_json(words | ({"sessionId": session} if session else {}))
        return await asyncio.wait_for(answer, _WITHIN)

    async def page(self, before: str = "") -> Page:
        """A tab of a person who was never here. `before` is script that runs before any of the pages'."""
        person = await self.asks("Target.createBrowserContext")
        context = person["browserContextId"]
        target = (await self.asks("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        return await self._attach(target, before)

    async def _attach(self, target: str, before: str) -> Page:
        session = (await self.asks("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for part in ("Page", "Runtime", "Network", "Log"):
            await page.asks(f"{part}.enable")
        if before:
            await page.asks("Page.addScriptToEvaluateOnNewDocument", source=before)
        return page

    async def listen(self) -> None:
        async for message in self._line:
            said = message.json()
            if "id" in said:
                waiting = self._waiting.pop(said["id"], None)
                if waiting is None or waiting.done():
                    continue
                if "error" in said:
                    waiting.set_exception(RuntimeError(str(said["error"])))
                else:
                    waiting.set_result(said["result"])
            elif page := self._pages.get(said.get("sessionId", "")):
                page.hears(said["method"], said["params"])


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Chromium]:
    """A browser that reaches nothing but this machine, with its profile in `folder`. Skips where there is none."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost",
        "--remote-debugging-port=0", f"--user-data-dir={folder}", f"--user-agent={_PERSON}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = await _address(folder / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as line:
            browser = Chromium(line)
            listening = asyncio.create_task(browser.listen())
            yield browser
            listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(_WITHIN):
        while True:
            if process.returncode is not None:
                pytest.skip(f"Chromium does not start here: exit status {process.returncode}")
            if file.exists() and len(lines := file.read_text().splitlines()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)
