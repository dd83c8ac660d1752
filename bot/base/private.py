"""Files with people's words in them: for whoever runs the program and nobody else, whatever the umask says."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

FILE, FOLDER = 0o600, 0o700
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


def make_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """With those above it that are missing. Ones that are there stay as they are. Raises what `mkdir` raises.

    FileExistsError is raised of the folder itself alone: a file in its way is NotADirectoryError.
    """
    if folder.is_dir() and exist_ok:
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    try:
        folder.mkdir(FOLDER, exist_ok=exist_ok)
    except FileExistsError as error:
        if exist_ok:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error
        raise
    _close_to_others(folder, FOLDER)


def open_new(file: Path, mode: str = "w", **how: Any) -> IO[Any]:
    """As `open(file, mode)` for writing or appending; a file that is there already is closed to others, too."""
    stream: IO[Any] = open(file, mode, opener=_opener, **how)  # noqa: SIM115 - the caller closes it
    _close_to_others(file, FILE)
    return stream


def write_text(file: Path, text: str, encoding: str = "utf-8", newline: str | None = None) -> None:
    with open_new(file, encoding=encoding, newline=newline) as stream:
        stream.write(text)


def write_bytes(file: Path, data: bytes) -> None:
    with open_new(file, "wb") as stream:
        stream.write(data)


def touch(file: Path) -> None:
    """An empty file if there is none: whoever opens it next finds its rights, and SQLite gives them to what it puts
    beside it."""
    with suppress(OSError):  # whoever opens it says it better
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))
        _close_to_others(file, FILE)


def open_to_others(files: Iterator[Path]) -> Iterator[tuple[Path, str]]:
    """Those that others on this machine may read or change, each with the command that mends it."""
    if os.name == "nt":
        return
    for file in files:
        with suppress(OSError):
            mode = file.stat().st_mode
            if file.is_file() and mode & _OTHERS:
                yield file, f"chmod 600 {file}"
            elif file.is_dir() and mode & _OTHERS_WRITE:
                yield file, f"chmod 700 {file}"


def _opener(name: str, flags: int) -> int:
    return os.open(name, flags, FILE)


def _close_to_others(path: Path, mode: int) -> None:
    with suppress(OSError):  # of somebody else, or on a file system without rights
        path.chmod(mode)
