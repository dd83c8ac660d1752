"""How a command ends: mistakes as one line each, never as a stack trace."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

_P = ParamSpec("_P")
_R = TypeVar("_R")
_CLOSED_PIPE = 141  # what a shell shows for a program that SIGPIPE ended


def in_words(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Around a command: what a person can mend is told in lines on standard error, with exit status 1.

    When nobody reads the output any more (`… | head`) it ends without a word, with the status of a closed pipe.
    """

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            done = command(*args, **kwargs)
            sys.stdout.flush()  # here, where a closed pipe is understood: at the exit of Python it is not
            return done
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except typer.Exit:
            if _unread():
                raise typer.Exit(_CLOSED_PIPE) from None
            raise
        except Exception as error:
            # The connection to the database may break with the same error: then our output is still read.
            if isinstance(error, BrokenPipeError) and _unread(ask="\n"):
                raise typer.Exit(_CLOSED_PIPE) from None
            lines = _lines(error)
            if lines is None:
                raise
            for line in lines:
                sys.stderr.write(f"{line}\n")
            raise typer.Exit(1) from None

    return run


def _unread(ask: str = "") -> bool:
    """Whether the reader of our output went away; what is left of it goes nowhere then.

    `ask` is written to find out: of a long text that could not be written nothing is left to try again with.
    """
    try:
        sys.stdout.write(ask)
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False


def _lines(error: Exception) -> list[str] | None:
    """What to say about an error, or None if it is a mistake of ours."""
    from bot.base.errors import FindingsError, with_mend

    if isinstance(error, FindingsError):
        return [str(finding) for finding in error.findings]
    if type(error).__module__.startswith(("sqlalchemy", "asyncpg", "aiosqlite", "sqlite3")) or _refused(error):
        from bot.base import logs

        reason = logs.clean(str(getattr(error, "orig", None) or error)).splitlines()[0][:200]
        return [f"database.url: the database does not answer: {with_mend(reason)}"]
    if isinstance(error, OSError) and error.filename:
        return [f"{error.filename}: {error.strerror}"]
    return None


def _refused(error: Exception) -> bool:
    """asyncpg lets the errors of the socket through as they are."""
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and "Connect call failed" in str(error)
    )
