"""Which flows end when somebody says no: those of that topic that reach them nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from bot import contacts
from bot.base.config.topics import GENERAL
from bot.events import Happened, people

Open = Sequence[tuple[Mapping[str, Any], Flow]]
"""Open enrolments of the person with the flow that each is in."""


async def ended(session: AsyncSession, secret: str, happened: Happened, inside: Open) -> list[int]:
    """Ids of the enrolments that end by this `Unsubscribed`.

    Without a topic it means all topics, without a channel as well every flow. Leaving marketing as such ends also flows
    of topics that only rested on it. A flow that may write on another channel goes on: before each message it is asked
    what they allow there.
    """
    topic = str(happened.properties.get("topic") or "")
    if not topic and not happened.properties.get("channel"):
        return [row["id"] for row, _ in inside]
    channel = str(happened.properties.get("channel") or "email")
    listed = happened.properties.get("topics")
    named = {topic, *(str(one) for one in listed)} if isinstance(listed, list) else {topic}
    asked = {flow.topic for _, flow in inside}
    if topic == GENERAL and asked - named:
        own = await _granted(session, secret, happened, channel, sorted(asked - named))
        named |= asked - own
    return [
        row["id"] for row, flow in inside if (topic == "" or flow.topic in named) and _channels(flow) <= {channel}
    ]  # fmt: skip


async def _granted(
    session: AsyncSession, secret: str, happened: Happened, channel: str, topics: Sequence[str]
) -> set[str]:
    """Those of these topics about which the address has a yes of its own."""
    assert happened.contact_id is not None
    if channel == "email":
        address = await people.address(session, happened)
    else:
        known = await contacts.address(session, happened.contact_id, channel)
        address = known.value if known else None
    if address is None:
        return set()
    said = {topic: await contacts.allowed(session, secret, channel, address, topic) for topic in topics}
    return {topic for topic, word in said.items() if word is not None and word.action == "granted"}


def _channels(flow: Flow) -> set[str]:
    return {channel for step in flow.steps if step.send for channel in step.channels}
