"""Configuration: TOML, then the environment over it; unknown keys refused with file, line and the nearest known key.

`AFTERCART_SECTION__KEY` sets a value, `AFTERCART_SECTION__KEY_FILE` names a file that holds it. No file at all is fine:
every section has defaults, and `Config.off()` says what does not run because of them.
"""

from bot.base.config.escalation import LadderStep
from bot.base.config.mailbox import ImapServer
from bot.base.config.reading import keys, load, section_of
from bot.base.config.routing import Department
from bot.base.config.sections import Cap, Config, Shop, Shops, SmtpServer
from bot.base.config.standing import Rate, Rfm, Tier
from bot.base.config.support import Hours, NamedHours, SlaGoal, SlaPolicy, SpecialDay, Support
from bot.base.config.types import LANGUAGES

__all__ = [
    "LANGUAGES",
    "Cap",
    "Config",
    "Department",
    "Hours",
    "ImapServer",
    "LadderStep",
    "NamedHours",
    "Rate",
    "Rfm",
    "Shop",
    "Shops",
    "SlaGoal",
    "SlaPolicy",
    "SmtpServer",
    "SpecialDay",
    "Support",
    "Tier",
    "keys",
    "load",
    "section_of",
]
