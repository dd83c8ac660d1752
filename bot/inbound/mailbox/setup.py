"""Whether the mailbox can be read as configured, for the start of the program and for `aftercart check`."""

from bot.base import logs
from bot.base.config import Config
from bot.base.errors import Finding
from bot.inbound.mailbox.imap import Imap, ImapError, ImapRefusal


def missing(config: Config) -> list[Finding]:
    """What else must be set for a mailbox to be of use."""
    if config.mailbox.server is not None and config.mail.server is None:
        words = "not set, and mail that comes in could not be answered; mailbox.imap_url asks for it"
        return [Finding(words, key="mail.smtp_url")]
    return []


async def check(config: Config) -> list[Finding]:
    """Log in and open the folder."""
    server = config.mailbox.server
    if server is None:
        return []
    try:
        async with Imap.connected(server) as imap:
            try:
                await imap.select(config.mailbox.folder)
            except ImapRefusal as error:
                return [Finding(f"the folder cannot be opened: {_said(error)}", key="mailbox.folder")]
    except ImapError as error:
        return [Finding(f"the mailbox cannot be read: {_said(error)}", key="mailbox.imap_url")]
    return []


def _said(error: ImapError) -> str:
    return logs.clean(str(error))[:200]
