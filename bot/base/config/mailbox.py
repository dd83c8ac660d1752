"""The mailbox that mail comes into."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bot.base.config.types import Duration, Section


class ImapServer(Section):
    """Where mail is read: the parts of `imap_url`. `tls` is `implicit`, `starttls` or `none`."""

    host: str
    port: int
    user: str
    password: SecretStr
    tls: Literal["implicit", "starttls", "none"] = "implicit"

    @classmethod
    def parse(cls, url: str) -> "ImapServer":
        """Raises ValueError that says what the URL lacks (and never repeats its password)."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        tls = query.get("tls", ["implicit" if parts.scheme == "imaps" else "starttls"])[0]
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("imap", "imaps") or not parts.hostname or port == -1:
            raise ValueError("write imaps://USER:PASSWORD@HOST, or imap://…?tls=starttls, or imap://…?tls=none")
        if tls not in ("implicit", "starttls", "none") or set(query) - {"tls"}:
            raise ValueError("after the ? only tls=implicit, tls=starttls or tls=none may stand")
        if not parts.username or not parts.password:
            raise ValueError("user and password are missing: imaps://USER:PASSWORD@HOST (an @ in the user is %40)")
        return cls(
            host=parts.hostname,
            port=port or (993 if tls == "implicit" else 143),
            user=unquote(parts.username),
            password=SecretStr(unquote(parts.password)),
            tls=tls,  # checked above
        )


def _imap_url(value: SecretStr) -> SecretStr:
    ImapServer.parse(value.get_secret_value())
    return value


class Mailbox(Section):
    imap_url: Annotated[SecretStr, AfterValidator(_imap_url)] | None = None
    folder: Annotated[str, Field(min_length=1)] = "INBOX"
    done_folder: str = ""
    poll: Duration = timedelta(minutes=1)
    largest: Annotated[int, Field(ge=1, le=100)] = 25
    plus_addresses: bool = False
    relays: tuple[str, ...] = ()
    answers_per_hour: Annotated[int, Field(ge=0)] = 3
    trusted_servers: tuple[Annotated[str, Field(pattern=r"^[^\s;()\"]{1,255}$")], ...] = ()

    @model_validator(mode="after")
    def _usable(self) -> "Mailbox":
        if self.poll < timedelta(seconds=1):
            raise ValueError('poll must be "1s" or more')
        if self.done_folder == self.folder:
            raise ValueError("done_folder must be another folder than folder; empty leaves mail where it is")
        return self

    @property
    def server(self) -> ImapServer | None:
        return ImapServer.parse(self.imap_url.get_secret_value()) if self.imap_url else None

    @property
    def largest_bytes(self) -> int:
        return self.largest * 1024 * 1024
