"""A server far away: a proxy on loopback that keeps what passes, in each direction, for half of a round trip."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

CHUNK = 65_536  # bytes


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what comes, in order, each piece when it has been under way for ``delay`` seconds."""
    loop, line = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver() -> None:
        while (arrived := await line.get()) is not None:
            due, data = arrived
            await asyncio.sleep(max(due - loop.time(), 0))
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            line.put_nowait((loop.time() + delay, data))
    line.put_nowait(None)
    with contextlib.suppress(ConnectionError):
        await delivery
    writer.close()


async def _serve(port: int, round_trip: float, ready: threading.Event, told: list) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the measurement is over
            there, back = await asyncio.open_connection("localhost", port)
            await asyncio.gather(_carry(reader, back, round_trip / 2), _carry(there, writer, round_trip / 2))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    over = asyncio.Event()
    told += [server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over]
    ready.set()
    async with server:
        await over.wait()


@contextlib.contextmanager
def far_away(port: int, milliseconds: float) -> Iterator[int]:
    """The port of a server on this machine as if a message there and its answer took so long."""
    ready, told = threading.Event(), []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(port, milliseconds / 1e3, ready, told)), daemon=True)
    thread.start()
    ready.wait()
    own, loop, over = told
    try:
        yield own
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=5)
