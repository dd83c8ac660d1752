"""Structured logs without personal data: ids, counts and reasons, never what somebody wrote or where they live."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = re.compile(r"token|secret|password|authorization|write_key|smtp_url", re.I)
_PERSONAL_KEYS = frozenset({"email", "phone", "name", "text", "address", "body", "payload", "receiver"})
_EMAIL = re.compile(r"[^\s@<>\"']{1,128}@[^\s@<>\"']{1,255}\.[^\s@<>\"']+")  # bounded: for words of a megabyte
_BOT_TOKEN = re.compile(r"\b\d{5,12}:[A-Za-z0-9_-]{20,}")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def clean(text: str) -> str:
    """Text of foreign origin (an exception, a reply of a server) with addresses, tokens and passwords taken out."""
    return _EMAIL.sub("<address>", _BOT_TOKEN.sub("<token>", _URL_PASSWORD.sub(r"\1<hidden>@", text)))


def _scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key in _PERSONAL_KEYS or _SECRET_KEYS.search(key):
            event[key] = "<hidden>"
        elif isinstance(value, str):
            event[key] = clean(value)
    return event


def set_up(*, level: str = "INFO", as_json: bool | None = None) -> None:
    """Logs to standard error: JSON lines for a machine, aligned columns for a terminal (or as `as_json` says)."""
    to_json = not sys.stderr.isatty() if as_json is None else as_json
    # A plain traceback: the usual one for terminals prints local variables, and with them what people wrote.
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if to_json else for_people
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info if to_json else (lambda _l, _m, event: event),
        _scrub,
        renderer,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for noisy in ("aiogram.event", "apscheduler", "httpx", "uvicorn", "pgqueuer", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """A logger: `log.info("message sent", message_id=7)`. The event is a plain sentence, the values are ids."""
    return structlog.stdlib.get_logger(name)
