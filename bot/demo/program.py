"""The real program as a process of its own, as `aftercart run` starts it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp

from bot.base import private
from bot.demo.trouble import Trouble

_START = 90.0  # seconds until it must answer; a busy machine compiles and migrates slowly
_STOP = 10.0
_TAIL = 25  # lines
_ROOT = Path(__file__).resolve().parents[2]


class Program:
    """`async with` starts it and waits until it answers; leaving ends it, whatever happened in between."""

    def __init__(self, config: Path, log: Path, url: str) -> None:
        self.config = config
        self.log = log
        self.url = url
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Program":
        # A folder above the packages may be all that makes them importable (a checkout): the child looks there too.
        root = str(_ROOT)
        known = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        # Settings of a real shop in the environment are not for the demo.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
        environ["PYTHONPATH"] = os.pathsep.join([root, *known])
        with private.open_new(self.log, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run", "--config", str(self.config),
                cwd=self.config.parent, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone; we end it in order
            )  # fmt: skip
        try:
            await self._until_healthy()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._end()

    async def _until_healthy(self) -> None:
        assert self._process is not None
        end = asyncio.get_running_loop().time() + _START
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while asyncio.get_running_loop().time() < end:
                if self._process.returncode is not None:
                    raise Trouble("the program did not start", self.tail())
                try:
                    async with session.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.1)
        raise Trouble(f"the program did not answer at {self.url}/healthz within {_START:.0f} s", self.tail())

    async def must_live(self) -> None:
        """Raises Trouble when the program ends."""
        assert self._process is not None
        status = await self._process.wait()
        raise Trouble(f"the program ended in the middle, with exit status {status}", self.tail())

    def tail(self) -> str:
        """The last lines of its log."""
        return tail(self.log)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), _STOP)
        except ProcessLookupError:
            return
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise


def tail(log: Path) -> str:
    """The last lines of a log, if there is one."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-_TAIL:])
