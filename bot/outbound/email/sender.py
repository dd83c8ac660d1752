"""The mail channel of the outbox: a payload becomes a letter, the relay's answer becomes a receipt or an error."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bot.base import clock, logs
from bot.base.ground import Ground
from bot.outbound.email import addresses, compose
from bot.outbound.email.smtp import (
    AnswerLostError,
    HandOver,
    NotHandedOverError,
    Patience,
    RefusedError,
    Relay,
    UnusableError,
    Utf8Needed,
)
from bot.outbound.sender import DeliveryError, NotNow, Outgoing, Receipt

log = logs.get(__name__)

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_LONGEST_PAUSE = 300.0  # seconds
_WORTH_A_WORD = 2  # tries in a row that failed; one is a hiccup
_OUT_OF_STEP = (500, 502, 503)  # said to a command that it does not know or did not expect, not to the mail
# RFC 3834: what a machine wrote says so, or two machines answer each other for ever.
_AUTOMATIC = {
    "auto_answer": "auto-replied",
    "rating": "auto-generated",
    "notice": "auto-generated",
    "code": "auto-generated",
    "told": "auto-generated",
    "marketing": "auto-generated",
}


class EmailSender:
    """Sends payloads of channel `email` through `mail.smtp_url`.

    A relay that asks for time (421, 454, 4.7.x, no connection) gets it: until then every mail is `NotNow`.
    """

    ordered = False
    exclusive = False
    batch = 8
    claim = 50

    def __init__(self, ground: Ground, *, first_pause: float = 5.0, patience: Patience | None = None) -> None:
        server = ground.config.mail.server
        if server is None:
            raise ValueError("mail.smtp_url is not set")
        self.ground = ground
        _, address = compose.split_address(ground.config.mail.sender)
        self.service = compose.checked_address(address)
        self.domain = self.service.partition("@")[2]
        self.relay = Relay(server, self.domain, most=self.batch, patience=patience)
        self._first_pause = first_pause
        self._pause_until = 0.0
        self._pauses = 0

    async def send(self, message: Outgoing) -> Receipt:
        wait = self._pause_until - time.monotonic()
        if wait > 0:
            raise NotNow(wait)
        letter, over = self._written(message)
        try:
            words = await self.relay.send(over)
        except Utf8Needed:
            raise DeliveryError("the relay has no SMTPUTF8", permanent=True, reason="needs_smtputf8") from None
        except NotHandedOverError as error:
            raise self._not_taken(error) from None
        except AnswerLostError as error:
            raise self._lost(message, error) from None
        except RefusedError as error:
            raise self._refused(error) from None
        except asyncio.CancelledError:
            if over.dotted:
                raise
            raise DeliveryError("the program was stopped before the relay had it", retry_after=0.0) from None
        self._pauses = 0
        return Receipt(clock.now(), letter.message_id, {"reply": logs.clean(words)[:200]})

    def _written(self, message: Outgoing) -> tuple[compose.Letter, HandOver]:
        """What fails here never left us, whatever it is."""
        try:
            letter = self.letter(message)
            receiver, return_path = compose.checked_address(letter.to), self._return_path(message, letter)
            mail = compose.compose(letter)
        except compose.BadAddressError as error:
            raise DeliveryError(str(error), permanent=True, reason="bad_address") from None
        except Exception as error:  # one row of a loop: it alone moves away
            log.exception("a mail could not be written", message_id=message.id)
            raise DeliveryError(f"it could not be written: {type(error).__name__}") from error
        return letter, HandOver(return_path, receiver, mail, addresses.envelope(message.id, self.ground.secret))

    def _not_taken(self, error: NotHandedOverError) -> DeliveryError:
        """Who does not even greet us, or take a sender, is left alone for a while; later steps are about one mail."""
        if isinstance(error, UnusableError):
            log.error("the mail relay cannot be used as configured", reason=str(error))
        if error.step not in ("relay", "MAIL"):
            return DeliveryError(f"relay: {error}")
        pause = self._pause()
        if self._pauses >= _WORTH_A_WORD:
            words = "the mail relay does not take mail: look at mail.smtp_url and at the relay; no mail is lost"
            log.error(words, tries=self._pauses, reason=logs.clean(str(error))[:200], next_try_in=round(pause))
        return DeliveryError(f"relay: {error}", retry_after=pause)

    def _lost(self, message: Outgoing, error: AnswerLostError) -> DeliveryError:
        """A relay that never answers in time would get the same mail for ever: twice is the most."""
        words = f"the relay's answer was lost: {error}"
        return DeliveryError(words, uncertain=True, permanent=message.uncertain, reason="answer_lost")

    async def close(self) -> None:
        await self.relay.close()

    def letter(self, message: Outgoing) -> compose.Letter:
        """What the payload says, with the headers that its kind of mail needs."""
        payload, mail = message.payload, self.ground.config.mail
        marketing = payload.get("from") == "marketing"
        name, address = compose.split_address((marketing and mail.from_marketing) or mail.sender)
        return compose.Letter(
            sender=address,
            sender_name=name or self.ground.config.shop.name,
            to=str(payload["to"]),
            to_name=str(payload.get("to_name") or ""),
            subject=str(payload["subject"]),
            text=str(payload["text"]),
            html=str(payload.get("html") or ""),
            date=clock.now(),
            message_id=addresses.message_name(message.id, self.ground.secret, address.rpartition("@")[2]),
            headers=self._headers(message, payload, address),
        )

    def _headers(self, message: Outgoing, payload: Mapping[str, Any], address: str) -> dict[str, str]:
        headers = {}
        if reply_to := self._reply_to(message, payload, address):
            headers["Reply-To"] = compose.checked_address(reply_to)
        if payload.get("in_reply_to"):
            headers["In-Reply-To"] = _bracketed([str(payload["in_reply_to"])])
            headers["References"] = _bracketed([str(one) for one in payload.get("references") or ()])
        if url := payload.get("list_unsubscribe"):
            headers["List-Unsubscribe"] = f"<{url}>, <{self._unsubscribe_by_mail(message, str(url), address)}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        if payload.get("list_id"):
            headers["List-Id"] = compose.named_list(self.ground.config.shop.name, str(payload["list_id"]))
        if payload.get("feedback_id"):
            headers["Feedback-ID"] = str(payload["feedback_id"])
        if automatic := _AUTOMATIC.get(message.purpose):
            headers["Auto-Submitted"] = automatic
        return headers

    def _reply_to(self, message: Outgoing, payload: Mapping[str, Any], address: str) -> str:
        """Where replies go: to the mailbox that is read, by an address that names the message where that arrives."""
        mailbox = self.ground.config.mailbox
        if mailbox.server is not None and mailbox.plus_addresses:
            return addresses.reply_address(message.id, self.ground.secret, self.service)
        if payload.get("reply_to"):
            return str(payload["reply_to"])
        return self.service if mailbox.server is not None and address != self.service else ""

    def _unsubscribe_by_mail(self, message: Outgoing, url: str, address: str) -> str:
        config = self.ground.config
        if config.mailbox.server is not None and config.mail.bounce_domain:
            return f"mailto:{addresses.unsubscribe_address(message.id, self.ground.secret, config.mail.bounce_domain)}"
        read_here = self.service if config.mailbox.server is not None else address
        token = url.rstrip("/").rpartition("/")[2]
        return f"mailto:{read_here}?subject={quote(f'unsubscribe {token}')}"

    def _return_path(self, message: Outgoing, letter: compose.Letter) -> str:
        domain = self.ground.config.mail.bounce_domain
        return addresses.return_path(message.id, self.ground.secret, domain) if domain else letter.sender

    def _refused(self, error: RefusedError) -> DeliveryError:
        """4xx comes again, 5xx for the receiver or the content is final, 5xx for us is our operator's to mend."""
        found = _ENHANCED.search(error.words)
        status = found[1] if found else ""
        about_us = error.step == "relay" or (error.step == "MAIL" and error.code != 552)
        if error.code in (530, 535, 538) or (about_us and error.code >= 500):
            log.error("the mail relay refuses us", code=error.code, status=status)
            return DeliveryError(str(error), retry_after=self._pause())
        if error.code in _OUT_OF_STEP:
            return DeliveryError(str(error))
        if error.code >= 500:
            return DeliveryError(
                str(error), permanent=True, reason="bad_address" if status.startswith("5.1.") else "rejected"
            )
        if error.code in (421, 454) or status.startswith("4.7.") or about_us:
            return DeliveryError(str(error), retry_after=self._pause())
        return DeliveryError(str(error))

    def _pause(self) -> float:
        """Leave the relay alone for a while, longer each time in a row; returns the seconds."""
        now = time.monotonic()
        if now >= self._pause_until:  # one step for all mails that fail side by side
            self._pauses += 1
            self._pause_until = now + min(_LONGEST_PAUSE, self._first_pause * 2 ** (self._pauses - 1))
        return self._pause_until - now


def _bracketed(message_ids: Sequence[str]) -> str:
    """Message-IDs as they stand in References; others' were made by others, so what no header may have goes."""
    clean = [re.sub(r"[^\x21-\x7e]|[<>]", "", one) for one in message_ids]
    return " ".join(f"<{one}>" for one in clean if one)
