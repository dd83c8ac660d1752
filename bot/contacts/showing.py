"""The consent of an address to read: how each topic stands, every word that was said, every suppression."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.ground import Ground
from bot.contacts import audit, consent, topics
from bot.contacts.consent import EVERY_TOPIC


async def consent_lines(session: AsyncSession, ground: Ground, channel: str, address: str, now: datetime) -> list[str]:
    """Works by the hash of the address, so also for somebody who was forgotten."""
    standing = await topics.standing(session, ground.secret, channel, address, now)
    said = await consent.history(session, ground.secret, channel, address)
    stops = await consent.stops(session, ground.secret, channel, address)
    names = dict.fromkeys((*ground.config.automations.topic_names, *standing.words))
    lines = [f"{name:<16} {'yes' if standing.gets(name) else _why_not(standing, name)}" for name in names]
    lines += ["", "What was said:"] if said else ["", "Nothing was ever said."]
    for row in said:
        proof = [part for part in (row.ip, row.text_version, row.user_agent) if part]
        about = f"{row.at:%Y-%m-%d %H:%M:%S} UTC  {row.action:<10} {row.topic:<16} {row.source}"
        lines.append("  ".join([about, *proof]))
    if stops:
        lines += ["", "Suppressed:"]
    for stop in stops:
        topic = {"": "everything", EVERY_TOPIC: "all marketing"}.get(stop.topic, stop.topic)
        until = f"  until {stop.until:%Y-%m-%d %H:%M} UTC" if stop.until else ""
        over = " (over)" if stop.until is not None and stop.until <= now else ""
        lines.append(f"{stop.created_at:%Y-%m-%d %H:%M:%S} UTC  {topic:<16} {stop.reason}{until}{over}")
    return lines


async def audit_lines(session: AsyncSession, contact_id: int) -> list[str]:
    """Who looked into or changed what of a contact: one line each, none if nothing is noted."""
    noted = await audit.about(session, contact_id)
    lines = []
    for one in noted:
        more = [f"{name}={value}" for name, value in one.data.items()]
        lines.append("  ".join([f"{one.at:%Y-%m-%d %H:%M:%S} UTC", f"{one.action:<12}", one.subject, one.actor, *more]))
    return lines


def _why_not(standing: topics.Standing, topic: str) -> str:
    if (stop := standing.stop(topic)) is not None:
        return f"no ({stop})"
    return {"withdrawn": "no (withdrawn)"}.get(standing.word(topic) or "", "no (never asked)")
