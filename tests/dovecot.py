"""A real IMAP server for tests: Dovecot as an ordinary user (or root), throw-away, on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"


def missing() -> str | None:
    """Why there is no Dovecot to test with, or None."""
    return None if Path(_PROGRAM).exists() else "no Dovecot: apt-get install dovecot-imapd"


def deliver(maildir: Path, raw: bytes, name: str) -> None:
    """As a mail server does: into `new`, whole or not at all."""
    waiting = maildir / "tmp" / name
    waiting.write_bytes(raw)
    shutil.chown(waiting, user=maildir.stat().st_uid)
    waiting.rename(maildir / "new" / name)


@contextmanager
def server() -> Iterator[tuple[int, Path]]:
    """Its port and the Maildir of the user `ada` (password `secret`)."""
    # Dovecot serves no mail to root: drop to an account that owns nothing else.
    account = pwd.getpwnam("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    folder = Path(tempfile.mkdtemp(prefix="aftercart-imap-"))  # not pytest's: that is for its owner alone
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    maildir = folder / "mail"
    for below in ("run", "state", "home", "mail/new", "mail/cur", "mail/tmp"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user=account.pw_uid, group=account.pw_gid)
    group = account.pw_gid
    (folder / "dovecot.conf").write_text(
        f"""
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = t{port}
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{maildir}
default_internal_user = {account.pw_name}
default_internal_group = {_group(group)}
default_login_user = {account.pw_name}
first_valid_uid = 1
last_valid_uid = 0
mail_uid = {account.pw_uid}
mail_gid = {group}
auth_mechanisms = plain login
mailbox_idle_check_interval = 1 secs
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={account.pw_uid} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""",
        "utf-8",
    )
    process = subprocess.Popen([_PROGRAM, "-F", "-c", str(folder / "dovecot.conf")])
    try:
        _wait(port, process, folder)
        yield port, maildir
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def _wait(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as there:
                if there.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            time.sleep(0.05)
    log = folder / "log"
    raise AssertionError(f"Dovecot does not answer:\n{log.read_text('utf-8') if log.exists() else ''}")
