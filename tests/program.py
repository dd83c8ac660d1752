"""The real program as a process of its own: started from a config file, asked over HTTP, killed and started again.

Its process is forked from one that has imported everything: imports are four fifths of what a start costs, and a test
that kills often is about what comes after them.
"""

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def _warm() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["program", "bot.app", "bot.__main__", "bot.base.work_postgres", *_TELEGRAM])
    return context


_TELEGRAM = ("bot.outbound.staff_topics", "bot.outbound.telegram", "bot.inbound.telegram.each_update")


def begin(
    words: Sequence[str], folder: Path, environ: Mapping[str, str], out: Path, errors: Path | None = None
) -> ForkServerProcess:
    """`python -m bot` with these words, in a process of its own. What it says is added to the files."""
    process = _warm().Process(target=_run, args=(words, folder, environ, out, errors or out))
    process.start()
    return process


def _run(words: Sequence[str], folder: Path, environ: Mapping[str, str], out: Path, errors: Path) -> None:
    for number, said in enumerate((out, errors), 1):
        with said.open("ab") as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["aftercart", *words]
    from bot.__main__ import main

    main()


def toml(tree: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """A nested dict as TOML text: strings, numbers, booleans, lists of those, sections and lists of sections."""
    lines, below = [], []
    for key, value in tree.items():
        if isinstance(value, dict):
            below.append(f"[{'.'.join((*path, key))}]\n" + toml(value, (*path, key)))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            below += [f"[[{'.'.join((*path, key))}]]\n" + toml(part, (*path, key)) for part in value]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines) + "\n".join(below)


def taking(key: str, kind: str = "server") -> dict[str, Any]:
    """The section [events] of a shop whose backend (or page) has this key."""
    return {"keys": [{"name": "web" if kind == "page" else "backend", "key": key, "kind": kind}]}


class Program:
    """`aftercart run` in `folder` with the given configuration. Leaving the block kills what still runs."""

    def __init__(self, folder: Path, config: dict[str, Any], *, only: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = config.setdefault("web", {}).setdefault("port", free_port())
        self.file = folder / f"config-{self.port}.toml"
        self.file.write_text(toml(config), "utf-8")
        self.log = folder / f"program-{self.port}.log"
        self._only = [word for name in only for word in ("--only", name)]
        self._process: ForkServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Program":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self, *, wait: bool = True, timeout: float = 30) -> None:
        words = ("run", "--config", str(self.file), *self._only)
        self._process = begin(words, self.folder, dict(os.environ), self.log)
        if wait:
            self.wait_until_healthy(timeout)

    def wait_until_healthy(self, timeout: float = 30) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            assert self._process is not None
            if self._process.exitcode is not None:
                raise AssertionError(f"the program ended with {self._process.exitcode}:\n{self.output()}")
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise AssertionError(f"not healthy after {timeout} s:\n{self.output()}")

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")[-6000:] if self.log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self, timeout: float = 15) -> int:
        """SIGTERM, and its exit status."""
        return self._end(signal.SIGTERM, timeout)

    def _end(self, how: signal.Signals, timeout: float = 15) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.exitcode is None:
            os.kill(process.pid or 0, how)
        process.join(timeout)
        status = process.exitcode
        assert status is not None, f"still running after {timeout} s:\n{self.output()}"
        return status
