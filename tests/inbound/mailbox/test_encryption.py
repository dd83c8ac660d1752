"""The password goes to whoever shows a certificate that this machine trusts, and to nobody in plain text."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from imap_stand_in import serving

from bot.base.config import ImapServer
from bot.inbound.mailbox.imap import Imap, ImapError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For localhost, signed by itself: key and certificate in one file."""
    file = tmp_path / "server.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        ["openssl", *asked.split(), "-keyout", file, "-out", tmp_path / "c.pem"], check=True, capture_output=True
    )
    file.write_bytes(file.read_bytes() + (tmp_path / "c.pem").read_bytes())
    return file


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_it_is_encrypted_before_the_password_is_said(
    certificate: Path, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serving(_context(certificate), implicit=tls == "implicit") as box:
        server = ImapServer.parse(f"imap://ada:secret@localhost:{box.port}?tls={tls}")
        async with Imap.connected(server) as imap:
            assert await imap.select("INBOX") == 1
    first = [words.split()[0] for words in box.said]
    assert first[:2] == (["STARTTLS", "CAPABILITY"] if tls == "starttls" else ["CAPABILITY", "LOGIN"])


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_an_unknown_certificate_gets_no_password(certificate: Path, tls: str) -> None:
    async with serving(_context(certificate), implicit=tls == "implicit") as box:
        server = ImapServer.parse(f"imap://ada:secret@localhost:{box.port}?tls={tls}")
        with pytest.raises(ImapError, match=r"no (encrypted )?connection"):
            await Imap.open(server)
    assert not any("secret" in words for words in box.said)


async def test_a_server_without_starttls_gets_no_password() -> None:
    async with serving() as box:
        box.refuse["STARTTLS"] = "BAD unknown command"
        server = ImapServer.parse(f"imap://ada:secret@localhost:{box.port}?tls=starttls")
        with pytest.raises(ImapError, match="unknown command"):
            await Imap.open(server)
    assert not any("secret" in words for words in box.said)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://a:b@mail.example", "write imaps://"),
        ("imaps://mail.example", "user and password are missing"),
        ("imap://a:b@mail.example?tls=maybe", "only tls="),
        ("imap://a:b@mail.example:x", "write imaps://"),
    ],
)
def test_a_wrong_url_says_what_it_lacks(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImapServer.parse(url)


def test_ports_follow_from_the_encryption() -> None:
    assert ImapServer.parse("imaps://a%40shop.example:p%3Aw@mail.example").port == 993
    assert ImapServer.parse("imap://a:b@mail.example").port == 143
    assert ImapServer.parse("imaps://a%40shop.example:p%3Aw@mail.example").user == "a@shop.example"
