"""Looks at templates in a process of their own: one that breaks out of its budget costs that process, and is told.

The process starts with the first question and stays for the next ones. It knows none of our secrets: neither the
configuration nor the environment reach it.
"""

import json
import os
import pickle
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jinja2 import TemplateError

from bot.base.errors import Finding, FindingsError
from bot.outbound.email.mail_template import Mail

WALL = 30.0
"""Seconds for one answer, the start of the process included."""
_TOO_MUCH = "asks for more time or memory than a look at it may take; make it smaller"


class Previews:
    """Use it in a `with`, so that the process goes with you. One question at a time, from any thread."""

    def __init__(self, wall: float = WALL) -> None:
        self.wall = wall
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def lint(self, folders: Sequence[Path], name: str, language: str) -> list[Finding]:
        """Everything wrong with one mail template."""
        answer = self._ask({"what": "lint", "folders": folders, "name": name, "language": language})
        return _findings(answer, _file(folders, name, language))

    def lint_chats(self, folders: Sequence[Path], language: str) -> list[Finding]:
        """Everything wrong with the chat templates of these template folders."""
        answer = self._ask({"what": "chats", "folders": folders, "language": language})
        return _findings(answer, folders[-1] / "chat")

    def render(
        self,
        folders: Sequence[Path],
        name: str,
        language: str,
        values: Mapping[str, Any] | None = None,
        variant: int = 0,
        subject: str | None = None,
    ) -> Mail:
        """The mail with these values, or its own sample. Raises TemplateError and FindingsError."""
        asked = {"what": "render", "folders": folders, "name": name, "language": language}
        answer = self._ask({**asked, "values": values, "variant": variant, "subject": subject})
        if "mail" in answer:
            return Mail(**{key: str(text) for key, text in answer["mail"].items()})
        if "error" in answer:
            raise TemplateError(str(answer["error"]))
        raise FindingsError(*_findings(answer, _file(folders, name, language)))

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            try:
                return self._answer(pickle.dumps(dict(question)))
            except (OSError, EOFError, ValueError, TimeoutError):
                self.close()
                return {"findings": [{"message": _TOO_MUCH}]}

    def _answer(self, question: bytes) -> Mapping[str, Any]:
        ends_at = time.monotonic() + self.wall
        process = self._process = self._process or _started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(struct.pack("!I", len(question)) + question)
        process.stdin.flush()
        size = struct.unpack("!I", _read(process.stdout.fileno(), 4, ends_at))[0]
        answer = json.loads(_read(process.stdout.fileno(), size, ends_at))
        if not isinstance(answer, dict):
            raise ValueError("no answer")
        return answer


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bot.outbound.preview_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _read(stream: int, size: int, ends_at: float) -> bytes:
    """Raises TimeoutError and EOFError."""
    found = b""
    while len(found) < size:
        if not select.select([stream], [], [], max(0.0, ends_at - time.monotonic()))[0]:
            raise TimeoutError
        if not (more := os.read(stream, min(size - len(found), 1 << 16))):
            raise EOFError
        found += more
    return found


def _findings(answer: Mapping[str, Any], file: Path) -> list[Finding]:
    told = answer.get("findings") or [{"message": str(answer.get("error", _TOO_MUCH))}]
    if "findings" in answer and not answer["findings"]:
        return []
    return [
        Finding(
            str(one["message"]), one.get("file") or str(file), one.get("line") or 1, one.get("key"),
            bool(one.get("warning")),
        )
        for one in told
    ]  # fmt: skip


def _file(folders: Sequence[Path], name: str, language: str) -> Path:
    found = folders[-1] / name / f"{language}.mjml"
    with suppress(StopIteration):
        found = next(file for folder in reversed(folders) if (file := folder / name / f"{language}.mjml").is_file())
    return found
