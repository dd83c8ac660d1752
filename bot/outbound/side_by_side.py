"""Messages that leave side by side: each end is written down, whatever becomes of its fellows or of the program."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from bot.base import logs
from bot.outbound.sender import DeliveryError, NotNow, Outgoing, Receipt, Sender

log = logs.get(__name__)

End = tuple[Outgoing, Receipt | Exception]

_TOGETHER = 1.0  # seconds: what ends within them is written down in one transaction


async def send_all(
    sender: Sender, messages: Sequence[Outgoing], write: Callable[[Sequence[End]], Coroutine[Any, Any, None]]
) -> None:
    """Ends are written together, but none waits for a slow fellow: what is not written is in doubt.

    When the program stops, those that have ended are written all the same, and so are those that never began.
    """
    flying = {asyncio.create_task(_send(sender, message)): message for message in messages}
    try:
        while flying:
            done, _ = await asyncio.wait(flying, timeout=_TOGETHER)
            if done:
                await _whole(write([(flying.pop(task), task.result()) for task in done]))
            else:
                await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
    except BaseException as fault:
        await _see_down(flying, write, broken_off=isinstance(fault, asyncio.CancelledError))
        raise


async def _see_down(
    flying: dict[asyncio.Task[Receipt | Exception], Outgoing],
    write: Callable[[Sequence[End]], Awaitable[None]],
    *,
    broken_off: bool,
) -> None:
    if broken_off:
        for task in flying:
            task.cancel()
    if flying:
        done, _ = await asyncio.wait(flying)
        await write([(flying[task], task.result()) for task in done if not task.cancelled()])


async def _send(sender: Sender, message: Outgoing) -> Receipt | Exception:
    try:
        return await sender.send(message)
    except (DeliveryError, NotNow) as error:
        return error
    except Exception as error:  # one row of a loop: it alone moves away
        log.exception("sending failed", message_id=message.id)
        return error


async def _whole(writing: Coroutine[Any, Any, None]) -> None:
    """Done to its end also if we are cancelled meanwhile: whether half of it was written could not be told."""
    task = asyncio.create_task(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
