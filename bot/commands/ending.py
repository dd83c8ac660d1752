"""How a command ends: mistakes as one line each, never as a stack trace."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_words(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Around a command: what a person can mend is told in lines on standard error, with exit status 1."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            lines = _lines(error)
            if lines is None:
                raise
            for line in lines:
                sys.stderr.write(f"{line}\n")
            raise typer.Exit(1) from None

    return run


def _lines(error: Exception) -> list[str] | None:
    """What to say about an error, or None if it is a mistake of ours."""
    from bot.base.errors import FindingsError

    if isinstance(error, FindingsError):
        return [str(finding) for finding in error.findings]
    if type(error).__module__.startswith(("sqlalchemy", "asyncpg", "aiosqlite", "sqlite3")) or _refused(error):
        from bot.base import logs

        reason = logs.clean(str(getattr(error, "orig", None) or error)).splitlines()[0][:200]
        return [f"database.url: the database does not answer: {reason}"]
    if isinstance(error, OSError) and error.filename:
        return [f"{error.filename}: {error.strerror}"]
    return None


def _refused(error: Exception) -> bool:
    """asyncpg lets the errors of the socket through as they are."""
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and "Connect call failed" in str(error)
    )
