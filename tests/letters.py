"""Mails from outside, as bytes: what people write, and what machines report."""

from email.message import EmailMessage
from typing import Any


def letter(
    text: str = "Hello, where are you?",
    *,
    sender: str = "Ada Lovelace <ada@example.org>",
    to: str = "help@shop.example",
    subject: str = "A question",
    message_id: str = "<1@mail.example.org>",
    html: str = "",
    **headers: str,
) -> bytes:
    """A mail of a person; `In_Reply_To="<…>"` adds a header."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    if message_id:
        made["Message-ID"] = message_id
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


def bounce(
    *,
    to: str = "help@shop.example",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 no such user",
    receiver: str = "ada@example.org",
    returned_id: str = "",
    envelope_id: str = "",
    message_id: str = "<dsn-1@mx.example.org>",
) -> bytes:
    """A report as Postfix writes it (RFC 3464), with the head of the mail that came back."""
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    returned = f"Message-ID: <{returned_id}>\n" if returned_id else ""
    return f"""Return-Path: <>
Delivered-To: {to}
Date: Wed, 4 Mar 2026 12:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="B/1"
Message-Id: {message_id}

This is a MIME-encapsulated message.

--B/1
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--B/1
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
{envelope}Arrival-Date: Wed,  4 Mar 2026 11:59:00 +0000 (UTC)

Final-Recipient: rfc822; {receiver}
Original-Recipient: rfc822;{receiver}
Action: {action}
Status: {status}
Remote-MTA: dns; mail.example.org
Diagnostic-Code: smtp; {diagnostic}

--B/1
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{returned}From: My shop <news@shop.example>
To: {receiver}
Subject: You left something behind

--B/1--
""".replace("\n", "\r\n").encode()


def complaint(
    *, returned_id: str = "", return_path: str = "", kind: str = "abuse", to: str = "fbl@shop.example"
) -> bytes:
    """A feedback report (RFC 5965) whose receiver was taken out."""
    path = f"Original-Mail-From: <{return_path}>\n" if return_path else ""
    name = f"Message-ID: <{returned_id}>\n" if returned_id else ""
    return f"""From: <feedback@isp.example>
To: <{to}>
Date: Wed, 4 Mar 2026 12:00:00 +0000
Subject: FW: You left something behind
Message-ID: <arf-1@isp.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1"

--part1
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for a message received from 192.0.2.1.

--part1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Feedback/1.0
Version: 1
{path}Source-IP: 192.0.2.1

--part1
Content-Type: message/rfc822
Content-Disposition: inline

From: My shop <news@shop.example>
To: redacted
Subject: You left something behind
{name}MIME-Version: 1.0
Content-Type: text/plain

Your cart is waiting.

--part1--
""".replace("\n", "\r\n").encode()


def joined(*parts: bytes, kind: str = "mixed", **headers: Any) -> bytes:
    """Raw parts (with their heads) as one multipart mail."""
    head = {"From": "ada@example.org", "To": "help@shop.example", "Subject": "Parts", "Message-ID": "<p1@x.example>"}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}".encode() for name, value in head.items()]
    lines += [b"MIME-Version: 1.0", f'Content-Type: multipart/{kind}; boundary="x1"'.encode(), b""]
    for part in parts:
        lines += [b"--x1", part]
    return b"\r\n".join([*lines, b"--x1--", b""])
