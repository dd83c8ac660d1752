"""Ids and signed tokens: what may stand in a link, and how we know it is ours."""

import base64
import hmac
import secrets
import uuid
from hashlib import blake2b, sha256

_NAMESPACE = uuid.UUID("6f1d4a6e-6f5c-5d0b-9f0a-2d8c1b7e4a11")
_MAC = 10  # bytes; 80 bits cannot be guessed over the network


def stable(*parts: object) -> str:
    """The same uuid for the same parts, for ever: an idempotency key or Message-ID that survives a crash."""
    return str(uuid.uuid5(_NAMESPACE, ":".join(str(part) for part in parts)))


def random_token(size: int = 16) -> str:
    return secrets.token_urlsafe(size)


def hash_address(address: str, secret: str) -> str:
    """Keyed hash of a normalised address: what remains of a person after they were forgotten."""
    return hmac.new(secret.encode(), address.strip().lower().encode(), sha256).hexdigest()


def hash_code(code: str, about: str, secret: str) -> str:
    """Keyed hash of a short code, good only together with what it is `about`."""
    return hmac.new(secret.encode(), f"code:{about}:{code}".encode(), sha256).hexdigest()


def sign(purpose: str, number: int, secret: str, extra: bytes = b"") -> str:
    """A short URL-safe token for a row id. `purpose` (up to 16 bytes) keeps a click token from unsubscribing anyone.

    `extra` is covered by the signature but not carried in the token.
    """
    body = number.to_bytes(8, "big", signed=True)
    return _text(body + _mac(purpose, body + extra, secret))


def unsign(purpose: str, token: str, secret: str, extra: bytes = b"") -> int | None:
    """The row id of a token made by `sign`, or None if it was not made by us for this purpose."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, UnicodeEncodeError):
        return None
    body, mac = raw[:8], raw[8:]
    if len(raw) != 8 + _MAC or not hmac.compare_digest(mac, _mac(purpose, body + extra, secret)):
        return None
    return int.from_bytes(body, "big", signed=True)


def _mac(purpose: str, body: bytes, secret: str) -> bytes:
    key = blake2b(secret.encode(), digest_size=32).digest()
    return blake2b(body, key=key, digest_size=_MAC, person=purpose.encode()[:16]).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
