"""Serves the web application inside our own event loop: uvicorn without its signals, its logs and its guesses."""

import asyncio
import contextlib
import dataclasses
import math
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from bot.base import logs
from bot.base.errors import Finding, FindingsError
from bot.inbound.web.connections import Connections, Limits
from bot.inbound.web.each_connection import EachConnection

log = logs.get(__name__)

_GRACE = 5  # seconds that requests in work have when the program stops
_OTHER_FILES = 200  # that we have open beside connections


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


async def serve(app: FastAPI, listening: socket.socket, stop: asyncio.Event, limits: Limits) -> None:
    """Answers until `stop` is set; requests in work are finished first."""
    connections = Connections(dataclasses.replace(limits, connections=_files_for(limits.connections)))
    config = uvicorn.Config(
        app,
        loop="none",
        http=cast(Any, partial(EachConnection, all_of_them=connections)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=math.ceil(limits.idle_time),
        ws="none",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    sweeping = asyncio.create_task(connections.sweep())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
    sweeping.cancel()


def _files_for(connections: int) -> int:
    """How many connections we can have open beside our other files, after asking the system for as many."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if soft < wanted:
            log.warning("the system gives us fewer open files than connections are allowed", files=soft)
    return connections if soft == resource.RLIM_INFINITY else max(10, min(connections, soft - _OTHER_FILES))
