"""The process in which `previews` looks at templates: it answers one question after another until its input ends.

A question is a pickle (of our own program), an answer is JSON: whatever a template makes of this process, the program
reads nothing of it but texts.
"""

import json
import pickle
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from jinja2 import TemplateError

from bot.base.errors import Finding, FindingsError
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.email import lint, source
from bot.outbound.email.mail_template import MailTemplate

MEMORY = 512 * 1024 * 1024
"""Bytes of address space beside what the process has when it is ready."""
CPU = 5
"""Seconds of processor time for one question."""


def main() -> None:
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but answers goes there
    _limit_memory()
    while head := questions.read(4):
        asked = pickle.loads(questions.read(struct.unpack("!I", head)[0]))  # noqa: S301 - our own program asks
        _limit_time()
        _say(answers, _answer(asked))


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _ANSWERS[asked["what"]](asked)
    except FindingsError as error:
        return {"findings": [_plain(one) for one in error.findings]}
    except (TemplateError, LookupError) as error:
        return {"error": str(error)}
    except (MemoryError, RecursionError) as error:
        return {"error": f"asks for too much ({type(error).__name__}); make it smaller"}


def _lint(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"findings": [_plain(one) for one in lint.of(_source(asked))]}


def _render(asked: Mapping[str, Any]) -> dict[str, Any]:
    read = _source(asked)
    values = read.sample if asked["values"] is None else asked["values"]
    return {"mail": asdict(MailTemplate(read).render(values, None, asked["variant"], asked["subject"]))}


def _chats(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"findings": [_plain(one) for one in ChatTemplates(asked["folders"], asked["language"]).lint()]}


_ANSWERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "lint": _lint, "render": _render, "chats": _chats,
}  # fmt: skip


def _source(asked: Mapping[str, Any]) -> source.Source:
    return source.read(asked["folders"], asked["name"], asked["language"])


def _plain(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "file": str(finding.file) if isinstance(finding.file, Path) else finding.file}


def _say(answers: BinaryIO, answer: Mapping[str, Any]) -> None:
    body = json.dumps(answer).encode()
    answers.write(struct.pack("!I", len(body)) + body)
    answers.flush()


def _limit_memory() -> None:
    has = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize() if _on_linux() else 0
    if has:
        resource.setrlimit(resource.RLIMIT_AS, (has + MEMORY, has + MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU, resource.RLIM_INFINITY))


def _on_linux() -> bool:
    return sys.platform == "linux"


if __name__ == "__main__":
    main()
