"""Who is this, and what do they allow: find, create, merge, consent, forget. Start reading at resolve.py."""

from bot.contacts.claims import addresses as claimed_addresses
from bot.contacts.claims import (
    claim,
    claimant,
    claimants,
    claimed,
    count_claimants,
    is_proven,
    last_claimed,
    nobody_proved,
    owners,
    was_proven,
    who_claims,
)
from bot.contacts.consent import EVERY_TOPIC, allow, allowed, request, suppress, suppressed, withdraw
from bot.contacts.forget import Browsers, erase, erase_claimed, erase_some, was_erased
from bot.contacts.identity import (
    address,
    current,
    find,
    find_beside_claims,
    identities,
    mark_reachable,
    mark_unreachable,
    normalise,
    of_store,
)
from bot.contacts.merge import merge
from bot.contacts.profile import learn
from bot.contacts.resolve import find_or_create, join

__all__ = [
    "EVERY_TOPIC",
    "Browsers",
    "address",
    "allow",
    "allowed",
    "claim",
    "claimant",
    "claimants",
    "claimed",
    "claimed_addresses",
    "count_claimants",
    "current",
    "erase",
    "erase_claimed",
    "erase_some",
    "find",
    "find_beside_claims",
    "find_or_create",
    "identities",
    "is_proven",
    "join",
    "last_claimed",
    "learn",
    "mark_reachable",
    "mark_unreachable",
    "merge",
    "nobody_proved",
    "normalise",
    "of_store",
    "owners",
    "request",
    "suppress",
    "suppressed",
    "was_erased",
    "was_proven",
    "who_claims",
    "withdraw",
]
