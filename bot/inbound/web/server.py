"""Serves the web application inside our own event loop: uvicorn without its signals, its logs and its guesses."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from bot.base.errors import Finding, FindingsError

_GRACE = 5  # seconds that requests in work have when the program stops


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The program stops all its parts in order; a server of its own mind would stop first."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises FindingsError when the port is taken or the address is not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        words = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise FindingsError(Finding(words, key="web.port")) from None
    return listening


async def serve(app: FastAPI, listening: socket.socket, stop: asyncio.Event) -> None:
    """Answers until `stop` is set; requests in work are finished first."""
    config = uvicorn.Config(
        app,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=75,  # longer than a proxy in front keeps its own, or it meets closed connections
        ws="none",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
