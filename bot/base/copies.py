"""A copy of the database that can be trusted: taken while the program runs, checked, and put in place as a whole."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from bot.base.errors import Finding, FindingsError

_HEADER = b"SQLite format 3\0"


def sqlite_file(url: str) -> Path:
    return Path(make_url(url).database or "")


def copy_sqlite(source: Path, target: Path) -> None:
    """A whole and compact copy of one moment; whoever writes to `source` meanwhile is not held up."""
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        database.execute("VACUUM INTO ?", (str(target),))


def check_sqlite(file: Path) -> str:
    """Its revision. Raises FindingsError if the file is damaged or no database of ours."""
    if not file.is_file() or not file.read_bytes()[:16].startswith(_HEADER):
        raise FindingsError(Finding("no SQLite database, so no backup of one", str(file)))
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            said = [str(row[0]) for row in database.execute("PRAGMA integrity_check")]
            if said != ["ok"]:
                raise FindingsError(Finding(f"it is damaged: {said[0][:200]}", str(file)))
            if broken := database.execute("PRAGMA foreign_key_check").fetchall():
                words = f"{len(broken)} rows refer to what is not there, the first in {broken[0][0]}"
                raise FindingsError(Finding(words, str(file)))
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise FindingsError(Finding(f"it cannot be read as a database of aftercart: {error}", str(file))) from None
    if found is None:
        raise FindingsError(Finding("it has no tables of aftercart", str(file)))
    return str(found[0])


@contextmanager
def written_whole(target: Path, *, force: bool) -> Iterator[Path]:
    """A file beside `target`, for its owner only, that takes its place when the block ends well; else nothing is left.

    Raises FindingsError if there is a target and no `force`.
    """
    if target.exists() and not force:
        raise FindingsError(Finding("it is there already; name another file, or add --force", str(target)))
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield beside
        beside.chmod(0o600)
        _on_disk(beside)
        beside.replace(target)
        _on_disk(target.parent)
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                Path(f"{beside}{ending}").unlink()


def _on_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def dump_postgres(url: str, target: Path) -> None:
    _run(url, "pg_dump", "--format=custom", "--no-owner", f"--file={target}")


def check_postgres(url: str, file: Path) -> None:
    """Raises FindingsError if pg_restore cannot read it to its end."""
    if not file.is_file():
        raise FindingsError(Finding("there is no such file", str(file)))
    _run(url, "pg_restore", "--list", str(file), connect=False)


def restore_postgres(url: str, file: Path) -> None:
    """All of it or nothing."""
    options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
    _run(url, "pg_restore", *options, str(file))


def _run(url: str, name: str, *words: str, connect: bool = True) -> None:
    """A program of PostgreSQL; where it is not installed the error says what to type elsewhere."""
    address = make_url(url)
    line = [name, *(_to(address) if connect else ()), *words]
    program = shutil.which(name)
    if program is None:
        shown = " ".join(line)
        raise FindingsError(Finding(f"{name} is not installed here; where it is, run: {shown}", key="database.url"))
    environ = {**os.environ, **({"PGPASSWORD": address.password} if address.password else {})}
    done = subprocess.run([program, *line[1:]], env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = "; ".join(done.stderr.split("\n")[:3]).strip("; ") or f"{name} ended with {done.returncode}"
        raise FindingsError(Finding(said[:400], key="database.url"))


def _to(address: URL) -> Sequence[str]:
    """Where to; the password is not among the words, which every user of the machine can read."""
    host = address.host or str(address.query.get("host") or "")
    parts = {"--host": host, "--port": address.port, "--username": address.username, "--dbname": address.database}
    return [f"{option}={value}" for option, value in parts.items() if value]
